/* SPDX-License-Identifier: Apache-2.0 */
/* What a network device's driver says of it (SIOCETHTOOL). */
#pragma once

#include "base/arena.h"

struct ethtool_link {
	uint32_t supported, advertised; /* ADVERTISED_* and SUPPORTED_*: the first 32 modes */
	bool autonegotiate;
};

struct ethtool_driver {
	struct str name, version, firmware, bus, expansion_rom;
	uint32_t n_stats;
};

struct ethtool_stat {
	struct str name;
	uint64_t value;
};

/* A socket to ask with, the caller's, or -errno. */
int ethtool_open(void);

/* 0 or -errno; -EOPNOTSUPP where the driver has no answer. Strings live in the arena. */
int ethtool_link(int fd, struct str device, struct ethtool_link *ret);
int ethtool_driver(int fd, struct str device, struct arena *arena, struct ethtool_driver *ret);
int ethtool_stats(int fd, struct str device, const struct ethtool_driver *driver,
		  struct arena *arena, struct ethtool_stat **ret_stats, size_t *ret_n);

/* The driver's name for a counter as part of a metric's name: "[0]: RX-bytes" is _0_RX_bytes. */
struct str ethtool_clean(struct str raw, struct arena *arena);
/* What a metric is called for it: rx_bytes is received_bytes_total, tx_busy transmitted_busy. */
struct str ethtool_words(struct str clean, struct arena *arena);
