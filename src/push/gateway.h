/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Pushgateway holds, read from its own API, and what is wrong with it. None of what it says
 * is trusted: sizes are bounded, and texts are as they came, to be made visible by who prints them.
 *
 * The three sources fail in different ways. /api/v1/metrics has all groups and works even when
 * nothing else does, but spells what is not UTF-8 as U+FFFD, with which no group can be deleted.
 * /metrics then answers 500 and names the labels exactly, each byte escaped.
 */
#pragma once

#include "metric/metrics.h"
#include "push/sink.h"

enum {
	GATEWAY_REPLY_MAX = 100 << 20,
	GATEWAY_GROUPS_MAX = 200000,
	GATEWAY_LABELS_MAX = 2000000,
	GATEWAY_FAMILIES_MAX = 2000000,
};

/* One family of one group. */
struct gateway_family {
	struct str name, type, help; /* type as the API has it: "GAUGE" */
	struct str colon;            /* a label with a colon in its name, which no group label is */
	uint32_t group;
	uint32_t series;
};

struct gateway_group {
	const struct label *labels; /* by name; values exactly, where `exact` */
	uint32_t n;
	bool exact;        /* else a value has U+FFFD in the place of who knows what */
	bool hidden;       /* a family with a reserved name stands where the API has the labels */
	bool failed;       /* the last push was refused */
	bool spoofed;      /* the time of the last failure was pushed by somebody */
	bool foreign_type; /* it was, with a type that no other group has */
	double pushed, failed_at; /* Unix time; 0: never */
	double interval;          /* peekpush_interval_seconds; 0: none */
	double running, jobs;     /* peekpush_running, peekpush_job_running; -1: none */
	double expected,
		success; /* of a job: how often it should succeed, and when it did; 0: none */
	uint32_t series;
	uint32_t n_families;
	size_t first;         /* of its families, while they stand in the order of the API */
	uint32_t n_instances; /* `instance` in the series of a group that has none itself */
	struct str *instances;
};

/* A line of the error that /metrics answers: about one metric, mostly. */
struct gateway_complaint {
	struct str text; /* all of it */
	struct str family, why;
	const struct label *labels;
	const struct label *lossy; /* the same as the API would spell them */
	uint32_t n;
};

struct gateway {
	struct arena arena;
	struct str version, start_time, persistence;
	bool unchecked, admin, utf8_names;
	struct str telemetry; /* the path of /metrics */
	bool ready;
	struct str unready; /* why not */
	double now;         /* its clock */
	int64_t skew;       /* seconds that it is ahead of ours */
	bool known;         /* the groups are */
	struct str unknown; /* why not */
	struct gateway_group *groups;
	struct gateway_family *families;
	size_t n_groups, n_families, n_series, n_labels;
	int scrape_status; /* HTTP status of /metrics, 0: no answer */
	struct str scrape; /* what was said instead of metrics */
	size_t scrape_bytes, scrape_series;
	int64_t scrape_ns;
	bool scrape_utf8, scrape_cut;
	bool scrape_raw; /* names stand in it that may not, and without quotes */
	struct gateway_complaint *complaints;
	size_t n_complaints;
	uint64_t compared; /* labels; there is an end to what a gateway may let us do */
};

enum gateway_severity { GATEWAY_ERROR, GATEWAY_WARNING, GATEWAY_NOTE };

struct gateway_finding {
	enum gateway_severity severity;
	const char *kind;  /* "poisoned" */
	struct str family; /* what it is about, if not a group */
	struct str what;
	const uint32_t *groups; /* those whose deletion mends it */
	size_t n;
	bool wipe; /* none does, or nobody knows which: all of them */
};

struct gateway_findings {
	struct gateway_finding *v;
	size_t n;
};

/*
 * Reads all of it: small answers within `quick_ns`, large ones within `slow_ns` each. SINK_OK, or
 * what keeps it from being a gateway that can be read, with ret_why.
 */
enum sink_result gateway_read(struct gateway *gateway, struct sink *sink, int64_t quick_ns,
			      int64_t slow_ns, struct str *ret_why);
void gateway_release(struct gateway *gateway);

/*
 * Looks for everything that is wrong, the worst first. Groups of who tells no interval are stale
 * after `stale_s` seconds.
 */
void gateway_diagnose(struct gateway *gateway, int64_t stale_s, struct gateway_findings *ret);

/* The group's value for a label; NULL when it has none of the name. */
const struct str *gateway_label(const struct gateway_group *group, struct str name);
