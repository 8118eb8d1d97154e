/* SPDX-License-Identifier: Apache-2.0 */
/* Wireless devices, as nl80211 tells of them over generic netlink. */
#pragma once

#include "base/arena.h"

struct wifi_station {
	struct str address; /* raw bytes */
	uint32_t connected_seconds, inactive_ms, retries, failed, beacon_loss;
	uint64_t received_bytes, sent_bytes, received_packets, sent_packets;
	uint64_t receive_rate, send_rate; /* bits a second */
	int8_t signal;                    /* dBm */
};

struct wifi_bss {
	bool here;        /* it is the one that we belong to */
	uint32_t status;  /* NL80211_BSS_STATUS_* */
	struct str bssid; /* raw bytes */
	struct str ssid;
};

struct wifi_device {
	int32_t index;
	uint32_t mhz; /* 0: none */
	struct str name;
	struct wifi_bss bss;
	struct wifi_station *stations;
	size_t n_stations;
};

/* -ENOENT where the kernel has no wireless devices, or another -errno. */
int nl80211_devices(struct arena *arena, struct wifi_device **ret_devices, size_t *ret_n);

/*
 * The parsers, for tests: the payload of one message, from the generic header on. False when it
 * is cut short, or tells of nothing that is wanted.
 */
bool nl80211_parse_family(struct str payload, struct str name, uint16_t *ret_id);
bool nl80211_parse_device(struct str payload, struct arena *arena, struct wifi_device *ret);
bool nl80211_parse_bss(struct str payload, struct arena *arena, struct wifi_bss *ret);
bool nl80211_parse_station(struct str payload, struct arena *arena, struct wifi_station *ret);
