/* SPDX-License-Identifier: Apache-2.0 */
/* Where other programs leave metrics of this host; `peekpush metric` is one of them. */
#pragma once

#include "base/opt.h"

struct textfile_conf {
	struct str directory; /* "" means textfile_built_in */
	uint64_t max_size;
};

extern const struct opt_section section_textfile;
extern const char textfile_built_in[];

/* The directory without slashes at its end, NUL-ended. */
struct str textfile_directory(const struct textfile_conf *conf, struct arena *arena);
