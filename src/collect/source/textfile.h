/* SPDX-License-Identifier: Apache-2.0 */
/* Where other programs leave metrics of this host; `peekpush metric` is one of them. */
#pragma once

#include "metric/source.h"

struct textfile_conf {
	struct opt_list directory; /* none means textfile_built_in */
	uint64_t max_size;
	struct metrics_filter file; /* of each, of which it is the limit alone */
};

extern const struct opt_section section_textfile;
extern const char textfile_built_in[];

/* The first that is no pattern, without slashes at its end, NUL-ended. */
struct str textfile_directory(const struct textfile_conf *conf, struct arena *arena);
