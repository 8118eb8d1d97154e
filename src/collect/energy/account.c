/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account of a cycle, from what the sources have counted to whose it was. Where there is no
 * source nothing else is read, neither processes nor control groups.
 */
#include "collect/energy/account_internal.h"

#include <errno.h>

#include "base/clock.h"

/* How long the host's counters may be incomplete before what they counted is given up. */
#define PATIENCE_NS (INT64_C(600) * 1000000000)

struct account_shared {
	uint64_t cycle;
	struct arena arena;
	struct energy_topology topology;
	struct energy_account account;
	int result;
	struct str why;
};

const char *energy_measure_name(enum energy_measure measure)
{
	static const char *const names[ENERGY_MEASURES] = {
		[MEASURE_PSYS] = "psys",       [MEASURE_RAPL] = "rapl",   [MEASURE_ACPI] = "acpi",
		[MEASURE_BATTERY] = "battery", [MEASURE_HWMON] = "hwmon", [MEASURE_GPU] = "gpu",
		[MEASURE_MODEL] = "model",
	};

	return names[measure];
}

/* No source, or none that can be read: which, and why. */
static int no_measure(struct attribution *a)
{
	const struct energy_source *first = NULL;

	for (size_t i = 0; i < a->meter->n && !first; i++)
		if (a->meter->v[i].source->error)
			first = a->meter->v[i].source;
	if (first)
		return collect_fail(a->c, first->error == -EACCES ? -EACCES : -ENODATA, "%.*s: %s",
				    STR_ARG(first->path.n ? first->path : first->id),
				    first->reason ? first->reason : strerror(-first->error));
	return collect_fail(a->c, -ENODATA, "%s",
			    a->meter->n ? "no source tells what the whole host consumes"
			    : a->meter->sources && a->meter->sources->none
				    ? a->meter->sources->none
				    : "nothing here measures energy");
}

static int choose_measure(struct attribution *a)
{
	int r = meter_of_cycle(a->c, &a->meter);

	if (r < 0)
		return r;
	a->account->meter = a->meter;
	a->measure = energy_measured_by(a->meter);
	if (a->measure != MEASURE_NONE) {
		a->at_ns = a->meter->at_ns;
		return 0;
	}
	if (energy_model_settings(a->c->settings)->max_watts <= 0)
		return no_measure(a);
	a->measure = MEASURE_MODEL;
	a->at_ns = clock_ns(CLOCK_MONOTONIC);
	return 0;
}

/* What was idle, owned and nobody's of one package or DRAM. */
static void account_consumer(struct attribution *a, const struct energy_consumer *consumer)
{
	const struct energy_cpus *cpus = &a->cpus;
	size_t stride = cpus->n + 1, at = consumer->package;
	uint64_t *weights = arena_alloc(a->arena, a->n_groups * sizeof(*weights));
	uint64_t *state = a->ledger.state_uj[consumer->part];
	struct split_domain domain = {
		.energy_uj = consumer->energy_uj,
		.elapsed_ns = consumer->elapsed_ns,
		.busy = cpus->busy_ns[at],
	};
	struct split split = {
		.n_domains = 1,
		.n = a->n_groups,
		.domains = &domain,
		.weights = weights,
	};

	if (!consumer->ledger) {
		domain.idle_uw =
			(uint64_t)(energy_model_settings(a->c->settings)->idle_watts * 1e6);
	} else {
		struct baseline *baseline = &consumer->ledger->baseline;

		baseline_learn(baseline, consumer->counted_uj, consumer->elapsed_ns,
			       cpus->busy_ns[at], cpus->all_ns[at]);
		domain.idle_uw = baseline_idle_uw(baseline);
	}
	for (size_t i = 0; i < a->n_groups; i++)
		weights[i] = a->own_ns[i * stride + at];
	split_energy(&split, a->arena);
	state[ENERGY_IDLE] += split.idle_uj[0];
	state[ENERGY_UNATTRIBUTED] += split.nobody_uj[0];
	for (size_t i = 0; i < a->n_groups; i++) {
		a->own_uj[i][consumer->part] += split.owned_uj[i];
		state[ENERGY_ATTRIBUTED] += split.owned_uj[i];
	}
}

static void account_gpu(struct attribution *a, const struct energy_consumer *consumer)
{
	uint64_t *state = a->ledger.state_uj[PART_GPU];
	struct energy_divided divided;

	energy_split_gpu(a, consumer, &divided);
	state[ENERGY_IDLE] += divided.idle_uj;
	state[ENERGY_UNATTRIBUTED] += divided.nobody_uj;
	state[ENERGY_ATTRIBUTED] += consumer->energy_uj - divided.idle_uj - divided.nobody_uj;
}

static void account_all(struct attribution *a)
{
	struct energy_ledger *l = &a->ledger;
	const struct energy_conf *conf = energy_settings(a->c->settings);
	double kwh = (double)a->host_uj / 3.6e12;
	uint64_t nameless;

	for (size_t i = 0; i < a->n_consumers; i++) {
		if (a->consumers[i].part == PART_GPU)
			account_gpu(a, &a->consumers[i]);
		else
			account_consumer(a, &a->consumers[i]);
	}
	l->state_uj[PART_OTHER][ENERGY_UNATTRIBUTED] += a->other_uj;
	l->host_uj[a->measure] += a->host_uj;
	l->carbon_grams += kwh * energy_carbon_settings(a->c->settings)->grams_per_kwh;
	l->cost += kwh * conf->cost_per_kwh;
	nameless = energy_split_processes(a);
	for (size_t i = 0; i < a->n_groups; i++)
		for (int part = 0; part < OWNED_PARTS; part++)
			a->rows[i].own_uj[part] += a->own_uj[i][part];
	for (size_t i = 0; i < a->n_users; i++)
		if (a->users[i].process < a->n_now)
			a->now[a->users[i].process].uj += a->users[i].uj;
	energy_charge_names(a, nameless, a->at_ns - l->at_ns);
}

/* What the next cycle counts from. */
static void close_books(struct attribution *a, bool accounted)
{
	struct energy_ledger *l = &a->ledger;

	energy_count_from_here(a, accounted);
	l->cpus = a->cpus.now;
	l->n_cpus = a->cpus.n_now;
	l->n_usage = a->n_usage;
	l->rows = a->rows;
	l->n_rows = a->n_groups;
	l->has_processes = a->table != NULL;
	l->seen = a->seen;
	l->processes = a->now;
	l->n_processes = a->n_now;
	energy_ledger_sort_processes(l);
}

/*
 * Something of the host's is not known, but something is: it waits for the rest, and everything
 * else goes on being counted from where it was.
 */
static bool can_wait(const struct attribution *a)
{
	uint64_t counted = 0;

	for (size_t i = 0; i < a->n_consumers; i++)
		counted += a->consumers[i].counted_uj;
	return (counted || a->unreadable) && !a->ledger.fresh &&
	       a->ledger.boot == process_boot(a->c) && a->at_ns > a->ledger.at_ns &&
	       a->at_ns - a->ledger.at_ns < PATIENCE_NS;
}

static void tell_rows(struct attribution *a)
{
	struct energy_account *account = a->account;
	struct energy_row *rows = arena_zalloc(a->arena, a->n_groups, sizeof(*rows));

	if (!a->groups)
		return;
	for (size_t i = a->n_groups; i-- > 0;) {
		struct energy_row *row = &rows[i], *above = &rows[a->groups->v[i].parent];
		const uint64_t *own[2] = { a->rows[i].own_uj, a->own_uj[i] };

		row->group = (uint32_t)i;
		for (int k = 0; k < 2; k++) {
			row->cpu_uj[k] += own[k][PART_CPU] + own[k][PART_DRAM];
			row->dram_uj[k] += own[k][PART_DRAM];
			row->gpu_uj[k] += own[k][PART_GPU];
		}
		for (int k = 0; i && k < 2; k++) {
			above->cpu_uj[k] += row->cpu_uj[k];
			above->dram_uj[k] += row->dram_uj[k];
			above->gpu_uj[k] += row->gpu_uj[k];
		}
	}
	account->n_rows = a->n_groups;
	account->rows = rows;
}

static int by_delta(const void *a, const void *b)
{
	const struct energy_process *x = a, *y = b;

	if (x->delta_uj != y->delta_uj)
		return x->delta_uj > y->delta_uj ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void tell_processes(struct attribution *a)
{
	size_t n = a->table ? a->table->table.n : 0;
	struct energy_process *v = arena_zalloc(a->arena, n + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		v[i].pid = a->table->table.v[i].pid;
		v[i].start_ns = a->table->table.v[i].start_ns;
	}
	for (size_t i = 0; i < a->n_users; i++) {
		const struct energy_user *user = &a->users[i];

		if (user->process >= n)
			continue;
		v[user->process].delta_uj = a->account->known ? user->uj : 0;
		v[user->process].cpu_ns = user->cpu_ns;
	}
	if (n)
		qsort(v, n, sizeof(*v), by_delta);
	a->account->n_processes = n;
	a->account->processes = v;
}

static void tell_idle(struct attribution *a)
{
	struct energy_account *account = a->account;
	struct energy_idle *idle = arena_zalloc(a->arena, a->n_consumers + 1, sizeof(*idle));

	for (size_t i = 0; i < a->n_consumers; i++) {
		const struct energy_consumer *consumer = &a->consumers[i];
		const struct baseline *baseline;

		account->parts |= 1u << consumer->part;
		if (!consumer->ledger)
			continue;
		baseline = &consumer->ledger->baseline;
		idle[account->n_idle++] = (struct energy_idle){
			.part = consumer->part,
			.package = consumer->reading->source->package,
			.idle_uw = baseline_idle_uw(baseline),
			.learning = baseline_is_learning(baseline),
		};
		account->learning |= baseline_is_learning(baseline);
	}
	account->idle = idle;
}

static void tell(struct attribution *a, const struct energy_ledger *before)
{
	struct energy_account *t = a->account;
	const struct energy_ledger *l = &a->ledger;

	t->source = energy_measure_name(a->measure);
	t->ledger = l;
	tell_idle(a);
	t->host_uj[0] = energy_ledger_host(l);
	t->host_uj[1] = t->host_uj[0] - energy_ledger_host(before);
	t->idle_uj[0] = energy_ledger_state(l, ENERGY_IDLE);
	t->idle_uj[1] = t->idle_uj[0] - energy_ledger_state(before, ENERGY_IDLE);
	t->attributed_uj[0] = energy_ledger_state(l, ENERGY_ATTRIBUTED);
	t->attributed_uj[1] = t->attributed_uj[0] - energy_ledger_state(before, ENERGY_ATTRIBUTED);
	t->unattributed_uj[0] = energy_ledger_state(l, ENERGY_UNATTRIBUTED);
	t->unattributed_uj[1] =
		t->unattributed_uj[0] - energy_ledger_state(before, ENERGY_UNATTRIBUTED);
	t->other_uj[0] = l->state_uj[PART_OTHER][ENERGY_UNATTRIBUTED];
	t->other_uj[1] = t->other_uj[0] - before->state_uj[PART_OTHER][ENERGY_UNATTRIBUTED];
	t->balance_error_uj = (int64_t)energy_ledger_error(l);
	tell_rows(a);
	tell_processes(a);
}

static int take(struct attribution *a)
{
	struct energy_ledger before;
	_cleanup_buf_ struct buf out = { 0 };
	struct str key;
	int r = choose_measure(a);

	if (r < 0)
		return r;
	key = energy_ledger_key(a->measure == MEASURE_MODEL);
	energy_ledger_load(&a->ledger, state_get(a->c->state, key), a->arena);
	before = a->ledger;
	a->seen = before.seen;
	a->wall_ns = clock_ns(CLOCK_REALTIME);
	r = energy_read_cpus(a);
	if (r < 0)
		return r;
	a->account->known = energy_count_host(a);
	r = energy_read_groups(a);
	if (r < 0)
		return r;
	energy_read_processes(a);
	energy_weigh_groups(a);
	if (a->account->known) {
		a->account->elapsed_ns = a->at_ns - before.at_ns;
		account_all(a);
	} else if (can_wait(a)) {
		a->account->waiting_ns = a->at_ns - before.at_ns;
	} else {
		a->account->unreadable |= a->unreadable;
	}
	if (!a->account->waiting_ns)
		close_books(a, a->account->known);
	energy_ledger_save(&a->ledger, &out);
	if (!out.err)
		state_set(a->c->state, key, buf_view(&out));
	tell(a, &before);
	return 0;
}

static void release(void *block)
{
	struct account_shared *shared = block;

	arena_release(&shared->arena);
	arena_release(&shared->topology.arena);
}

int energy_of_cycle(struct collect *c, const struct energy_account **ret)
{
	static const char owner;
	struct account_shared *shared = host_shared(c->host, &owner, sizeof(*shared), release);

	if (!shared->cycle || shared->cycle != c->host->cycle) {
		struct attribution *a;

		arena_reset(&shared->arena);
		shared->account = (struct energy_account){ 0 };
		a = arena_zalloc(&shared->arena, 1, sizeof(*a));
		a->c = c;
		a->arena = &shared->arena;
		a->topology = &shared->topology;
		a->account = &shared->account;
		shared->result = take(a);
		shared->why = arena_str(&shared->arena, shared->result < 0 ? c->why : STR(""));
		shared->cycle = c->host->cycle;
	}
	if (shared->result < 0)
		return collect_fail(c, shared->result, "%.*s", STR_ARG(shared->why));
	*ret = &shared->account;
	return 0;
}
