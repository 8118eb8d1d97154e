/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the host's energy is accounted in this cycle. What a counter has counted since it was
 * accounted last waits there: a cycle in which one of the host's cannot be read accounts nothing,
 * and the next one makes up for it.
 */
#include "collect/energy/account_internal.h"

static enum energy_measure measure_of(const struct energy_source *s)
{
	if (s->domain == DOMAIN_GPU)
		return MEASURE_GPU;
	if (s->domain == DOMAIN_PSYS)
		return MEASURE_PSYS;
	switch (s->kind) {
	case ENERGY_RAPL:
	case ENERGY_PERF:
		return MEASURE_RAPL;
	case ENERGY_ACPI:
		return MEASURE_ACPI;
	case ENERGY_BATTERY:
		return MEASURE_BATTERY;
	default:
		return MEASURE_HWMON;
	}
}

enum energy_measure energy_measured_by(const struct meter *meter)
{
	enum energy_measure best = MEASURE_NONE;

	for (size_t i = 0; i < meter->n; i++)
		if (meter->v[i].source->host && measure_of(meter->v[i].source) < best)
			best = measure_of(meter->v[i].source);
	return best;
}

/* The host's meter has everything in it, and so other sources tell parts of it. */
static bool is_whole(enum energy_measure measure)
{
	return measure == MEASURE_PSYS || measure == MEASURE_ACPI || measure == MEASURE_BATTERY;
}

/* Whether what it counts is divided, and as what. */
static bool part_of(enum energy_measure measure, const struct energy_source *s,
		    enum energy_part *ret)
{
	bool counter = s->kind == ENERGY_RAPL || s->kind == ENERGY_PERF;

	if (s->left_out || (!s->host && !is_whole(measure)))
		return false;
	switch (s->domain) {
	case DOMAIN_PACKAGE:
		*ret = PART_CPU;
		return counter || s->host;
	case DOMAIN_DRAM:
		*ret = PART_DRAM;
		return counter || s->host;
	case DOMAIN_GPU:
		*ret = PART_GPU;
		return true;
	default:
		return false;
	}
}

static size_t package_of(const struct energy_cpus *cpus, int package)
{
	size_t i = 0;

	while (i < cpus->n && cpus->package[i] != package)
		i++;
	return i;
}

static void add_consumer(struct attribution *a, const struct meter_reading *reading,
			 enum energy_part part)
{
	const struct energy_source *s = reading->source;
	const struct ledger_source *ledger = energy_ledger_source(&a->ledger, str_hash(s->id));
	uint64_t counted = reading->total_uj > ledger->total_uj && ledger->at_ns
				   ? reading->total_uj - ledger->total_uj
				   : 0;

	a->consumers = arena_grow(a->arena, a->consumers, a->n_consumers, sizeof(*a->consumers));
	a->consumers[a->n_consumers++] = (struct energy_consumer){
		.part = part,
		.package = package_of(&a->cpus, s->package),
		.gpu = s->kind == ENERGY_GPU ? s->package : -1,
		.reading = reading,
		.counted_uj = s->error ? 0 : counted,
		.elapsed_ns = ledger->at_ns ? s->at_ns - ledger->at_ns : 0,
	};
}

/* What the CPUs would consume by the model: nothing else is known. */
static void add_model(struct attribution *a)
{
	const struct energy_model_conf *conf = energy_model_settings(a->c->settings);
	uint64_t idle_uw = (uint64_t)(conf->idle_watts * 1e6);
	uint64_t more_uw = (uint64_t)(conf->max_watts * 1e6) - idle_uw;
	uint64_t all = a->cpus.all_ns[a->cpus.n], busy = a->cpus.busy_ns[a->cpus.n];
	int64_t elapsed_ns = a->at_ns - a->ledger.at_ns;
	uint64_t uj = split_uj(idle_uw, elapsed_ns);

	/* A tick more than there was time in is no load above 1. */
	if (all)
		uj += split_scale(split_uj(more_uw, elapsed_ns), busy < all ? busy : all, all);
	a->consumers = arena_zalloc(a->arena, 1, sizeof(*a->consumers));
	a->n_consumers = 1;
	a->consumers[0] = (struct energy_consumer){
		.part = PART_CPU,
		.package = a->cpus.n,
		.gpu = -1,
		.counted_uj = uj,
		.elapsed_ns = elapsed_ns,
	};
	a->host_uj = uj;
}

/* All of it; where meters contradict each other, the host's is what is divided. */
static void decide(struct attribution *a)
{
	uint64_t *counted = arena_alloc(a->arena, (a->n_consumers + 1) * sizeof(*counted));
	uint64_t *parts = arena_alloc(a->arena, (a->n_consumers + 1) * sizeof(*parts));
	uint64_t sum = 0, rest = 0;

	for (size_t i = 0; i < a->n_consumers; i++) {
		parts[i] = counted[i] = a->consumers[i].counted_uj;
		sum += counted[i];
	}
	if (sum > a->host_uj)
		split_whole(a->host_uj, a->n_consumers, counted, 0, parts, &rest);
	for (size_t i = 0; i < a->n_consumers; i++)
		a->consumers[i].energy_uj = parts[i];
	a->other_uj = sum > a->host_uj ? rest : a->host_uj - sum;
}

/* A source that was not there, or not readable, is counted from now on, whatever others wait for.
 */
static struct ledger_source *count_from(struct energy_ledger *l,
					const struct meter_reading *reading, bool *ret_new)
{
	struct ledger_source *s = energy_ledger_source(l, str_hash(reading->source->id));

	*ret_new = !s->at_ns;
	if (!s->at_ns && !reading->source->error) {
		s->at_ns = reading->source->at_ns;
		s->total_uj = reading->total_uj;
	}
	return s;
}

bool energy_count_host(struct attribution *a)
{
	struct energy_ledger *l = &a->ledger;
	bool known = !l->fresh && l->boot == process_boot(a->c) && a->at_ns > l->at_ns;
	enum energy_part part;

	if (a->measure == MEASURE_MODEL) {
		if (known)
			add_model(a);
		decide(a);
		return known;
	}
	for (size_t i = 0; i < a->meter->n; i++) {
		const struct meter_reading *reading = &a->meter->v[i];
		const struct ledger_source *before;
		bool is_new;

		if (!reading->source->host && !is_whole(a->measure))
			continue;
		before = count_from(l, reading, &is_new);
		if (part_of(a->measure, reading->source, &part))
			add_consumer(a, reading, part);
		if (!reading->source->host)
			continue;
		known &= !is_new && !reading->source->error;
		a->unreadable |= !is_new && reading->source->error;
		/* What has only ever stood still is no 0 either. */
		a->account->unreadable |= (is_new && reading->source->error) ||
					  (reading->still && !energy_ledger_host(l));
		if (reading->total_uj > before->total_uj)
			a->host_uj += reading->total_uj - before->total_uj;
	}
	/* What consumers refer to has moved while sources were added. */
	for (size_t i = 0; i < a->n_consumers; i++)
		a->consumers[i].ledger =
			energy_ledger_source(l, str_hash(a->consumers[i].reading->source->id));
	decide(a);
	return known && !a->meter->missing;
}

static void forget_sources(struct energy_ledger *l)
{
	size_t kept = 0;

	/* What it knows of idle power is of use when a driver comes back. */
	for (size_t i = 0; i < l->n_sources; i++) {
		if (!l->sources[i].met)
			l->sources[i].at_ns = 0;
		if (l->sources[i].met || l->n_sources - i <= 64)
			l->sources[kept++] = l->sources[i];
	}
	l->n_sources = kept;
}

void energy_count_from_here(struct attribution *a, bool accounted)
{
	struct energy_ledger *l = &a->ledger;

	for (size_t i = 0; i < a->meter->n && a->measure != MEASURE_MODEL; i++) {
		const struct meter_reading *reading = &a->meter->v[i];
		struct ledger_source *s = energy_ledger_source(l, str_hash(reading->source->id));

		if (reading->source->error)
			continue;
		s->met = true;
		s->total_uj = reading->total_uj;
		s->at_ns = reading->source->at_ns;
	}
	/* What there was no room for in the host's waits, but not for long. */
	for (size_t i = 0; accounted && i < a->n_consumers; i++) {
		const struct energy_consumer *consumer = &a->consumers[i];
		uint64_t left = consumer->counted_uj - consumer->energy_uj;

		if (consumer->ledger && left)
			consumer->ledger->total_uj -= left < a->host_uj ? left : a->host_uj;
	}
	forget_sources(l);
	l->fresh = false;
	l->boot = process_boot(a->c);
	l->at_ns = a->at_ns;
	l->wall_ns = a->wall_ns;
}
