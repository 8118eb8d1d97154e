/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting with perf_event_open(2), of whole processors. A counter begins at 0 when it is opened
 * and ends with its descriptor, so this is for who stays. Where more events are asked for than the
 * processor has counters the kernel lets them take turns; what is missed is made up for by how long
 * each was on.
 */
#pragma once

#include "host/host.h"

enum perf_kind { PERF_KIND_HARDWARE, PERF_KIND_SOFTWARE, PERF_KIND_CACHE, PERF_KIND_TRACEPOINT };

struct perf_event {
	const char *profiler; /* node_exporter's name for switching it on */
	enum perf_kind kind;
	uint32_t type;   /* as in struct perf_event_attr */
	uint64_t config; /* as there */
	const char *name, *what;
};

extern const struct perf_event perf_events[];
size_t perf_event_count(void);

struct perf_counter {
	const struct perf_event *event;
	uint32_t cpu;
	int fd;                           /* or -errno */
	uint64_t count, enabled, running; /* as read last */
	double sum;                       /* never falls */
};

/* Counters that live until perf_release(); a zeroed one is empty. */
struct perf_set {
	struct arena arena;
	size_t n;
	struct perf_counter *counters;
};

/* A counter of the event on each of these CPUs, none of them open yet. */
void perf_add(struct perf_set *set, const struct perf_event *event, const uint32_t *cpus, size_t n);
void perf_release(struct perf_set *set);

/* Opens it, unless it is open. What fails leaves the reason in counter->fd. */
void perf_open(struct perf_counter *counter);
/* Brings counter->sum up to date. 0 or -errno; a counter of a CPU that went is opened anew later.
 */
int perf_read(struct perf_counter *counter);

/*
 * The tracepoint "SUBSYSTEM:EVENT" as an event, with names in the arena. -EINVAL: not of that form;
 * -EACCES, -ENOENT: the kernel tells nobody, or has none of that name.
 */
int perf_tracepoint(const struct host *host, struct str name, struct arena *arena,
		    struct perf_event *ret);

/* "0-3,8-64:2" as numbers; the file cpu/online has the same form. -EINVAL, or -E2BIG. */
int perf_cpus(struct str text, struct arena *arena, uint32_t **ret, size_t *ret_n);
