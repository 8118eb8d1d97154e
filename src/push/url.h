/* SPDX-License-Identifier: Apache-2.0 */
/* Grouping keys and their spelling in a Pushgateway URL. */
#pragma once

#include "base/buf.h"
#include "base/opt.h"

struct group {
	struct str job, instance; /* instance may be empty: a service-level job */
	struct opt_map labels;    /* further grouping labels; job and instance are not among them */
};

/*
 * Appends "/metrics/job/J/instance/I/label/value...". Values outside [A-Za-z0-9_.:-], "." and
 * ".." go as @base64 (URL alphabet, no padding). -EINVAL with ret_why for what would poison
 * the gateway or be lost there: an empty job, an empty or non-UTF-8 value, an illegal or
 * reserved (`__`, job, instance) or repeated label name.
 */
int group_path(const struct group *group, struct buf *out, struct arena *arena,
	       struct str *ret_why);

/* "job=J instance=I label=value", for messages; made with printable characters only. */
struct str group_text(const struct group *group, struct arena *arena);

/*
 * Appends base64 without padding; `last_two` ends the alphabet: "-_" in URLs, "+/" elsewhere.
 */
void base64_put(struct buf *out, struct str in, const char *last_two);
