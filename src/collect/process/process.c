/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single processes: those of given names, and the first of all by what they used since the last
 * cycle and what they hold. Silent until one of them is asked for.
 */
#include <errno.h>
#include <fnmatch.h>

#include "collect/process/identity.h"
#include "collect/process/ledger.h"
#include "collect/process/table.h"

enum sorted_by { BY_CPU, BY_MEMORY, BY_IO, SORTS };

struct process_conf {
	struct opt_list names, by;
	int64_t top, limit;
};

static const struct str by_names[SORTS] = { { "cpu", 3 }, { "memory", 6 }, { "io", 2 } };

static int check_by(struct str text, struct arena *arena, struct str *ret_why)
{
	for (int i = 0; i < SORTS; i++)
		if (str_eq(text, by_names[i]))
			return 0;
	*ret_why = arena_printf(arena, "\"%.*s\" is not one of cpu, memory, io", STR_ARG(text));
	return -EINVAL;
}

static const struct opt opts[] = {
	{ OPT_ROW("names", OPT_LIST, struct process_conf, names, "", "NAME,...",
		  "processes of these names (patterns), each by itself") },
	{ OPT_ROW("top", OPT_INT, struct process_conf, top, "0", "N",
		  "the N processes that use most, too"),
	  .max = 1000 },
	{ OPT_ROW("by", OPT_LIST, struct process_conf, by, "cpu,memory,io", "WORD,...",
		  "of what: cpu, memory, io; the first N of each"),
	  .check = check_by },
	{ OPT_ROW("limit", OPT_INT, struct process_conf, limit, "100", "N", "processes at most"),
	  .min = 1, .max = 10000 },
	{ 0 },
};

static const struct opt_section section_process = {
	.path = "collectors.process",
	.help = "single processes",
	.opts = opts,
	.size = sizeof(struct process_conf),
};

struct candidate {
	const struct process *process;
	uint64_t amounts[SORTS];
	bool chosen;
};

struct cycle_top {
	struct collect *c;
	const struct process_conf *conf;
	size_t n, n_chosen;
	struct candidate *v;
};

static void choose(struct cycle_top *t, struct candidate *candidate)
{
	if (candidate->chosen || t->n_chosen >= (size_t)t->conf->limit)
		return;
	candidate->chosen = true;
	t->n_chosen++;
}

static void choose_named(struct cycle_top *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *comm = arena_cstr(t->c->scratch, identity_comm(t->v[i].process));

		for (size_t k = 0; k < t->conf->names.n; k++)
			if (fnmatch(t->conf->names.v[k].p, comm, 0) == 0)
				choose(t, &t->v[i]);
	}
}

/* The `top` first by one amount: N passes would do, but N may be 1000. */
static void choose_top(struct cycle_top *t, enum sorted_by by)
{
	size_t want = (size_t)t->conf->top, n = 0;
	struct candidate **heap = arena_alloc(t->c->scratch, (want + 1) * sizeof(*heap));

	for (size_t i = 0; i < t->n; i++) {
		struct candidate *candidate = &t->v[i];
		size_t at = n;

		if (!candidate->amounts[by])
			continue;
		/* Falling; of equals, the one with the lower number stands first. */
		while (at > 0 && heap[at - 1]->amounts[by] < candidate->amounts[by])
			at--;
		if (at >= want)
			continue;
		n += n < want;
		memmove(&heap[at + 1], &heap[at], (n - 1 - at) * sizeof(*heap));
		heap[at] = candidate;
	}
	for (size_t i = 0; i < n; i++)
		choose(t, heap[i]);
}

static bool wants_by(const struct process_conf *conf, enum sorted_by by)
{
	for (size_t i = 0; i < conf->by.n; i++)
		if (str_eq(conf->by.v[i], by_names[by]))
			return true;
	return false;
}

static uint64_t since(uint64_t was, uint64_t is)
{
	return is > was ? is - was : 0;
}

/* What they used since the last cycle; all they ever used, of one that is new or in the first. */
static void measure(struct cycle_top *t)
{
	static const struct str key = { "process.before", 14 };
	static const struct process_used nothing = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct ledger ledger;
	uint64_t boot = process_boot(t->c);

	ledger_load(&ledger, state_get(t->c->state, key), boot, 0, 0, t->c->scratch);
	for (size_t i = 0; i < t->n; i++) {
		const struct process *p = t->v[i].process;
		struct ledger_entry entry = { .id = p->pid, .start = p->start_ns / 10000000 };
		const struct ledger_entry *before = ledger_before(&ledger, entry.id, entry.start);
		const struct process_used *was = before ? &before->used : &nothing;

		entry.group = LEDGER_NONE;
		process_used_of(p, &entry.used);
		ledger_note(&ledger, entry);
		t->v[i].amounts[BY_CPU] =
			since(was->user_ns, p->user_ns) + since(was->system_ns, p->system_ns);
		t->v[i].amounts[BY_IO] = since(was->read_bytes, p->read_bytes) +
					 since(was->write_bytes, p->write_bytes);
		t->v[i].amounts[BY_MEMORY] = p->resident_bytes;
	}
	ledger_save(&ledger, boot, 0, &out);
	if (!out.err)
		state_set(t->c->state, key, buf_view(&out));
}

enum family_name {
	CPU,
	RESIDENT,
	VIRTUAL,
	SWAPPED,
	READ_BYTES,
	WRITE_BYTES,
	MAJOR_FAULTS,
	MINOR_FAULTS,
	THREADS,
	OPEN_FDS,
	START,
	FAMILIES,
};

#define PREFIX "peekpush_process_"

static const struct metric_desc descs[FAMILIES] = {
	[CPU] = { PREFIX "cpu_seconds_total", "CPU time that the process used.", METRIC_COUNTER },
	[RESIDENT] = { PREFIX "resident_memory_bytes", "Memory of the process that is in RAM.",
		       METRIC_GAUGE },
	[VIRTUAL] = { PREFIX "virtual_memory_bytes", "Address space of the process.",
		      METRIC_GAUGE },
	[SWAPPED] = { PREFIX "swapped_memory_bytes", "Memory of the process that is swapped out.",
		      METRIC_GAUGE },
	[READ_BYTES] = { PREFIX "read_bytes_total", "Bytes that the process had read from storage.",
			 METRIC_COUNTER },
	[WRITE_BYTES] = { PREFIX "write_bytes_total",
			  "Bytes that the process had written to storage.", METRIC_COUNTER },
	[MAJOR_FAULTS] = { PREFIX "major_page_faults_total",
			   "Page faults of the process that waited for storage.", METRIC_COUNTER },
	[MINOR_FAULTS] = { PREFIX "minor_page_faults_total",
			   "Page faults of the process that needed no storage.", METRIC_COUNTER },
	[THREADS] = { PREFIX "threads", "Threads of the process.", METRIC_GAUGE },
	[OPEN_FDS] = { PREFIX "open_fds", "Open files of the process.", METRIC_GAUGE },
	[START] = { PREFIX "start_time_seconds", "When the process was started, in Unix time.",
		    METRIC_GAUGE },
};

static void add_one(struct collect *c, const struct process *p, double boot)
{
	struct identity who = { .host = c->host, .arena = c->scratch, .process = p };
	struct label v[] = {
		{ STR("pid"), arena_printf(c->scratch, "%u", p->pid) },
		{ STR("comm"), identity_comm(p) },
		{ STR("user"), identity_user(&who) },
		{ STR("cgroup"), identity_path(&who) },
		{ STR("mode"), STR("user") },
	};
	const struct labels *labels = metrics_labels(c->out, 4, v);
	const double values[FAMILIES] = {
		[RESIDENT] = (double)p->resident_bytes,
		[VIRTUAL] = (double)p->virtual_bytes,
		[SWAPPED] = (double)p->swap_bytes,
		[READ_BYTES] = (double)p->read_bytes,
		[WRITE_BYTES] = (double)p->write_bytes,
		[MAJOR_FAULTS] = (double)p->major_faults,
		[MINOR_FAULTS] = (double)p->minor_faults,
		[THREADS] = (double)p->threads,
		[OPEN_FDS] = (double)p->fds,
		[START] = boot + (double)(p->start_ns / 10000000) / 100,
	};

	family_add(metrics_family(c->out, &descs[CPU]), metrics_labels(c->out, 5, v),
		   (double)p->user_ns / 1e9);
	v[4].value = STR("system");
	family_add(metrics_family(c->out, &descs[CPU]), metrics_labels(c->out, 5, v),
		   (double)p->system_ns / 1e9);
	for (int i = CPU + 1; i < FAMILIES; i++) {
		if (((i == READ_BYTES || i == WRITE_BYTES) && !(p->has & PROCESS_IO)) ||
		    (i == OPEN_FDS && !(p->has & PROCESS_FDS)) || (i == START && boot <= 0))
			continue;
		family_add(metrics_family(c->out, &descs[i]), labels, values[i]);
	}
}

static int run(struct collect *c)
{
	static const struct process_wants wants = { .io = true, .fds = true, .swap = true };
	struct cycle_top t = { .c = c, .conf = c->conf };
	const struct process_shared *shared;
	int r;

	if (!t.conf->names.n && !t.conf->top)
		return 0;
	r = process_table(c, &wants, &shared);
	if (r < 0)
		return r;
	t.n = shared->table.n;
	t.v = arena_zalloc(c->scratch, t.n, sizeof(*t.v));
	for (size_t i = 0; i < t.n; i++)
		t.v[i].process = &shared->table.v[i];
	choose_named(&t);
	if (t.conf->top)
		measure(&t);
	for (int by = 0; t.conf->top && by < SORTS; by++)
		if (wants_by(t.conf, by))
			choose_top(&t, by);
	for (size_t i = 0; i < t.n; i++)
		if (t.v[i].chosen)
			add_one(c, t.v[i].process, process_boot_time(c));
	return 0;
}

const struct collector collector_process = {
	.name = "process",
	.help = "single processes: of given names, and those that use most",
	.reads = "/proc/PID/*, or the BPF program processes",
	.on = true,
	.ours = true,
	.section = &section_process,
	.run = run,
};
