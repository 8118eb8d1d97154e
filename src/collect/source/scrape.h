/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of this host that tell metrics to whoever asks, relayed. */
#pragma once

#include "metric/source.h"

/* One of scrape.targets. */
struct scrape_target {
	struct str name, url, unix_socket;
	int64_t interval_ns, timeout_ns, max_age_ns; /* -1: auto */
	uint64_t max_size;
	struct str user, password_file, bearer_token_file;
	struct str ca, cert, key;
	bool insecure, any_type;
	struct opt_map labels;
	struct opt_groups relabel;
	struct opt_regex target_label_for;
	struct metrics_filter filter;
};

struct scrape_conf {
	struct opt_groups targets;
};

extern const struct opt_section section_scrape;

/* Where a target is: the URL in libcurl's spelling, and the socket it is asked for at. */
struct scrape_place {
	struct str url, socket; /* NUL-ended; no socket: TCP */
	struct str where;       /* for messages: "127.0.0.1:9100", "/run/x.sock" */
};

/* 0, or -EINVAL with ret_why, which does not repeat what may be secret. */
int scrape_locate(const struct scrape_target *target, struct arena *arena, struct scrape_place *ret,
		  struct str *ret_why);

/*
 * Asks the target, and writes what it answers to `out`. Returns 0, or -errno with one line for a
 * person.
 */
int scrape_fetch(const struct scrape_target *target, int out, struct arena *arena,
		 struct str *ret_why);
