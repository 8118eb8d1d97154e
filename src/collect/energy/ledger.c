/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing are one walk over the fields, so that they cannot differ. */
#include "collect/energy/ledger.h"

#include <stdlib.h>

#include "base/varint.h"

enum { FORMAT = 1 };

/* Bounds what a damaged state can make us allocate. */
enum { MANY = 1 << 20, USAGE_MAX = 1024, BOTH = 2 };

struct codec {
	struct buf *out; /* NULL: it reads */
	struct str in;
	struct arena *arena;
	bool wrong;
};

static void number(struct codec *c, uint64_t *value)
{
	if (c->out)
		varint_put(c->out, *value);
	else if (!c->wrong && !varint_take(&c->in, value))
		c->wrong = true;
}

static void time_of(struct codec *c, int64_t *ns)
{
	uint64_t value = (uint64_t)*ns;

	number(c, &value);
	/* Times are added and subtracted: none from a damaged state may be so large that it
	 * matters. */
	if (value > INT64_MAX / 4) {
		c->wrong = true;
		value = 0;
	}
	*ns = (int64_t)value;
}

static void flag(struct codec *c, bool *value)
{
	uint64_t is = *value;

	number(c, &is);
	*value = is != 0;
}

static void real(struct codec *c, double *value)
{
	if (c->out)
		varint_put_f64(c->out, *value);
	else if (!c->wrong && !varint_take_f64(&c->in, value))
		c->wrong = true;
}

/* Numbers that mostly are a little more than the one before. */
static void step(struct codec *c, uint64_t *value, uint64_t before)
{
	uint64_t more = *value - before;

	number(c, &more);
	*value = before + more;
}

/* How many there are, and room for them when reading. */
static void *many(struct codec *c, size_t *n, void *v, size_t size)
{
	uint64_t count = *n;

	number(c, &count);
	if (c->out)
		return v;
	if (c->wrong || count > MANY || count > c->in.n) {
		c->wrong = true;
		count = 0;
	}
	*n = count;
	return arena_zalloc(c->arena, count + 1, size);
}

/* Text that often begins like the one before. */
static void text(struct codec *c, struct str *value, struct str before)
{
	uint64_t same = 0;
	struct str rest;

	if (c->out) {
		while (same < value->n && same < before.n && value->p[same] == before.p[same])
			same++;
		varint_put(c->out, same);
		varint_put_text(c->out, str_skip(*value, same));
		return;
	}
	if (c->wrong || !varint_take(&c->in, &same) || same > before.n ||
	    !varint_take_text(&c->in, &rest)) {
		c->wrong = true;
		*value = STR("");
		return;
	}
	*value = ARENA_CONCAT(c->arena, ((struct str){ before.p, same }), rest);
}

static void code_baseline(struct codec *c, struct baseline *b)
{
	number(c, &b->samples);
	time_of(c, &b->elapsed_ns);
	if (!b->samples && !b->elapsed_ns)
		return;
	number(c, &b->energy_uj);
	number(c, &b->busy);
	number(c, &b->capacity);
	flag(c, &b->fits);
	real(c, &b->slope_uw);
	real(c, &b->mean_u);
	real(c, &b->mean_p);
	real(c, &b->var_u);
	real(c, &b->cov);
	time_of(c, &b->window_ns);
	for (int i = 0; i < BOTH; i++) {
		real(c, &b->least_uw[i]);
		flag(c, &b->lowest[i].known);
		real(c, &b->lowest[i].power_uw);
		real(c, &b->lowest[i].utilisation);
	}
}

static void code_sources(struct codec *c, struct energy_ledger *l)
{
	l->sources = many(c, &l->n_sources, l->sources, sizeof(*l->sources));
	for (size_t i = 0; i < l->n_sources; i++) {
		struct ledger_source *s = &l->sources[i];

		number(c, &s->id);
		number(c, &s->total_uj);
		time_of(c, &s->at_ns);
		code_baseline(c, &s->baseline);
	}
	l->cpus = many(c, &l->n_cpus, l->cpus, sizeof(*l->cpus));
	for (size_t i = 0; i < l->n_cpus; i++) {
		struct ledger_cpu *cpu = &l->cpus[i];
		uint64_t id = cpu->cpu;

		number(c, &id);
		cpu->cpu = (uint32_t)id;
		number(c, &cpu->busy);
		number(c, &cpu->all);
	}
}

static void code_rows(struct codec *c, struct energy_ledger *l)
{
	struct str before = { 0 };

	number(c, &l->n_usage);
	if (l->n_usage > USAGE_MAX)
		c->wrong = true;
	l->rows = many(c, &l->n_rows, l->rows, sizeof(*l->rows));
	for (size_t i = 0; i < l->n_rows && !c->wrong; i++) {
		struct ledger_row *row = &l->rows[i];

		text(c, &row->path, before);
		before = row->path;
		number(c, &row->id);
		for (int part = 0; part < OWNED_PARTS; part++)
			number(c, &row->own_uj[part]);
		flag(c, &row->has_usage);
		if (!row->has_usage)
			continue;
		if (!c->out)
			row->usage = arena_zalloc(c->arena, l->n_usage + 1, sizeof(*row->usage));
		for (size_t k = 0; k < l->n_usage; k++)
			number(c, &row->usage[k]);
	}
}

static void code_processes(struct codec *c, struct energy_ledger *l)
{
	uint64_t id = 0;

	number(c, &l->other_uj);
	number(c, &l->gone_uj);
	l->names = many(c, &l->n_names, l->names, sizeof(*l->names));
	for (size_t i = 0; i < l->n_names; i++) {
		struct ledger_name *name = &l->names[i];

		text(c, &name->name, STR(""));
		number(c, &name->uj);
		number(c, &name->heat);
		flag(c, &name->shown);
	}
	flag(c, &l->has_processes);
	number(c, &l->seen.load);
	number(c, &l->seen.next);
	l->processes = many(c, &l->n_processes, l->processes, sizeof(*l->processes));
	for (size_t i = 0; i < l->n_processes; i++) {
		struct ledger_process *p = &l->processes[i];

		step(c, &p->id, id);
		id = p->id;
		number(c, &p->start);
		number(c, &p->cpu_ns);
		number(c, &p->uj);
	}
}

static void code(struct codec *c, struct energy_ledger *l)
{
	number(c, &l->boot);
	time_of(c, &l->at_ns);
	time_of(c, &l->wall_ns);
	for (int i = 0; i < ENERGY_MEASURES; i++)
		number(c, &l->host_uj[i]);
	for (int i = 0; i < ENERGY_PARTS; i++)
		for (int k = 0; k < ENERGY_STATES; k++)
			number(c, &l->state_uj[i][k]);
	real(c, &l->carbon_grams);
	real(c, &l->cost);
	code_sources(c, l);
	code_rows(c, l);
	code_processes(c, l);
}

struct str energy_ledger_key(bool model)
{
	return model ? STR("energy.ledger.model") : STR("energy.ledger");
}

void energy_ledger_load(struct energy_ledger *ledger, struct str text, struct arena *arena)
{
	const struct energy_ledger fresh = { .arena = arena, .fresh = true };
	struct codec c = { .in = text, .arena = arena };
	uint64_t format = 0;

	*ledger = (struct energy_ledger){ .arena = arena };
	number(&c, &format);
	if (format == FORMAT)
		code(&c, ledger);
	if (format != FORMAT || c.wrong || c.in.n)
		*ledger = fresh;
}

void energy_ledger_save(struct energy_ledger *ledger, struct buf *out)
{
	struct codec c = { .out = out };

	varint_put(out, FORMAT);
	code(&c, ledger);
}

struct ledger_source *energy_ledger_source(struct energy_ledger *ledger, uint64_t id)
{
	struct ledger_source *grown;

	for (size_t i = 0; i < ledger->n_sources; i++)
		if (ledger->sources[i].id == id)
			return &ledger->sources[i];
	/* Not arena_grow(): what was read has no such room. */
	grown = arena_zalloc(ledger->arena, ledger->n_sources + 1, sizeof(*grown));
	if (ledger->n_sources)
		memcpy(grown, ledger->sources, ledger->n_sources * sizeof(*grown));
	ledger->sources = grown;
	grown += ledger->n_sources++;
	grown->id = id;
	return grown;
}

const struct ledger_cpu *energy_ledger_cpu(const struct energy_ledger *ledger, uint32_t cpu)
{
	/* Nearly always they are all there. */
	if (cpu < ledger->n_cpus && ledger->cpus[cpu].cpu == cpu)
		return &ledger->cpus[cpu];
	for (size_t i = 0; i < ledger->n_cpus; i++)
		if (ledger->cpus[i].cpu == cpu)
			return &ledger->cpus[i];
	return NULL;
}

static int by_id(const void *a, const void *b)
{
	const struct ledger_process *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

const struct ledger_process *energy_ledger_process(const struct energy_ledger *ledger, uint64_t id,
						   uint64_t start)
{
	const struct ledger_process key = { .id = id, .start = start };

	if (!ledger->n_processes)
		return NULL;
	return bsearch(&key, ledger->processes, ledger->n_processes, sizeof(key), by_id);
}

void energy_ledger_sort_processes(struct energy_ledger *ledger)
{
	if (ledger->n_processes)
		qsort(ledger->processes, ledger->n_processes, sizeof(*ledger->processes), by_id);
}

uint64_t energy_ledger_host(const struct energy_ledger *ledger)
{
	uint64_t sum = 0;

	for (int i = 0; i < ENERGY_MEASURES; i++)
		sum += ledger->host_uj[i];
	return sum;
}

uint64_t energy_ledger_state(const struct energy_ledger *ledger, enum energy_state state)
{
	uint64_t sum = 0;

	for (int i = 0; i < ENERGY_PARTS; i++)
		sum += ledger->state_uj[i][state];
	return sum;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

uint64_t energy_ledger_error(const struct energy_ledger *ledger)
{
	uint64_t attributed = energy_ledger_state(ledger, ENERGY_ATTRIBUTED);
	uint64_t names = ledger->other_uj + ledger->gone_uj;
	uint64_t error = apart(energy_ledger_host(ledger),
			       attributed + energy_ledger_state(ledger, ENERGY_IDLE) +
				       energy_ledger_state(ledger, ENERGY_UNATTRIBUTED));

	for (int part = 0; part < OWNED_PARTS; part++) {
		uint64_t rows = 0;

		for (size_t i = 0; i < ledger->n_rows; i++)
			rows += ledger->rows[i].own_uj[part];
		error += apart(rows, ledger->state_uj[part][ENERGY_ATTRIBUTED]);
	}
	for (size_t i = 0; i < ledger->n_names; i++)
		names += ledger->names[i].uj;
	return error + apart(names, attributed);
}
