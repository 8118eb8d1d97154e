/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drop-box: users who cannot read the push credentials leave the results of their jobs in a
 * directory, from where the host's push, agent or flush delivers them. What they write is
 * checked like anything from outside; and because a group always gets the owner's name as label
 * `user`, nobody can overwrite the group of another.
 */
#pragma once

#include "app.h"
#include "base/opt.h"
#include "metric/state.h"
#include "push/deliver.h"

struct dropbox_conf {
	struct str directory;
	bool enable, instanceless;
	uint64_t max_size, user_size;
	int64_t max_files, user_files, series;
	struct opt_regex jobs;
	struct opt_list labels;
};

extern const struct opt_section section_dropbox;

/* Its path: dropbox.directory or the built-in one. */
struct str dropbox_path(const struct app *app);

struct dropbox_counts {
	unsigned delivered, refused, left;
};

/*
 * How many files are there. Makes the directory for root; what a user has there beyond what each
 * may have is removed, logged, and counted in the state.
 */
unsigned dropbox_count(const struct app *app, struct state *state);

/*
 * Delivers what is there to `target`, whose group's instance is this host's, within
 * `timeout_ns`. Refusals are logged and counted in the state as "dropbox_refused".
 */
void dropbox_deliver(const struct app *app, const struct target_conf *target, struct state *state,
		     int64_t timeout_ns, const struct sink_waiter *waiter,
		     struct dropbox_counts *ret);
