/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing collectors and running them. */
#pragma once

#include "base/conf.h"
#include "base/log.h"
#include "collect/collector.h"
#include "metric/places.h"

struct collectors_conf {
	struct opt_list enable; /* names, "default", "all", "-NAME" */
	struct opt_list disable;
};

extern const struct opt_section section_collectors;

struct collector_slot {
	const struct collector *type;
	struct collect c;
	struct metrics_filter filter;
	struct metrics_source source;
	struct arena why;
	bool enabled, opened;
	int result; /* of the last run: 0, -ENODATA, -errno */
	double seconds;
	uint32_t series; /* added by the last run */
	bool seen;       /* it has added something before */
	int64_t look_ns; /* when to look again for what was never there */
};

struct collectors {
	size_t n;
	struct collector_slot *slots; /* one per registered collector, in order */
	struct arena arena, scratch;
	struct places_book places; /* under limits that were met */
	bool has_places;           /* those of the state have been read */
};

/*
 * Sets up every registered collector and enables those the configuration names. Returns 0 or
 * -EINVAL, then ret_why names the unknown collector and the nearest known one.
 */
int collectors_init(struct collectors *all, const struct conf *conf, struct host *host,
		    struct metrics *out, struct state *state, struct arena *arena,
		    struct str *ret_why);

/*
 * Runs the enabled ones and adds node_scrape_collector_success and _duration_seconds, of those that
 * node_exporter has not peekpush_collector_success and _duration_seconds. What
 * fails is logged once per reason, and so are notes (the state remembers it, so that a oneshot
 * is no louder than an agent).
 */
void collectors_run(struct collectors *all, const struct log *log);
void collectors_close(struct collectors *all);
