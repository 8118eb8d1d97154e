/* SPDX-License-Identifier: Apache-2.0 */
/* What each source of the host consumes doing nothing, as `push` or `agent` have learnt it. */
#pragma once

#include "app.h"

struct known_idle {
	struct arena arena;
	size_t n;
	struct known_idle_source *v;
};

/* From the host's state, where this user may read it; else there is none. */
void known_idle_load(struct known_idle *known, const struct app *app);

/* False for a source that is not known, or not well enough yet. */
bool known_idle_uw(const struct known_idle *known, struct str id, uint64_t *ret_uw);
