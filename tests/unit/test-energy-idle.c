/* SPDX-License-Identifier: Apache-2.0 */
/* The idle power that the host's cycles have learnt, as `run` finds it. */
#include "unit.h"

#include "collect/energy/ledger.h"
#include "job/energy_idle.h"
#include "metric/state.h"

#define SECOND INT64_C(1000000000)

struct world {
	char path[64];
	int dir;
	struct app app;
};

static void begin(struct world *w)
{
	static const struct opt_section *const sections[] = { &section_state, NULL };

	*w = (struct world){ 0 };
	w->dir = unit_dir(w->path);
	w->app.conf = conf_new(sections);
	assert_int_equal(conf_set(w->app.conf, STR("state.dir"), str_of(w->path), "test"), 0);
}

static void end(struct world *w)
{
	conf_free(w->app.conf);
	unit_remove(w->dir);
}

/* 12 W idle, and 30 W more when all is busy. */
static void learn(struct ledger_source *source, int samples)
{
	for (int i = 0; i < samples; i++)
		baseline_learn(&source->baseline, 12000000 + (uint64_t)(i % 11) * 3000000, SECOND,
			       (uint64_t)(i % 11), 10);
}

static void save(const struct world *w, int samples, bool model)
{
	struct arena arena = { 0 };
	struct energy_ledger ledger = { .arena = &arena };
	struct state state = { 0 };
	struct buf out = { 0 };

	learn(energy_ledger_source(&ledger, str_hash(STR("rapl:intel-rapl:0"))), samples);
	energy_ledger_save(&ledger, &out);
	state_set(&state, energy_ledger_key(model), buf_view(&out));
	assert_int_equal(state_save(&state, w->dir, "host.state", false), 0);
	state_release(&state);
	buf_release(&out);
	arena_release(&arena);
}

static bool idle(struct world *w, const char *id, uint64_t *ret_uw)
{
	struct known_idle known;
	bool is_known;

	known_idle_load(&known, &w->app);
	is_known = known_idle_uw(&known, str_of(id), ret_uw);
	arena_release(&known.arena);
	return is_known;
}

static void test_known(void **state)
{
	struct world w;
	uint64_t uw = 0;

	(void)state;
	begin(&w);
	assert_false(idle(&w, "rapl:intel-rapl:0", &uw));
	save(&w, 100, false);
	assert_true(idle(&w, "rapl:intel-rapl:0", &uw));
	assert_in_range(uw, 11900000, 12000000);
	assert_false(idle(&w, "rapl:intel-rapl:1", &uw));
	end(&w);
}

static void test_unknown(void **state)
{
	struct world w;
	uint64_t uw;

	(void)state;
	begin(&w);
	save(&w, BASELINE_LEARNING - 1, false);
	assert_false(idle(&w, "rapl:intel-rapl:0", &uw));
	end(&w);
	begin(&w);
	save(&w, 100, true);
	assert_false(idle(&w, "rapl:intel-rapl:0", &uw));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests_name("energy-idle", tests, NULL, NULL);
}
