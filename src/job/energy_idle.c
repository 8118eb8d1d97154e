/* SPDX-License-Identifier: Apache-2.0 */
#include "job/energy_idle.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "collect/energy/ledger.h"
#include "metric/state.h"

struct known_idle_source {
	uint64_t id, idle_uw;
};

/* Users have a state of their own, where a host's is only when their own agent runs. */
static int open_host_state(const struct app *app, struct state *ret)
{
	const struct state_conf *conf = conf_get(app->conf, &section_state);
	_cleanup_arena_ struct arena arena = { 0 };
	struct str why;
	_cleanup_fd_ int dir = app_state_dir(app, &arena, &why);
	_cleanup_fd_ int shared = -1;
	int r = dir < 0 ? dir : state_load(ret, dir, "host.state");

	if ((r == 0 && !ret->fresh) || conf->dir.n || geteuid() == 0)
		return r;
	shared = file_open_dir(AT_FDCWD, LOCALSTATEDIR "/lib/peekpush");
	if (shared < 0)
		return shared;
	state_release(ret);
	return state_load(ret, shared, "host.state");
}

void known_idle_load(struct known_idle *known, const struct app *app)
{
	struct energy_ledger ledger;
	struct state state = { 0 };

	*known = (struct known_idle){ 0 };
	if (open_host_state(app, &state) == 0) {
		energy_ledger_load(&ledger, state_get(&state, energy_ledger_key(false)),
				   &known->arena);
		known->v = arena_zalloc(&known->arena, ledger.n_sources + 1, sizeof(*known->v));
		for (size_t i = 0; i < ledger.n_sources; i++) {
			const struct ledger_source *source = &ledger.sources[i];

			if (baseline_is_learning(&source->baseline))
				continue;
			known->v[known->n++] = (struct known_idle_source){
				source->id,
				baseline_idle_uw(&source->baseline),
			};
		}
	}
	state_release(&state);
}

bool known_idle_uw(const struct known_idle *known, struct str id, uint64_t *ret_uw)
{
	uint64_t hash = str_hash(id);

	for (size_t i = 0; i < known->n; i++)
		if (known->v[i].id == hash) {
			*ret_uw = known->v[i].idle_uw;
			return true;
		}
	return false;
}
