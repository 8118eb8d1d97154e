/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families of threads, by option: a group's threads by their names, and by the kernel function
 * they sleep in. As process-exporter has it, a process with one thread is in the latter only.
 */
#include "collect/process/namedprocess.h"

#define PREFIX "namedprocess_namegroup_thread"

enum { THREAD_GROUPS = 10, SLEEPERS_MAX = 1000 };

/* "GROUP" NUL "THREAD": the names of the ledger's groups. */
static struct str joined(struct named *named, struct str group, struct str thread)
{
	return ARENA_CONCAT(named->c->scratch, group, ((struct str){ "", 1 }),
			    arena_utf8(named->c->scratch, thread));
}

struct sleepers {
	struct str group, wchan;
	uint64_t n;
};

struct threads {
	struct named *named;
	struct ledger ledger;
	uint64_t *counts; /* of the ledger's groups */
	size_t n_counts;
	size_t n_sleepers;
	struct sleepers *sleepers;
};

static void add_sleeper(struct threads *t, struct str group, uint32_t pid, uint32_t thread)
{
	struct arena *arena = t->named->c->scratch;
	struct str wchan = processes_wchan(t->named->c->host, pid, thread, arena);

	if (!wchan.n)
		return;
	for (size_t i = 0; i < t->n_sleepers; i++)
		if (str_eq(t->sleepers[i].wchan, wchan) && str_eq(t->sleepers[i].group, group)) {
			t->sleepers[i].n++;
			return;
		}
	if (t->n_sleepers == SLEEPERS_MAX)
		return;
	t->sleepers = arena_grow(arena, t->sleepers, t->n_sleepers, sizeof(*t->sleepers));
	t->sleepers[t->n_sleepers++] = (struct sleepers){ group, wchan, 1 };
}

static void count(struct threads *t, uint32_t group)
{
	while (t->n_counts <= group) {
		t->counts = arena_grow(t->named->c->scratch, t->counts, t->n_counts,
				       sizeof(*t->counts));
		t->counts[t->n_counts++] = 0;
	}
	t->counts[group]++;
}

static void add_thread(struct threads *t, struct str group, const struct process *process,
		       const struct process *thread)
{
	struct str name = joined(t->named, group, identity_comm(thread));
	struct ledger_entry entry = {
		.id = thread->pid,
		.start = named_start(thread->start_ns),
		.group = ledger_group(&t->ledger, name, false),
	};

	if (entry.group == LEDGER_NONE)
		entry.group = ledger_group(&t->ledger, joined(t->named, group, STR("other")), true);
	process_used_of(thread, &entry.used);
	ledger_charge(&t->ledger, entry);
	count(t, entry.group);
	add_sleeper(t, group, process->pid, thread->pid);
}

static void add_process(struct threads *t, size_t at)
{
	static const struct process_wants wants = { .io = true, .switches = true };
	const struct process *process = &t->named->table->v[at];
	uint32_t group = t->named->group[at];
	struct process_table threads;
	struct str name;

	if (group == LEDGER_NONE)
		return;
	name = t->named->ledger.groups[group].name;
	if (process->threads <= 1) {
		add_sleeper(t, name, process->pid, 0);
		return;
	}
	if (processes_threads(t->named->c->host, process->pid, &wants, t->named->c->scratch,
			      &threads) < 0)
		return;
	t->named->groups[group].states[named_state_of(process->state)]--;
	for (size_t i = 0; i < threads.n; i++) {
		t->named->groups[group].states[named_state_of(threads.v[i].state)]++;
		add_thread(t, name, process, &threads.v[i]);
	}
}

static void add_kind(const struct threads *t, const struct metric_desc *desc, size_t group,
		     struct str label, const char *kind, double value)
{
	struct metrics *out = t->named->c->out;
	struct str thread = t->ledger.groups[group].name, name = { 0 };

	(void)str_cut(&thread, '\0', &name);
	family_add(metrics_family(out, desc),
		   kind ? METRIC_LABELS(out, { STR("groupname"), name },
					{ STR("threadname"), thread }, { label, str_of(kind) })
			: METRIC_LABELS(out, { STR("groupname"), name },
					{ STR("threadname"), thread }),
		   value);
}

static void add_group(const struct threads *t, size_t group)
{
	static const struct metric_desc number = { PREFIX "_count", "Threads of this name.",
						   METRIC_GAUGE };
	static const struct metric_desc cpu = { PREFIX "_cpu_seconds_total",
						"CPU time that threads of this name used.",
						METRIC_COUNTER };
	static const struct metric_desc io = { PREFIX "_io_bytes_total",
					       "Bytes that threads of this name had read from "
					       "storage and written to it.",
					       METRIC_COUNTER };
	static const struct metric_desc major = {
		PREFIX "_major_page_faults_total",
		"Page faults of threads of this name that waited for storage.", METRIC_COUNTER
	};
	static const struct metric_desc minor = {
		PREFIX "_minor_page_faults_total",
		"Page faults of threads of this name that needed no storage.", METRIC_COUNTER
	};
	static const struct metric_desc switches = { PREFIX "_context_switches_total",
						     "How often threads of this name left their "
						     "CPU.",
						     METRIC_COUNTER };
	const struct process_used *sums = &t->ledger.groups[group].sums;
	const struct str none = { 0 };
	uint64_t n = group < t->n_counts ? t->counts[group] : 0;

	add_kind(t, &number, group, none, NULL, (double)n);
	add_kind(t, &cpu, group, STR("mode"), "user", (double)sums->user_ns / 1e9);
	add_kind(t, &cpu, group, STR("mode"), "system", (double)sums->system_ns / 1e9);
	add_kind(t, &io, group, STR("iomode"), "read", (double)sums->read_bytes);
	add_kind(t, &io, group, STR("iomode"), "write", (double)sums->write_bytes);
	add_kind(t, &major, group, none, NULL, (double)sums->major_faults);
	add_kind(t, &minor, group, none, NULL, (double)sums->minor_faults);
	add_kind(t, &switches, group, STR("ctxswitchtype"), "voluntary",
		 (double)sums->voluntary_switches);
	add_kind(t, &switches, group, STR("ctxswitchtype"), "nonvoluntary",
		 (double)sums->involuntary_switches);
}

static void add_sleepers(const struct threads *t)
{
	static const struct metric_desc desc = {
		PREFIX "s_wchan",
		"Threads of the group by the kernel function they sleep in.",
		METRIC_GAUGE,
	};
	struct metrics *out = t->named->c->out;
	struct family *family = metrics_family(out, &desc);

	for (size_t i = 0; i < t->n_sleepers; i++)
		family_add(family,
			   METRIC_LABELS(out, { STR("groupname"), t->sleepers[i].group },
					 { STR("wchan"), t->sleepers[i].wchan }),
			   (double)t->sleepers[i].n);
}

void named_add_threads(struct named *named, uint64_t boot, uint64_t now)
{
	static const struct str key = { "namedprocess.threads", 20 };
	_cleanup_buf_ struct buf out = { 0 };
	struct threads t = { .named = named };
	uint64_t keep = (uint64_t)named->conf->keep_ns / 1000000000;

	ledger_load(&t.ledger, state_get(named->c->state, key), boot, 0,
		    (size_t)named->conf->group_limit * THREAD_GROUPS, named->c->scratch);
	ledger_forget(&t.ledger, now > keep ? now - keep : 0);
	for (size_t i = 0; i < named->table->n; i++)
		add_process(&t, i);
	for (size_t i = 0; i < t.ledger.n_groups; i++) {
		if (t.ledger.groups[i].active == UINT64_MAX || (i < t.n_counts && t.counts[i]))
			t.ledger.groups[i].active = now;
		add_group(&t, i);
	}
	add_sleepers(&t);
	ledger_save(&t.ledger, boot, 0, &out);
	if (!out.err)
		state_set(named->c->state, key, buf_view(&out));
}
