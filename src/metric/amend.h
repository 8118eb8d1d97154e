/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One metric changed in a text of the exposition format, everything else kept: what
 * `peekpush metric` does to its file. Knows nothing of files.
 */
#pragma once

#include "base/buf.h"
#include "metric/metrics.h"

enum { AMEND_BUCKETS_MAX = 200 };

struct amend {
	enum metric_type type; /* a gauge is set, a counter added to, a histogram told a value */
	struct str name;       /* checked by the caller, as labels and help are */
	struct str help;       /* p NULL: as it was */
	size_t n;
	const struct label *labels; /* in any order; empty values are as good as none */
	double value;
	size_t n_bounds;
	const double *bounds; /* of a histogram that is new: rising, without +Inf */
	bool insist;          /* that one which is not has the same bounds */
};

struct amend_report {
	struct str why;       /* of -EINVAL, one line: "NAME is a gauge ..." */
	uint32_t lost;        /* lines that were no exposition; they are left out */
	struct str lost_text; /* the first: "LINE: why" */
};

/* Returns 0 or -EINVAL. What it makes of `text` is added to `to`. */
int amend_text(struct str text, const struct amend *amend, struct arena *arena, struct buf *to,
	       struct amend_report *ret);

/* Whether the bounds are fit for a histogram; else ret_why says what is wrong. */
bool amend_bounds_valid(size_t n, const double *bounds, const char **ret_why);
