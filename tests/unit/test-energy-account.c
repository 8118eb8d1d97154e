/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose energy it was: not a microjoule is lost or made, whatever comes and goes, and the shares
 * are those of who did the work.
 */
#include <errno.h>
#include <math.h>

#include "energy-world.h"

static const char settings[] = "energy: { processes = 3; pids = true; };";

struct seen {
	uint64_t host, states[3];
	uint64_t rows[WORLD_GROUPS];
};

/* The host stood still while clocks or counters were read, and the meter had to give something up.
 */
static bool is_disturbed(const struct world *w)
{
	const uint64_t *gaps = w->account->meter->gaps;

	return gaps[GAP_SUSPEND] || gaps[GAP_IMPLAUSIBLE] || gaps[GAP_AMBIGUOUS];
}

/* The sums of every level, and that none of them has fallen. */
static void check(const struct world *w, struct seen *seen)
{
	const struct energy_account *a = w->account;
	const struct cgroup_table *table = a->containers->cgroups;
	uint64_t delta = 0, below[64] = { 0 };
	struct seen now = {
		.host = a->host_uj[0],
		.states = { a->idle_uj[0], a->attributed_uj[0], a->unattributed_uj[0] },
	};

	assert_int_equal(a->balance_error_uj, 0);
	assert_true(one_value(&w->one, "peekpush_energy_balance_error_joules", NULL) == 0);
	for (int k = 0; k < 2; k++)
		assert_int_equal(a->host_uj[k],
				 a->idle_uj[k] + a->attributed_uj[k] + a->unattributed_uj[k]);
	assert_true(now.host >= seen->host);
	for (int i = 0; i < 3; i++)
		assert_true(now.states[i] >= seen->states[i]);
	assert_int_equal(a->rows[0].cpu_uj[0] + a->rows[0].gpu_uj[0], a->attributed_uj[0]);
	assert_int_equal(a->rows[0].cpu_uj[1], a->attributed_uj[1]);
	for (size_t i = 1; i < a->n_rows; i++)
		below[table->v[i].parent] += a->rows[i].cpu_uj[0];
	for (size_t i = 0; i < a->n_rows; i++) {
		assert_true(below[i] <= a->rows[i].cpu_uj[0]);
		assert_true(a->rows[i].dram_uj[0] <= a->rows[i].cpu_uj[0]);
	}
	for (size_t i = 0; i < a->n_processes; i++)
		delta += a->processes[i].delta_uj;
	assert_true(delta <= a->attributed_uj[1]);
	for (int i = 0; i < WORLD_GROUPS; i++) {
		if (!w->groups[i].alive)
			continue;
		now.rows[i] = world_row(w, *w->groups[i].path ? w->groups[i].path : "/")->cpu_uj[0];
		assert_true(now.rows[i] >= seen->rows[i]);
	}
	*seen = now;
}

static void come_and_go(struct world *w, struct seen *seen)
{
	char name[16];
	int i = (int)world_some(w, WORLD_GROUPS), group = (int)world_some(w, WORLD_GROUPS);

	(void)snprintf(name, sizeof(name), "g%u", world_some(w, 30));
	if (world_some(w, 4) == 0 && w->groups[i].alive && strlen(w->groups[i].path) < 12) {
		bool taken = false;
		char path[160];

		(void)snprintf(path, sizeof(path), "%s/%s", w->groups[i].path, name);
		for (int k = 1; k < WORLD_GROUPS; k++)
			taken |= w->groups[k].alive && strcmp(w->groups[k].path, path) == 0;
		if (!taken) {
			int made = world_group_start(w, i, name);

			if (made > 0)
				seen->rows[made] = 0;
		}
	}
	if (world_some(w, 5) == 0 && group && w->groups[group].alive) {
		bool leaf = true;

		for (int k = 1; k < WORLD_GROUPS; k++)
			leaf &= !w->groups[k].alive || w->groups[k].parent != group;
		if (leaf)
			world_group_end(w, group);
	}
	i = (int)world_some(w, WORLD_PROCESSES);
	if (w->processes[i].alive && world_some(w, 6) == 0)
		world_process_end(w, i);
	group = (int)world_some(w, WORLD_GROUPS);
	if (w->groups[group].alive && world_some(w, 2) == 0)
		world_process_start(w, group);
}

static void live(struct world *w)
{
	for (int n = 0; n < 12; n++) {
		int group = (int)world_some(w, WORLD_GROUPS);
		int p = (int)world_some(w, WORLD_PROCESSES);
		uint64_t ns = world_random(w) % 300000000;

		if (!w->groups[group].alive)
			continue;
		if (!w->processes[p].alive || w->processes[p].group != group)
			p = -1;
		world_work(w, group, (int)world_some(w, WORLD_CPUS), ns, p);
		w->irq_ns[world_some(w, WORLD_CPUS)] += world_random(w) % 20000000;
	}
	for (int i = 0; i < WORLD_ZONES; i++)
		world_consume(w, i, world_random(w) % 20000000);
}

static void lives(bool v1)
{
	struct world w;
	struct seen seen = { 0 };
	uint64_t before = 0;
	unsigned known = 0, waited = 0;
	bool all;

	world_start(&w, v1, settings);
	for (int cycle = 0; cycle < 1000; cycle++) {
		unsigned restart = world_some(&w, 20);

		come_and_go(&w, &seen);
		live(&w);
		all = world_some(&w, 50) == 0;
		for (int i = 0; i < WORLD_ZONES; i++)
			w.broken[i] = cycle && (world_some(&w, 40) == 0 || all);
		if (restart == 0 && cycle)
			world_restart(&w);
		/* A new agent knows nothing of counters that it cannot read, and tells nothing. */
		if (world_cycle(&w) < 0) {
			assert_true(all);
			continue;
		}
		check(&w, &seen);
		if (!cycle)
			before = w.counted_uj;
		known += w.account->known;
		waited += w.account->waiting_ns > 0;
		/* What was waited for is all there again; only a host that stands still for seconds
		 * has gaps. */
		if (w.account->known && !is_disturbed(&w))
			assert_int_equal(w.account->host_uj[0], w.counted_uj - before);
	}
	assert_true(known > 500);
	assert_true(waited > 20);
	assert_true(w.wraps >= 4);
	world_stop(&w);
}

static void test_lives_v1(void **state)
{
	(void)state;
	lives(true);
}

static void test_lives_v2(void **state)
{
	(void)state;
	lives(false);
}

/* Zones count a few microjoules by themselves, as none stands still. */
static void assert_near(const struct world *w, uint64_t uj, uint64_t want)
{
	if (!is_disturbed(w) && (uj + 16 < want || uj > want + 16))
		fail_msg("%llu is not near %llu", (unsigned long long)uj, (unsigned long long)want);
}

/*
 * A part of what was beyond idle. On a host that stalls for a second in the middle of a test some
 * of it is: parts stay what they are.
 */
static void assert_share(const struct world *w, uint64_t uj, unsigned part, unsigned of)
{
	const struct energy_account *a = w->account;

	assert_near(w, uj, (a->attributed_uj[1] + a->unattributed_uj[1]) * part / of);
}

static uint64_t row_delta(const struct world *w, const char *path)
{
	return world_row(w, path)->cpu_uj[1];
}

enum { MS = 1000000 };

static void test_shares(void **state)
{
	struct world w;
	int a, b, c;

	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		world_start(&w, v1, settings);
		a = world_group_start(&w, 0, "a");
		b = world_group_start(&w, 0, "b");
		world_process_start(&w, a);
		assert_int_equal(world_cycle(&w), 0);
		assert_false(w.account->known);
		/* What none of the processes that can be seen has used is the group's all the same.
		 */
		world_work(&w, a, 0, 300 * MS, 0);
		world_work(&w, b, 1, 100 * MS, -1);
		w.irq_ns[0] += 100 * MS;
		world_consume(&w, 0, 15000000);
		world_consume(&w, 1, 5000000);
		assert_int_equal(world_cycle(&w), 0);
		assert_true(w.account->known || is_disturbed(&w));
		assert_near(&w, w.account->host_uj[1], 20000000);
		assert_share(&w, row_delta(&w, "/a"), 3, 5);
		assert_share(&w, row_delta(&w, "/b"), 1, 5);
		assert_share(&w, row_delta(&w, "/"), 4, 5);
		assert_share(&w, w.account->unattributed_uj[1], 1, 5);
		assert_share(&w, w.account->processes[0].delta_uj, 3, 5);
		/* A group that came and went is the share of the one above it, whoever died there.
		 */
		c = world_group_start(&w, b, "c");
		world_work(&w, c, 1, 300 * MS, -1);
		world_group_end(&w, c);
		world_work(&w, a, 0, 100 * MS, -1);
		world_consume(&w, 0, 20000000);
		assert_int_equal(world_cycle(&w), 0);
		assert_share(&w, row_delta(&w, "/a"), 1, 4);
		assert_share(&w, row_delta(&w, "/b"), 3, 4);
		world_stop(&w);
	}
}

/* A new one has all it used, and so has one that took the path of another. */
static void test_new_group(void **state)
{
	struct world w;
	int a, b;

	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		world_start(&w, v1, settings);
		a = world_group_start(&w, 0, "a");
		world_work(&w, a, 0, 900 * MS, -1);
		assert_int_equal(world_cycle(&w), 0);
		b = world_group_start(&w, 0, "b");
		world_work(&w, b, 0, 200 * MS, -1);
		world_work(&w, a, 0, 200 * MS, -1);
		world_consume(&w, 0, 20000000);
		assert_int_equal(world_cycle(&w), 0);
		assert_share(&w, row_delta(&w, "/b"), 1, 2);
		world_group_end(&w, a);
		a = world_group_start(&w, 0, "a");
		world_work(&w, a, 0, 100 * MS, -1);
		world_work(&w, b, 0, 300 * MS, -1);
		world_consume(&w, 0, 20000000);
		assert_int_equal(world_cycle(&w), 0);
		assert_share(&w, row_delta(&w, "/a"), 1, 4);
		assert_share(&w, row_delta(&w, "/b"), 3, 4);
		world_stop(&w);
	}
}

/* v1 tells the time by CPU, and so by package. */
static void test_packages(void **state)
{
	struct world w;
	int a, b;

	(void)state;
	world_start(&w, true, settings);
	a = world_group_start(&w, 0, "a");
	b = world_group_start(&w, 0, "b");
	assert_int_equal(world_cycle(&w), 0);
	world_work(&w, a, 0, 500 * MS, -1);
	world_work(&w, b, 3, 100 * MS, -1);
	world_consume(&w, 0, 5000000);
	world_consume(&w, 2, 15000000);
	world_consume(&w, 3, 20000000);
	assert_int_equal(world_cycle(&w), 0);
	assert_share(&w, row_delta(&w, "/a"), 1, 8);
	assert_share(&w, row_delta(&w, "/b"), 7, 8);
	assert_share(&w, world_row(&w, "/b")->dram_uj[1], 1, 2);
	world_stop(&w);
}

/* With psys as the host the rest of the machine is nobody's, and domains never exceed it. */
static void test_psys(void **state)
{
	struct world w;
	int a;

	(void)state;
	world_start(&w, true, settings);
	one_write(&w.one, "sys/class/powercap/intel-rapl:2/name", "psys\n");
	one_write(&w.one, "sys/class/powercap/intel-rapl:2/max_energy_range_uj", "262143328850\n");
	one_write(&w.one, "sys/class/powercap/intel-rapl:2/energy_uj", "1000000\n");
	a = world_group_start(&w, 0, "a");
	assert_int_equal(world_cycle(&w), 0);
	world_work(&w, a, 0, 500 * MS, -1);
	world_consume(&w, 0, 12000000);
	one_write(&w.one, "sys/class/powercap/intel-rapl:2/energy_uj", "21000000\n");
	assert_int_equal(world_cycle(&w), 0);
	assert_string_equal(w.account->source, "psys");
	assert_near(&w, w.account->host_uj[1], 20000000);
	assert_near(&w, w.account->other_uj[1], 8000000);
	assert_near(&w, row_delta(&w, "/a") + w.account->idle_uj[1], 12000000);
	/* The package was quicker to count: what has no room in psys waits until it has. */
	world_work(&w, a, 0, 500 * MS, -1);
	world_consume(&w, 0, 10000000);
	one_write(&w.one, "sys/class/powercap/intel-rapl:2/energy_uj", "27000000\n");
	assert_int_equal(world_cycle(&w), 0);
	assert_near(&w, w.account->host_uj[1], 6000000);
	assert_near(&w, w.account->other_uj[1], 0);
	one_write(&w.one, "sys/class/powercap/intel-rapl:2/energy_uj", "37000000\n");
	world_work(&w, a, 0, 500 * MS, -1);
	assert_int_equal(world_cycle(&w), 0);
	assert_near(&w, w.account->other_uj[1], 6000000);
	assert_int_equal(w.account->balance_error_uj, 0);
	world_stop(&w);
}

static void test_processes(void **state)
{
	static const char *const family = "peekpush_process_energy_joules_total";
	const struct one *told;
	struct world w;
	int a;

	(void)state;
	world_start(&w, true, "energy: { processes = 1; };");
	a = world_group_start(&w, 0, "a");
	world_process_start(&w, a);
	world_process_start(&w, a);
	assert_int_equal(world_cycle(&w), 0);
	for (int i = 0; i < 3; i++) {
		world_work(&w, a, 0, 300 * MS, 0);
		world_work(&w, a, 0, 100 * MS, 1);
		world_work(&w, a, 0, 100 * MS, -1);
		world_consume(&w, 0, 20000000);
		assert_int_equal(world_cycle(&w), 0);
	}
	/* The first is work1, the second one work2. Told from 0 on, once it is among the first. */
	assert_true(isnan(one_value(&w.one, family, "group=\"work2\"")));
	told = &w.one;
	if (!w.account->idle_uj[0] && !is_disturbed(&w)) {
		assert_true(fabs(one_value(told, family, "group=\"work1\"") - 24) < 1e-4);
		assert_true(fabs(one_value(told, family, "group=\"other\"") - 36) < 1e-4);
	}
	/* When another one is far ahead it is pushed out, and the others do not jump. */
	for (int i = 0; i < 4; i++) {
		world_work(&w, a, 0, 500 * MS, 1);
		world_consume(&w, 0, 50000000);
		assert_int_equal(world_cycle(&w), 0);
		assert_int_equal(w.account->balance_error_uj, 0);
	}
	if (!w.account->idle_uj[0] && !is_disturbed(&w)) {
		assert_true(isnan(one_value(told, family, "group=\"work1\"")));
		assert_true(fabs(one_value(told, family, "group=\"gone\"") - 24) < 1e-4);
		assert_true(fabs(one_value(told, family, "group=\"work2\"") - 100) < 1e-4);
	}
	world_stop(&w);
}

/* A part of the host's that could never be read: its sum is not 0, but not known. */
static void test_never_readable(void **state)
{
	static const char *const host = "peekpush_energy_host_joules_total";
	struct world w;

	(void)state;
	world_start(&w, false, settings);
	w.broken[1] = true;
	for (int i = 0; i < 3; i++) {
		world_consume(&w, 0, 20000000);
		assert_int_equal(world_cycle(&w), -ENODATA);
		assert_null(metrics_find(&w.one.metrics, str_of(host)));
		assert_true(one_value(&w.one, "peekpush_energy_gaps_total",
				      "reason=\"implausible\"") == 0);
	}
	w.broken[1] = false;
	assert_int_equal(world_cycle(&w), 0);
	assert_true(one_value(&w.one, host, "source=\"rapl\"") == 0);
	world_consume(&w, 0, 20000000);
	assert_int_equal(world_cycle(&w), 0);
	assert_true(w.account->known);
	assert_int_equal(w.account->balance_error_uj, 0);
	/* And one that only cannot be read now: what it was is still told. */
	w.broken[1] = true;
	assert_int_equal(world_cycle(&w), 0);
	world_stop(&w);
}

/* Another boot: what was counted from is void, what was counted is not. */
static void test_boot(void **state)
{
	struct world w;
	uint64_t total;
	int a;

	(void)state;
	world_start(&w, false, settings);
	a = world_group_start(&w, 0, "a");
	assert_int_equal(world_cycle(&w), 0);
	world_work(&w, a, 0, 300 * MS, -1);
	world_consume(&w, 0, 20000000);
	assert_int_equal(world_cycle(&w), 0);
	total = world_row(&w, "/a")->cpu_uj[0];
	one_write(&w.one, "proc/sys/kernel/random/boot_id", "two\n");
	world_restart(&w);
	world_consume(&w, 0, 20000000);
	assert_int_equal(world_cycle(&w), 0);
	assert_false(w.account->known);
	assert_int_equal(w.account->waiting_ns, 0);
	assert_near(&w, w.account->host_uj[0], 20000000);
	assert_int_equal(world_row(&w, "/a")->cpu_uj[0], total);
	world_work(&w, a, 0, 300 * MS, -1);
	world_consume(&w, 0, 20000000);
	assert_int_equal(world_cycle(&w), 0);
	assert_near(&w, w.account->host_uj[0], 40000000);
	assert_int_equal(w.account->balance_error_uj, 0);
	world_stop(&w);
}

/* Nothing measures: nothing is told and nothing else read, unless there is a model. */
static void test_model(void **state)
{
	static const char *const host = "peekpush_energy_host_joules_total";
	struct world w;
	int a;

	(void)state;
	for (int model = 0; model < 2; model++) {
		world_start(&w, false,
			    model ? "energy: { model: { idle_watts = 10; max_watts = 30; }; };"
				  : "");
		unit_empty(openat(w.one.root, "sys/class/powercap", O_RDONLY | O_CLOEXEC));

		a = world_group_start(&w, 0, "a");
		if (!model) {
			w.one.host.cycle++;
			assert_int_equal(one_run(&w.one), -ENODATA);
			assert_null(metrics_find(&w.one.metrics, str_of(host)));
			assert_true(one_value(&w.one, "peekpush_energy_source_info", NULL) == 1);
		} else {
			w.no_zones = true;
			assert_int_equal(world_cycle(&w), 0);
			world_work(&w, a, 0, 500 * MS, -1);
			world_work(&w, a, 1, 500 * MS, -1);
			assert_int_equal(world_cycle(&w), 0);
			/*
			 * A fifth of the CPUs' time: 10 W and a fifth of the other 20; in a cycle
			 * of some microseconds one or two microjoules more or less are watts.
			 */
			assert_true(fabs(one_value(&w.one, "peekpush_energy_host_watts",
						   "source=\"model\"") -
					 14) < 0.01 + 3000.0 / (double)w.account->elapsed_ns);
			assert_int_equal(w.account->balance_error_uj, 0);
			assert_true(row_delta(&w, "/a") == w.account->attributed_uj[1]);
			assert_true(one_value(&w.one, "container_energy_joules_total",
					      "domain=\"cpu\",id=\"/a\",mode=\"dynamic\","
					      "source=\"model\"") > 0);
			assert_int_equal(w.account->learning, false);
		}
		world_stop(&w);
	}
}

/*
 * A ledger that somebody has damaged is none, or one with other numbers: also one of a source that
 * is not there, of which it is then said that it cannot be read.
 */
static void test_damaged(void **state)
{
	static const struct str key = { "energy.ledger", sizeof("energy.ledger") - 1 };
	struct world w;
	char copy[4096];
	size_t n;
	int r;

	(void)state;
	world_start(&w, false, settings);
	world_process_start(&w, world_group_start(&w, 0, "a"));
	for (int i = 0; i < 3; i++) {
		live(&w);
		assert_int_equal(world_cycle(&w), 0);
	}
	n = state_get(&w.one.state, key).n;
	assert_true(n > 100 && n < sizeof(copy));
	memcpy(copy, state_get(&w.one.state, key).p, n);
	for (int round = 0; round < 500; round++) {
		char bad[sizeof(copy)];
		size_t bad_n = round < 100 ? (size_t)round * n / 100 : n;

		memcpy(bad, copy, n);
		for (int i = 0; round >= 100 && i < 3; i++)
			bad[world_some(&w, (unsigned)n)] = (char)world_random(&w);
		state_set(&w.one.state, key, (struct str){ bad, bad_n });
		live(&w);
		r = world_cycle(&w);
		assert_true(r == 0 || (bad_n == n && r == -ENODATA));
		if (bad_n < n)
			assert_int_equal(w.account->host_uj[0], 0);
	}
	state_unset(&w.one.state, key);
	live(&w);
	assert_int_equal(world_cycle(&w), 0);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged),        cmocka_unit_test(test_shares),
		cmocka_unit_test(test_new_group),      cmocka_unit_test(test_packages),
		cmocka_unit_test(test_psys),           cmocka_unit_test(test_processes),
		cmocka_unit_test(test_never_readable), cmocka_unit_test(test_boot),
		cmocka_unit_test(test_model),          cmocka_unit_test(test_lives_v1),
		cmocka_unit_test(test_lives_v2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
