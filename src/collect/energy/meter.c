/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sources from cycle to cycle. What is known of each is one line of one value in the state,
 * read and written whole: a oneshot and an agent go the same way.
 */
#include "collect/energy/meter.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"

#define SECOND_NS INT64_C(1000000000)

enum { MARKS_MAX = 512, ID_MAX = 256 };

static const struct str marks_key = { "energy.meter", sizeof("energy.meter") - 1 };

/* What is known of a source: its line in the state. */
struct line {
	struct str id;
	struct meter_mark mark;
	uint64_t cycle_total_uj; /* when it was last read in a cycle */
	int64_t cycle_at_ns;
	int64_t still_ns; /* how long its value has been the same */
	bool in_cycle;    /* the two above are known */
	bool broken;      /* there was a gap since */
	bool unreadable;  /* when it was last looked at */
	bool seen;        /* in this reading */
};

struct lines {
	size_t n;
	struct line *v;
};

enum flag {
	FLAG_POWER = 1,
	FLAG_VALID = 2,
	FLAG_IN_CYCLE = 4,
	FLAG_BROKEN = 8,
	FLAG_UNREADABLE = 16,
};

struct meter_block {
	struct arena arena; /* of one cycle */
	uint64_t cycle;
	bool used; /* somebody wants readings, so ticks are of use */
	int error;
	int64_t read_ns; /* when sources were read last */
	struct energy_sources sources;
	struct meter meter;
};

const char *energy_gap_name(enum energy_gap gap)
{
	static const char *const names[GAPS] = {
		[GAP_BOOT] = "boot",
		[GAP_SUSPEND] = "suspend",
		[GAP_IMPLAUSIBLE] = "implausible",
		[GAP_AMBIGUOUS] = "ambiguous_wrap",
		[GAP_UNREADABLE] = "unreadable",
		[GAP_RANGE] = "range",
	};

	return names[gap];
}

static struct str gap_key(enum energy_gap gap, struct arena *arena)
{
	return ARENA_CONCAT(arena, STR("energy.gap."), str_of(energy_gap_name(gap)));
}

/* "VALUE RANGE TOTAL AT BOOT_AT BOOT FLAGS CYCLE_TOTAL CYCLE_AT STILL ID" */
static bool parse_line(struct str text, struct line *ret)
{
	uint64_t flags;
	struct line line = { 0 };
	struct meter_mark *mark = &line.mark;

	if (!num_take_u64(&text, &mark->value) || !num_take_u64(&text, &mark->range_uj) ||
	    !num_take_u64(&text, &mark->total_uj) || !num_take_i64(&text, &mark->at_ns) ||
	    !num_take_i64(&text, &mark->boot_ns) || !num_take_u64(&text, &mark->boot) ||
	    !num_take_u64(&text, &flags) || !num_take_u64(&text, &line.cycle_total_uj) ||
	    !num_take_i64(&text, &line.cycle_at_ns) || !num_take_i64(&text, &line.still_ns))
		return false;
	line.id = str_skip(text, 1);
	if (!line.id.n || line.cycle_total_uj > mark->total_uj || mark->total_uj > INT64_MAX ||
	    mark->at_ns < 0 || mark->boot_ns < 0 || line.cycle_at_ns < 0 || line.still_ns < 0)
		return false;
	mark->power = flags & FLAG_POWER;
	mark->valid = flags & FLAG_VALID;
	line.in_cycle = flags & FLAG_IN_CYCLE;
	line.broken = flags & FLAG_BROKEN;
	line.unreadable = flags & FLAG_UNREADABLE;
	*ret = line;
	return true;
}

/* Damaged lines are as good as none. */
static struct lines load(const struct state *state, size_t room, struct arena *scratch)
{
	struct str text = arena_str(scratch, state_get(state, marks_key)), line;
	struct lines lines = { 0 };
	size_t cap = room + 1;

	for (size_t i = 0; i < text.n && cap < MARKS_MAX + room; i++)
		cap += text.p[i] == '\n';
	lines.v = arena_zalloc(scratch, cap, sizeof(*lines.v));
	while (lines.n < cap - room && str_line(&text, &line))
		if (parse_line(line, &lines.v[lines.n]))
			lines.n++;
	return lines;
}

static unsigned flags_of(const struct line *line)
{
	return (line->mark.power ? FLAG_POWER : 0u) | (line->mark.valid ? FLAG_VALID : 0u) |
	       (line->in_cycle ? FLAG_IN_CYCLE : 0u) | (line->broken ? FLAG_BROKEN : 0u) |
	       (line->unreadable ? FLAG_UNREADABLE : 0u);
}

static void put_line(struct buf *out, const struct line *line)
{
	const struct meter_mark *mark = &line->mark;
	const uint64_t numbers[] = {
		mark->value,
		mark->range_uj,
		mark->total_uj,
		(uint64_t)mark->at_ns,
		(uint64_t)mark->boot_ns,
		mark->boot,
		flags_of(line),
		line->cycle_total_uj,
		(uint64_t)line->cycle_at_ns,
		(uint64_t)line->still_ns,
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		buf_u64(out, numbers[i]);
		buf_char(out, ' ');
	}
	buf_str(out, line->id);
	buf_char(out, '\n');
}

/* Sources that are gone are kept, for a driver comes back, and forgotten when there are many. */
static void save(struct state *state, const struct lines *lines)
{
	_cleanup_buf_ struct buf out = { 0 };
	size_t gone = lines->n > MARKS_MAX ? lines->n - MARKS_MAX : 0;

	for (size_t i = 0; i < lines->n; i++) {
		if (!lines->v[i].seen && gone) {
			gone--;
			continue;
		}
		put_line(&out, &lines->v[i]);
	}
	if (!out.err && (out.n || state_get(state, marks_key).n))
		state_set(state, marks_key, buf_view(&out));
}

static struct line *line_of(struct lines *lines, struct str id)
{
	for (size_t i = 0; i < lines->n; i++)
		if (str_eq(lines->v[i].id, id))
			return &lines->v[i];
	lines->v[lines->n] = (struct line){ .id = id };
	return &lines->v[lines->n++];
}

static uint64_t boot_hash(struct host *host, struct arena *scratch)
{
	struct str id;

	if (host_read(host, HOST_PROC, "sys/kernel/random/boot_id", scratch, &id) < 0)
		return 0;
	return str_hash(str_trim(id));
}

/* Machines that only pretend to have counters show one that stands still. */
static bool is_never_still(const struct energy_source *source)
{
	return (source->kind == ENERGY_RAPL || source->kind == ENERGY_PERF) &&
	       (source->domain == DOMAIN_PACKAGE || source->domain == DOMAIN_PSYS);
}

/* Takes a reading into the line; a gap is counted. */
static void advance(struct line *line, const struct meter_mark *now,
		    const struct energy_source *source, struct state *state, struct arena *scratch)
{
	struct meter_mark before = line->mark;
	bool was_unreadable = line->unreadable;
	uint64_t uj;
	int r = meter_advance(&line->mark, now, source->max_uw, &uj);

	line->seen = true;
	line->unreadable = !now->valid;
	if (!now->valid) {
		if (source->power)
			line->broken = true;
		/* Once, not in each cycle, and not for what has never been there. */
		if (was_unreadable || !before.valid)
			return;
	}
	if (r < 0) {
		enum energy_gap reason = (enum energy_gap)(-1 - r);

		if (reason != GAP_UNREADABLE)
			line->broken = true;
		line->still_ns = 0;
		(void)state_add(state, gap_key(reason, scratch), 1);
		return;
	}
	if (before.valid && now->value == before.value)
		line->still_ns = now->at_ns - before.at_ns +
				 (line->still_ns < SECOND_NS ? line->still_ns : SECOND_NS);
	else
		line->still_ns = 0;
}

static bool is_still(struct lines *lines, const struct energy_source *source)
{
	return is_never_still(source) && source->id.n <= ID_MAX &&
	       line_of(lines, source->id)->still_ns >= SECOND_NS;
}

/*
 * Many boards do not feed the platform's counter. Where packages count and it does not, it is none,
 * and they are the host.
 */
static void say_still(struct energy_sources *sources, struct lines *lines)
{
	static const char *const why = "it stands still";
	bool packages = false, again = false;

	for (size_t i = 0; i < sources->n; i++) {
		const struct energy_source *s = &sources->v[i];

		packages |= is_never_still(s) && s->domain == DOMAIN_PACKAGE && !s->left_out &&
			    !s->error && !is_still(lines, s);
	}
	for (size_t i = 0; i < sources->n; i++) {
		struct energy_source *s = &sources->v[i];

		if (!packages || s->domain != DOMAIN_PSYS || !s->host || !is_still(lines, s))
			continue;
		s->error = -ENODATA;
		s->reason = why;
		again = true;
	}
	if (again)
		energy_choose_again(sources);
	for (size_t i = 0; i < sources->n; i++)
		if (!sources->v[i].left_out && is_still(lines, &sources->v[i]))
			sources->v[i].reason = why;
}

static struct lines read_sources(struct meter_block *block, struct host *host, struct state *state,
				 struct arena *scratch)
{
	struct energy_sources *sources = &block->sources;

	block->error = energy_read(host, sources, scratch);

	int64_t mono_ns = clock_ns(CLOCK_MONOTONIC);
	int64_t asleep_ns = clock_ns(CLOCK_BOOTTIME) - mono_ns;
	uint64_t boot = boot_hash(host, scratch);
	struct lines lines = load(state, sources->n, scratch);

	block->read_ns = mono_ns;
	for (size_t i = 0; i < sources->n; i++) {
		struct energy_source *source = &sources->v[i];
		struct line *line;
		const struct meter_mark now = {
			.value = source->value,
			.range_uj = source->range_uj,
			.at_ns = source->at_ns,
			.boot_ns = source->at_ns + asleep_ns,
			.boot = boot ^ source->epoch,
			.power = source->power,
			.valid = source->error == 0,
		};

		if (source->id.n > ID_MAX)
			continue;
		line = line_of(&lines, source->id);
		advance(line, &now, source, state, scratch);
	}
	say_still(sources, &lines);
	return lines;
}

static struct meter_reading take(struct line *line, const struct energy_source *source)
{
	struct meter_reading reading = { .source = source, .total_uj = line->mark.total_uj };
	bool still = is_never_still(source) && line->still_ns >= SECOND_NS;

	reading.still = still;
	if (source->error)
		return reading;
	if (line->in_cycle && !line->broken && !still && line->mark.at_ns > line->cycle_at_ns) {
		reading.delta_uj = line->mark.total_uj - line->cycle_total_uj;
		reading.delta_ns = line->mark.at_ns - line->cycle_at_ns;
	}
	line->cycle_total_uj = line->mark.total_uj;
	line->cycle_at_ns = line->mark.at_ns;
	line->in_cycle = true;
	line->broken = false;
	return reading;
}

static void fill(struct meter_block *block, struct lines *lines, const struct state *state)
{
	const struct energy_sources *sources = &block->sources;
	struct meter_reading *v = arena_zalloc(&block->arena, sources->n, sizeof(*v));
	struct meter *meter = &block->meter;
	size_t n_host = 0;

	*meter = (struct meter){ .at_ns = block->read_ns, .v = v, .sources = sources };
	for (size_t i = 0; i < sources->n; i++) {
		const struct energy_source *source = &sources->v[i];

		v[i].source = source;
		if (source->id.n <= ID_MAX)
			v[i] = take(line_of(lines, source->id), source);
		n_host += source->host;
		meter->missing |= source->host && !v[i].delta_ns;
	}
	meter->n = sources->n;
	meter->missing |= !n_host;
	for (int i = 0; i < GAPS; i++)
		meter->gaps[i] = state_u64(state, gap_key((enum energy_gap)i, &block->arena), 0);
}

static void release(void *p)
{
	struct meter_block *block = p;

	energy_release(&block->sources);
	arena_release(&block->arena);
}

static struct meter_block *block_of(struct host *host)
{
	static const char key;

	return host_shared(host, &key, sizeof(struct meter_block), release);
}

int meter_of_cycle(struct collect *c, const struct meter **ret)
{
	struct meter_block *block = block_of(c->host);

	if (!block->used || block->cycle != c->host->cycle) {
		struct lines lines;

		arena_reset(&block->arena);
		lines = read_sources(block, c->host, c->state, &block->arena);
		fill(block, &lines, c->state);
		save(c->state, &lines);
		block->cycle = c->host->cycle;
		block->used = true;
	}
	if (block->error < 0)
		return block->error;
	*ret = &block->meter;
	return 0;
}

/* A quarter of the time in which the counter can run through its range. */
static int64_t period_of(const struct energy_source *source)
{
	const uint64_t assumed_uw = 600000000;
	int64_t period_ns = 10 * SECOND_NS;

	if (!source->power && source->range_uj) {
		uint64_t uw = source->max_uw ? source->max_uw : assumed_uw;
		uint64_t ms = source->range_uj / (4 * uw / 1000 + 1);

		if (ms < (uint64_t)period_ns / 1000000)
			period_ns = (int64_t)ms * 1000000;
	}
	return period_ns < SECOND_NS / 10 ? SECOND_NS / 10 : period_ns;
}

/* 0: none of them has to be read between cycles. */
static int64_t period_of_all(const struct energy_sources *sources)
{
	int64_t least = 0;

	for (size_t i = 0; i < sources->n; i++) {
		const struct energy_source *source = &sources->v[i];
		int64_t period_ns = period_of(source);

		if ((source->power || source->range_uj) && (!least || period_ns < least))
			least = period_ns;
	}
	return least;
}

int64_t meter_tick(struct host *host, struct state *state, struct arena *scratch)
{
	struct meter_block *block = block_of(host);
	int64_t period_ns = block->used ? period_of_all(&block->sources) : 0, passed_ns;

	if (!period_ns)
		return 0;
	passed_ns = clock_ns(CLOCK_MONOTONIC) - block->read_ns;
	/* A cycle has read them not long ago. */
	if (passed_ns >= 0 && passed_ns < period_ns)
		return period_ns - passed_ns;

	struct lines lines = read_sources(block, host, state, scratch);

	save(state, &lines);
	block->cycle = 0;
	return period_of_all(&block->sources);
}
