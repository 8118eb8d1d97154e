/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to configure and to say of a wrapped command. */
#pragma once

#include "base/conf.h"
#include "job/book.h"
#include "metric/feed.h"
#include "metric/metrics.h"

enum job_lock { JOB_LOCK_OFF, JOB_LOCK_FAIL, JOB_LOCK_WAIT };

struct job_conf {
	struct str name; /* "" means the base name of CMD */
	struct str stage;
	bool no_instance;
	int64_t heartbeat_ns;              /* -1: none */
	int64_t every_ns, max_duration_ns; /* 0: not declared */
	int64_t timeout_ns;                /* 0: none */
	int64_t kill_after_ns;
	int64_t retries, retry_delay_ns;
	int lock, accounting; /* enum job_lock, enum tree_way */
	struct opt_list success_codes, metrics_files, duration_buckets;
	bool summary;
	int64_t tail;          /* lines */
	int64_t remember;      /* jobs */
	uint64_t metrics_size; /* bytes of text */
};

extern const struct opt_section section_job;

/*
 * Checks what the types of the options cannot: success codes and buckets. 0 or -EINVAL with
 * ret_why ("job.success_codes: 256 is not between 0 and 255").
 */
int job_conf_check(const struct job_conf *conf, struct arena *arena, struct str *ret_why);
bool job_success(const struct job_conf *conf, int exit_code);

/*
 * Adds the families of a group. `own` are the facts of the caller's run while it lives, else
 * NULL. What is wrong with the metrics from inside is in ret_inside.
 */
void job_metrics(const struct book *book, const struct state *own, struct metrics *out,
		 struct arena *arena, struct feed_report *ret_inside);
