/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every process, alive and dead, for the collector "process". The iterator writes a record for
 * each process (thread group) there is. The hook keeps what the dead used: a process that the
 * iterator may have met becomes a record of its own, since readers know a part of its figures
 * already; any other is added to the row of its kind. sched_process_exit would be too early for
 * that: the clock of the last slice has not been read then, nor has the memory been given back.
 */
#include "task.h"

enum {
	NOFILE = 7, /* RLIMIT_NOFILE */
	CPUS = 1024,
	WORDS = 4, /* of a table of descriptors, read at once */
	WORDS_MAX = 1 << 14,
	ANCESTORS = 16,
};
#define IDLE_NS (3600ULL * 1000000000)
#define SWEEP_NS (60ULL * 1000000000)

struct pid_namespace___p {
	unsigned int level;
} RELOCATED;

struct bpf_iter_seq_task_common {
	struct pid_namespace___p *ns;
} RELOCATED;

struct seq_file {
	void *private;
} RELOCATED;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id, seq_num;
} RELOCATED;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct___p *task;
} RELOCATED;

struct bpf_array {
	void *pptrs[0];
} RELOCATED;

PP_MAP(state, ARRAY, 1, u32, struct process_record_state);
PP_MAP(dead, ARRAY, PROCESS_RECORD_DEAD, u32, struct process_record_dead);
PP_MAP(totals, HASH, PROCESS_RECORD_KINDS, struct process_record_kind, struct process_record_sum);
/* One of each CPU: they lie as far from each other as everything that there is one of each CPU. */
PP_MAP(here, PERCPU_ARRAY, 1, u32, u64);

static u64 cpu_offset[CPUS];
static u32 cpus;

/* The first one to come makes the row of all that find no other, while there is room. */
static __always_inline struct process_record_state *state_of(u64 now)
{
	struct process_record_kind any = { 0 };
	struct process_record_sum fresh = { .born_ns = now };
	u32 zero = 0;
	struct process_record_state *s = bpf_map_lookup_elem(&state, &zero);

	if (s && !s->load && __sync_val_compare_and_swap(&s->load, 0, now) == 0)
		bpf_map_update_elem(&totals, &any, &fresh, BPF_NOEXIST);
	return s;
}

/* Raises s->visited to `now`. Whoever is beaten more often than this was so by newer ones. */
static __always_inline void visit(struct process_record_state *s, u64 now)
{
#pragma unroll
	for (int i = 0; i < TRIES; i++) {
		u64 was = s->visited;

		if (was >= now || __sync_val_compare_and_swap(&s->visited, was, now) == was)
			return;
	}
}

/*
 * The counters of pages are kept for each CPU and only now and then added up. No helper reads
 * another CPU's part of such a counter, but of a map it does: the distance is the same.
 */
static __always_inline void find_cpus(void)
{
	u32 zero = 0, n = 0;
	void *volatile pointer = &here;
	void *base = NULL;
	u64 map, first;

	if (bpf_probe_read_kernel(&map, sizeof(map), (const void *)&pointer) < 0 ||
	    bpf_probe_read_kernel(&first, sizeof(first),
				  (void *)(map + bpf_core_field_offset(struct bpf_array, pptrs))))
		return;
	for (n = 0; n < CPUS; n++) {
		u64 address;

		base = bpf_map_lookup_percpu_elem(&here, &zero, n);
		if (!base)
			break;
		pointer = base;
		if (bpf_probe_read_kernel(&address, sizeof(address), (const void *)&pointer) < 0)
			break;
		cpu_offset[n] = address - first;
	}
	cpus = n;
}

static __always_inline u32 bits(u64 v)
{
	v -= (v >> 1) & 0x5555555555555555;
	v = (v & 0x3333333333333333) + ((v >> 2) & 0x3333333333333333);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (v * 0x0101010101010101) >> 56;
}

struct pages {
	u64 counters[4];
	s64 sum[4];
	bool together; /* the four counters of a CPU are neighbours */
};

static long add_cpu(u32 cpu, struct pages *p)
{
	s32 part[4] = { 0 };

	if (cpu >= CPUS)
		return 1;
	if (p->together)
		bpf_probe_read_kernel(part, sizeof(part),
				      (void *)(p->counters[0] + cpu_offset[cpu]));
	else
		for (int i = 0; i < 4; i++)
			bpf_probe_read_kernel(&part[i], sizeof(part[i]),
					      (void *)(p->counters[i] + cpu_offset[cpu]));
	for (int i = 0; i < 4; i++)
		p->sum[i] += part[i];
	return 0;
}

static __always_inline u64 counters_at(u64 address)
{
	return (u64)BPF_CORE_READ((struct percpu_counter___p *)address, counters);
}

/* Files, anonymous, swapped out, shared memory: enum MM_FILEPAGES and so on. */
static __always_inline void read_pages(struct process_record *r, struct mm_struct___p *mm)
{
	struct pages p = { 0 };

	if (bpf_core_type_exists(struct mm_rss_stat)) {
		struct mm_struct___before *before = (void *)mm;

		bpf_core_read(p.sum, sizeof(p.sum), &before->rss_stat.count);
	} else {
		u64 first = (u64)mm + bpf_core_field_offset(struct mm_struct___p, rss_stat);
		u64 size = bpf_core_type_size(struct percpu_counter___p), at = first;

		for (int i = 0; i < 4; i++, at += size)
			p.sum[i] = BPF_CORE_READ((struct percpu_counter___p *)at, count);
		p.counters[0] = counters_at(first);
		p.counters[3] = counters_at(first + 3 * size);
		p.together = p.counters[3] == p.counters[0] + 12;
		if (!p.together) {
			p.counters[1] = counters_at(first + size);
			p.counters[2] = counters_at(first + 2 * size);
		}
		bpf_loop(cpus, add_cpu, &p, 0);
	}
	r->pages_virtual = BPF_CORE_READ(mm, total_vm);
	r->pages_resident = p.sum[0] + p.sum[1] + p.sum[3];
	r->pages_swap = p.sum[2];
	r->flags |= PROCESS_RECORD_MM;
}

struct table {
	u64 words;
	u32 n, open;
};

static long add_words(u32 i, struct table *t)
{
	u64 words[WORDS] = { 0 };
	u32 n = t->n - i * WORDS;

	if (n > WORDS)
		n = WORDS;
	if (bpf_probe_read_kernel(words, n * 8, (void *)(t->words + i * sizeof(words))) < 0)
		return 1;
	for (u32 k = 0; k < WORDS; k++)
		if (words[k])
			t->open += bits(words[k]);
	return 0;
}

static __always_inline void read_fds(struct process_record *r, struct files_struct *files)
{
	struct fdtable *fdt = BPF_CORE_READ(files, fdt);
	struct table t = {
		.words = (u64)BPF_CORE_READ(fdt, open_fds),
		.n = BPF_CORE_READ(fdt, max_fds) / 64,
	};

	if (t.n == 1) {
		u64 word = 0;

		bpf_probe_read_kernel(&word, sizeof(word), (void *)t.words);
		t.open = bits(word);
	} else if (t.n <= WORDS_MAX) {
		bpf_loop((t.n + WORDS - 1) / WORDS, add_words, &t, 0);
	} else {
		return;
	}
	r->fds = t.open;
	r->flags |= PROCESS_RECORD_FDS;
}

/* Pids in the records are the host's: for a reader elsewhere they would name other processes. */
static __always_inline bool foreign(struct seq_file *seq)
{
	struct bpf_iter_seq_task_common *common = BPF_CORE_READ(seq, private);

	return BPF_CORE_READ(common, ns, level) > 0;
}

SEC("iter/task")
int table(struct bpf_iter__task *ctx)
{
	struct task_struct___p *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct process_record r = { 0 };
	struct walk w = { .r = &r };
	u64 now = bpf_ktime_get_boot_ns();
	struct process_record_state *s;

	if (!task)
		return 0;
	if (ctx->meta->seq_num == 0) {
		find_cpus();
		if (foreign(seq)) {
			r.version = PROCESS_RECORD_VERSION;
			r.size = sizeof(r);
			r.flags = PROCESS_RECORD_FOREIGN;
			bpf_seq_write(seq, &r, sizeof(r));
			return 0;
		}
	}
	if (task->pid != task->tgid)
		return 0;
	s = state_of(now);
	if (s)
		visit(s, now);
	read_task(&r, task);
	read_threads(&w, task);
	r.fd_limit = task->signal->rlim[NOFILE].rlim_cur;
	if (w.mm && !(r.flags & PROCESS_RECORD_KERNEL))
		read_pages(&r, w.mm);
	if (w.files)
		read_fds(&r, w.files);
	else
		r.flags |= PROCESS_RECORD_FDS;
	bpf_seq_write(seq, &r, sizeof(r));
	return 0;
}

/*
 * Ticks say how the time divides, not how much it was (cputime_adjust() of the kernel). Beyond 32
 * bits the ratio is taken of the leading ones.
 */
static __always_inline void divide_time(struct process_record *r)
{
	u64 ticks = r->user_ns + r->system_ns, system = r->system_ns, runtime = r->runtime_ns;

	if (r->said_user_ns + r->said_system_ns >= runtime) {
		r->user_ns = r->said_user_ns;
		r->system_ns = r->said_system_ns;
		return;
	}
	if (!system) {
		r->user_ns = runtime;
		return;
	}
	if (ticks >> 31) {
		u32 shift = log2_floor(ticks) - 30;

		ticks >>= shift;
		system >>= shift;
	}
	/* runtime * system / ticks; system <= ticks < 2^31 */
	system = runtime / ticks * system + runtime % ticks * system / ticks;
	if (system < r->said_system_ns)
		system = r->said_system_ns;
	if (system > runtime)
		system = runtime;
	r->user_ns = runtime - system;
	r->system_ns = system;
}

static __always_inline void add(u64 *to, u64 n)
{
	if (n)
		__sync_fetch_and_add(to, n);
}

struct bpf_map;

static long remove_idle(struct bpf_map *map, struct process_record_kind *kind,
			struct process_record_sum *sum, u64 *now)
{
	struct process_record_kind key = *kind;

	if (key.comm[0] && *now > sum->last_ns + IDLE_NS)
		bpf_map_delete_elem(&totals, &key);
	return 0;
}

/*
 * The row of a kind. When all are taken, those that have not grown for an hour make room, which
 * every reader has read by then; but it is not looked for them at each end of a process.
 */
static __always_inline struct process_record_sum *row_of(struct process_record_kind *kind,
							 struct process_record_state *s, u64 now)
{
	struct process_record_sum fresh = { .born_ns = now, .last_ns = now };
	struct process_record_kind any = { 0 };
	struct process_record_sum *sum = bpf_map_lookup_elem(&totals, kind);

	if (sum)
		return sum;
	if (bpf_map_update_elem(&totals, kind, &fresh, BPF_NOEXIST) == -7 /* E2BIG */ &&
	    now > s->swept + SWEEP_NS) {
		s->swept = now;
		bpf_for_each_map_elem(&totals, remove_idle, &now, 0);
		bpf_map_update_elem(&totals, kind, &fresh, BPF_NOEXIST);
	}
	sum = bpf_map_lookup_elem(&totals, kind);
	return sum ? sum : bpf_map_lookup_elem(&totals, &any);
}

struct climb {
	struct process_record_kind *kind;
	struct task_struct___p *parent; /* a thread of it */
	u64 born, visited;
};

/*
 * Nobody keeps the parent of one that was waited for, and its memory may be another's by now. A new
 * task has a later start; while it is still the copy of the one that begets it, that one's links.
 */
static __always_inline bool is_before(struct task_struct___p *task, u64 born)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct hlist_node *first = BPF_CORE_READ(pid, tasks[0].first);

	return BPF_CORE_READ(task, start_boottime) <= born &&
	       (!first || first == __builtin_preserve_access_index(&task->pid_links[0]));
}

static long climb(u32 i, struct climb *c)
{
	struct task_struct___p *thread = c->parent, *parent = BPF_CORE_READ(thread, group_leader);
	u64 start = BPF_CORE_READ(parent, start_boottime);
	int pid = BPF_CORE_READ(parent, tgid);

	if (pid <= 0 || !is_before(thread, c->born) || !is_before(parent, c->born))
		return 1;
	if (start <= c->visited) {
		c->kind->parent = pid;
		c->kind->parent_start_ns = start;
		return 1;
	}
	c->born = start;
	c->parent = BPF_CORE_READ(parent, real_parent);
	return 0;
}

/* The nearest ancestor that a reader may know. Linux 6.1 refuses the loop clang makes of it. */
static __always_inline void find_parent(struct process_record_kind *kind,
					struct task_struct___p *task, u64 visited)
{
	struct climb c = {
		.kind = kind,
		.parent = BPF_CORE_READ(task, real_parent),
		.born = task->start_boottime,
		.visited = visited,
	};

	bpf_loop(ANCESTORS, climb, &c, 0);
}

static __always_inline void keep_kind(struct process_record *r, struct task_struct___p *task,
				      struct process_record_state *s, u64 now)
{
	struct process_record_kind kind = { .cgroup = r->cgroup, .uid = r->uid };
	struct process_record_sum *sum;

	__builtin_memcpy(kind.comm, r->comm, sizeof(kind.comm));
	find_parent(&kind, task, s->visited);
	sum = row_of(&kind, s, now);
	if (!sum) {
		add(&s->missed, 1);
		lost();
		return;
	}
	divide_time(r);
	sum->last_ns = now;
	add(&sum->count, 1);
	add(&sum->user_ns, r->user_ns);
	add(&sum->system_ns, r->system_ns);
	add(&sum->minor_faults, r->minor_faults);
	add(&sum->major_faults, r->major_faults);
	add(&sum->read_bytes, r->read_bytes);
	add(&sum->write_bytes, r->write_bytes);
	add(&sum->voluntary_switches, r->voluntary_switches);
	add(&sum->involuntary_switches, r->involuntary_switches);
}

static __always_inline void keep_record(const struct process_record *r,
					struct process_record_state *s)
{
	u64 number = __sync_fetch_and_add(&s->next, 1);
	u32 slot = number % PROCESS_RECORD_DEAD;
	struct process_record_dead *d = bpf_map_lookup_elem(&dead, &slot);

	if (!d)
		return;
	d->number = number + 1;
	d->record = *r;
	d->check = process_record_check(d);
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(ended, struct task_struct___p *task)
{
	struct process_record r = { 0 };
	u64 now = bpf_ktime_get_boot_ns();
	struct process_record_state *s;

	if (task->pid != task->tgid)
		return 0;
	s = state_of(now);
	if (!s)
		return 0;
	/* The first one: who read the table before these maps were made is not known. */
	if (!s->visited)
		visit(s, now);
	read_task(&r, task);
	read_ended(&r, task->signal);
	if (r.start_ns <= s->visited)
		keep_record(&r, s);
	else
		keep_kind(&r, task, s, now);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
