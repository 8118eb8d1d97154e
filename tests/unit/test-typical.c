/* SPDX-License-Identifier: Apache-2.0 */
/* What is usual for a job, by its history: over which runs, and from how many on. */
#include "unit.h"

#include "encode/encoder.h"
#include "job/typical.h"

struct world {
	struct state history, facts;
	struct buf out;
};

/* A run as the book settles it; `told` when the gauges tell of it. */
static void succeed(struct world *w, uint64_t seconds, bool told)
{
	uint64_t slot;

	state_set_u64(&w->facts, STR("duration"), seconds * 1000000000);
	(void)state_add(&w->history, STR("runs.success"), 1);
	typical_settle(&w->history, &w->facts, &slot);
	if (told)
		state_set_u64(&w->history, STR("last.recent"), slot);
}

static void measured(struct world *w, const char *source, const char *domain, uint64_t uj)
{
	char key[64];

	(void)snprintf(key, sizeof(key), "energy.%s.dynamic", domain);
	state_set(&w->facts, STR("energy.source"), str_of(source));
	state_set_u64(&w->facts, str_of(key), uj);
}

static struct str tell(struct world *w)
{
	struct metrics metrics;

	metrics_init(&metrics, (struct metrics_limits){ 0 });
	typical_metrics(&w->history, &metrics);
	buf_reset(&w->out);
	encoder_text.encode(&metrics, &w->out);
	for (int i = 0; i < DROP_REASONS; i++)
		assert_int_equal(metrics.dropped[i], 0);
	metrics_release(&metrics);
	return buf_view(&w->out);
}

static void end(struct world *w)
{
	state_release(&w->history);
	state_release(&w->facts);
	buf_release(&w->out);
}

static void test_few(void **state)
{
	struct world w = { 0 };

	(void)state;
	assert_int_equal(tell(&w).n, 0);
	succeed(&w, 10, true);
	succeed(&w, 20, true);
	succeed(&w, 30, true);
	/* Two and the one that is compared with them. */
	assert_int_equal(tell(&w).n, 0);
	succeed(&w, 1000, true);
	assert_part(tell(&w), "\npeekpush_job_typical_duration_seconds 20\n");
	/* A failure has come since: now that one counts as well. */
	state_unset(&w.history, STR("last.recent"));
	assert_part(tell(&w), "\npeekpush_job_typical_duration_seconds 25\n");
	end(&w);
}

/* The last 16 before the one that is told; what is older is forgotten. */
static void test_many(void **state)
{
	struct world w = { 0 };
	size_t n;

	(void)state;
	for (uint64_t i = 0; i < 50; i++)
		succeed(&w, 100000, true);
	n = w.history.n;
	for (uint64_t i = 1; i <= 17; i++)
		succeed(&w, i, true);
	/* 1 to 16. */
	assert_part(tell(&w), "\npeekpush_job_typical_duration_seconds 8.5\n");
	state_unset(&w.history, STR("last.recent"));
	/* 2 to 17. */
	assert_part(tell(&w), "\npeekpush_job_typical_duration_seconds 9.5\n");
	/* An older run ends after the newest: it counts, and that one stays out. */
	succeed(&w, 18, true);
	succeed(&w, 1000, false);
	/* 3 to 17 and 1000. */
	assert_part(tell(&w), "\npeekpush_job_typical_duration_seconds 10.5\n");
	assert_int_equal(w.history.n, n);
	end(&w);
}

/* A history of a version that did not know of this. */
static void test_old_history(void **state)
{
	struct world w = { 0 };

	(void)state;
	state_set_u64(&w.history, STR("runs.success"), 12345);
	assert_int_equal(tell(&w).n, 0);
	for (uint64_t i = 1; i <= 4; i++)
		succeed(&w, i, true);
	assert_part(tell(&w), "\npeekpush_job_typical_duration_seconds 2\n");
	end(&w);
}

static void test_energy(void **state)
{
	struct world w = { 0 };
	struct str text;

	(void)state;
	measured(&w, "rapl", "cpu", 5000001);
	for (int i = 0; i < 3; i++)
		succeed(&w, 1, true);
	measured(&w, "rapl", "gpu", 7000000);
	for (int i = 0; i < 3; i++)
		succeed(&w, 1, true);
	text = tell(&w);
	assert_part(text, "_energy_joules{domain=\"cpu\",source=\"rapl\"} 5.000001\n");
	/* Two, and the one that is told. */
	assert_null(memmem(text.p, text.n, "gpu", 3));
	succeed(&w, 1, true);
	assert_part(tell(&w), "_energy_joules{domain=\"gpu\",source=\"gpu\"} 7\n");
	/* Another sensor: the former one's go with the runs that were measured by it. */
	measured(&w, "psys", "cpu", 9000000);
	for (int i = 0; i < TYPICAL_MAX; i++)
		succeed(&w, 1, true);
	text = tell(&w);
	assert_part(text, "_energy_joules{domain=\"cpu\",source=\"psys\"} 9\n");
	assert_null(memmem(text.p, text.n, "rapl", 4));
	end(&w);
}

/* Nothing of what a file may say leads beyond the room there is. */
static void test_damaged(void **state)
{
	struct world w = { 0 };
	char key[64];

	(void)state;
	for (int slot = 0; slot < 100; slot++)
		for (int name = 0; name < 100; name++) {
			(void)snprintf(key, sizeof(key), "recent.%d.energy.s%d.cpu", slot, name);
			state_set_u64(&w.history, str_of(key), UINT64_MAX);
		}
	state_set(&w.history, STR("recent."), STR("1"));
	state_set(&w.history, STR("recent.1"), STR("1"));
	state_set(&w.history, STR("recent.1."), STR("1"));
	state_set(&w.history, STR("recent.2."), STR("1"));
	state_set(&w.history, STR("recent.3."), STR("1"));
	state_set(&w.history, STR("recent.1.duration"), STR("-1"));
	assert_part(tell(&w), "{domain=\"cpu\",source=\"s0\"} 18446744073709.55");
	succeed(&w, 1, true);
	(void)tell(&w);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),         cmocka_unit_test(test_many),
		cmocka_unit_test(test_old_history), cmocka_unit_test(test_energy),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("typical", tests, NULL, NULL);
}
