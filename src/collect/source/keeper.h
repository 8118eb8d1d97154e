/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of metrics that take their time (commands, endpoints), apart from the cycle. Each is
 * fetched at its own interval in a process of its own, and no cycle waits: it takes the newest
 * result that is there. With a state directory results are files in STATE/sources, which the next
 * oneshot finds, and a process that a oneshot has started goes on when that has ended. Without one
 * they are in memory: an agent's are there in its next cycle; who has but one cycle (`collect`,
 * `list`, `check`) waits for them.
 */
#pragma once

#include "collect/collector.h"

struct keeper_source {
	struct str name;  /* "exec.NAME", "scrape.NAME"; NUL-ended, NAME without '.' and '/' */
	uint64_t version; /* of how it is defined: results of another version do not count */
	int64_t interval_ns, timeout_ns, max_age_ns;
	uint64_t max_size; /* of the text */
	/*
	 * Writes the text to stdout (1), and what there is to be said, as the last line, to stderr
	 * (2); all other files are closed, and stdin is empty. Returns the exit status, or
	 * executes.
	 */
	int (*fetch)(const struct keeper_source *source);
	const void *arg;
};

enum keeper_outcome {
	KEEPER_NOTHING,   /* none yet */
	KEEPER_ENDED,     /* by itself, with `status` */
	KEEPER_KILLED,    /* by the signal `status` */
	KEEPER_TIMED_OUT, /* text is not kept of this one and all that follow */
	KEEPER_TOO_MUCH,  /* more than max_size */
	KEEPER_TOO_OLD,   /* there was one, longer than max_age ago */
	KEEPER_FAILED,    /* could not be started, `status` is a -errno */
};

struct keeper_result {
	enum keeper_outcome outcome;
	int status;
	bool running;             /* it is being fetched anew */
	struct str text, message; /* stdout, of status 0 only; the last line of stderr */
	int64_t at_ns;            /* when it began: Unix time */
	int64_t duration_ns;
};

struct keeper_run;

struct keeper {
	const struct keeper_source *sources;
	size_t n;
	struct keeper_run *runs; /* one per source */
	struct host *host;
	int dir; /* STATE/sources, or -1 */
	int64_t begin_ns;
	struct keeper *next; /* of this host */
};

/*
 * Takes up sources, whose names all start with `prefix` ("exec."); files of others with that
 * prefix are removed. They, and the keeper, must stay where they are until keeper_close().
 */
void keeper_open(struct keeper *keeper, struct collect *c, const char *prefix,
		 const struct keeper_source *sources, size_t n);
/*
 * Starts what is due. What has but one cycle and no state is waited for; else a moment goes by for
 * what was quick the last time, or is new.
 */
void keeper_start(struct keeper *keeper);
void keeper_wait(struct keeper *keeper);
/* The newest result of sources[i]; text and message live in the arena. */
void keeper_read(struct keeper *keeper, size_t i, struct arena *arena, struct keeper_result *ret);
/*
 * Ends what still runs; but a oneshot with a state directory gives it some time, within which the
 * next one is not due yet, and then leaves it to itself.
 */
void keeper_close(struct keeper *keeper);

/* Starts what is due between two cycles. How long nothing is due; 0: for ever. */
int64_t keeper_tick(struct host *host);
