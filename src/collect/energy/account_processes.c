/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From groups to processes: what a group had by itself is divided as its processes used the CPUs.
 * What those used that nobody can name any more stays with the group.
 */
#include <string.h>

#include "collect/energy/account_internal.h"
#include "collect/process/identity.h"
#include "host/nvml.h"

enum { NOBODY = UINT32_MAX, TICK_NS = 10000000, KTHREADD = 2 };

/* The path in the hierarchy whose CPU times are read. */
static struct str cpu_path(struct str lines, bool v1)
{
	struct str line, controllers, number, word;

	while (str_line(&lines, &line)) {
		if (!str_cut(&line, ':', &number) || str_find(line, ':') == line.n)
			continue;
		if (line.p[0] == ':') {
			if (!v1)
				return str_skip(line, 1);
			continue;
		}
		(void)str_cut(&line, ':', &controllers);
		while (v1 && str_cut(&controllers, ',', &word))
			if (str_eq(word, STR("cpuacct")))
				return line;
	}
	return (struct str){ 0 };
}

static uint32_t group_of(const struct attribution *a, const struct process *process)
{
	struct identity who = { .host = a->c->host, .arena = a->arena, .process = process };
	const struct cgroup *found = NULL;

	if (!a->groups)
		return 0;

	bool v1 = a->groups->trees & 1u << CGROUP_CPUACCT;

	if (!v1 && process->has & PROCESS_CGROUP)
		found = cgroup_by_id(a->groups, process->cgroup);
	if (found)
		return (uint32_t)(found - a->groups->v);
	return (uint32_t)energy_group_at(a, cpu_path(identity_cgroups(&who), v1));
}

/* Threads of the kernel are many, by CPU and by what they work on: "kworker/3:1-events". */
static struct str name_of(struct attribution *a, const char comm[PROCESS_COMM], bool kernel)
{
	struct str name = { comm, strnlen(comm, PROCESS_COMM) };

	for (size_t i = 1; kernel && i < name.n; i++)
		if (name.p[i] == '/' || name.p[i] == ':')
			name.n = i;
	return arena_str(a->arena, name);
}

static struct energy_user *add_user(struct attribution *a, struct energy_user user)
{
	a->users = arena_grow(a->arena, a->users, a->n_users, sizeof(*a->users));
	a->users[a->n_users] = user;
	return &a->users[a->n_users++];
}

static void note(struct attribution *a, struct ledger_process entry)
{
	a->now = arena_grow(a->arena, a->now, a->n_now, sizeof(*a->now));
	a->now[a->n_now++] = entry;
}

static void read_alive(struct attribution *a)
{
	const struct process_table *table = &a->table->table;
	bool follows = a->follows && a->ledger.has_processes;

	for (uint32_t i = 0; i < table->n; i++) {
		const struct process *p = &table->v[i];
		struct ledger_process now = { p->pid, p->start_ns / TICK_NS, p->cpu_ns, 0 };
		const struct ledger_process *before =
			energy_ledger_process(&a->ledger, now.id, now.start);
		uint64_t was = before ? before->cpu_ns : follows ? 0 : now.cpu_ns;

		now.uj = before ? before->uj : 0;
		note(a, now);
		if (now.cpu_ns > was)
			(void)add_user(a, (struct energy_user){
						  .group = group_of(a, p),
						  .process = i,
						  .name = name_of(a, p->comm, p->kernel),
						  .cpu_ns = now.cpu_ns - was,
					  });
	}
}

static uint64_t cpu_of(const struct process_used *used)
{
	return used->user_ns + used->system_ns;
}

/* Of those that ended only the v2 group is told, and none that is gone itself. */
static void add_dead(struct attribution *a, uint64_t cgroup, const char comm[PROCESS_COMM],
		     bool kernel, uint64_t cpu_ns)
{
	const struct cgroup *group = cgroup_by_id(a->groups, cgroup);

	if (!group || !cpu_ns || !a->follows)
		return;
	(void)add_user(a, (struct energy_user){
				  .group = (uint32_t)(group - a->groups->v),
				  .process = NOBODY,
				  .name = name_of(a, comm, kernel),
				  .cpu_ns = cpu_ns,
			  });
}

static uint32_t process_at(const struct attribution *a, uint32_t pid)
{
	const struct process_table *table = &a->table->table;
	const struct process *found = process_by_pid(table, pid);

	return found ? (uint32_t)(found - table->v) : NOBODY;
}

/* What it had used when it was met last, in this cycle or the last. */
static uint64_t met_with(const struct attribution *a, const struct process_dead *dead)
{
	uint64_t start = dead->start_ns / TICK_NS;
	uint32_t at = process_at(a, dead->pid);
	const struct ledger_process *before = energy_ledger_process(&a->ledger, dead->pid, start);

	if (at != NOBODY && a->now[at].start == start)
		return a->now[at].cpu_ns;
	return before ? before->cpu_ns : 0;
}

static uint64_t beyond(uint64_t is, uint64_t was)
{
	return is > was ? is - was : 0;
}

static void read_dead(struct attribution *a)
{
	struct process_totals totals;

	if (!a->groups || a->groups->trees & 1u << CGROUP_CPUACCT ||
	    process_dead(a->c, a->table, a->ledger.seen, &totals) < 0)
		return;
	a->seen = totals.seen;
	for (size_t i = 0; totals.known && i < totals.n_dead; i++) {
		const struct process_dead *dead = &totals.dead[i];

		add_dead(a, dead->cgroup, dead->comm, dead->ppid == KTHREADD,
			 beyond(cpu_of(&dead->used), met_with(a, dead)));
	}
	for (size_t i = 0; i < totals.n; i++) {
		const struct process_kind *kind = &totals.v[i].kind;
		const struct process_sum *sum = &totals.v[i].sum;
		/* Above all numbers of processes. */
		uint64_t id = str_hash((struct str){ (const char *)kind, sizeof(*kind) }) |
			      UINT64_C(1) << 63;
		const struct ledger_process *before =
			energy_ledger_process(&a->ledger, id, sum->born_ns);
		uint64_t cpu_ns = cpu_of(&sum->used);

		if (totals.known)
			add_dead(a, kind->cgroup, kind->comm, kind->parent == KTHREADD,
				 beyond(cpu_ns, before ? before->cpu_ns : 0));
		note(a, (struct ledger_process){ id, sum->born_ns, cpu_ns, 0 });
	}
}

void energy_read_processes(struct attribution *a)
{
	const struct process_wants wants = {
		/* v1's groups are told by no id. */
		.cgroup = a->groups && !(a->groups->trees & 1u << CGROUP_CPUACCT),
	};
	const struct energy_conf *conf = energy_settings(a->c->settings);
	bool gpu = false;

	for (size_t i = 0; i < a->n_consumers; i++)
		gpu |= a->consumers[i].part == PART_GPU;
	if (!conf->processes && !conf->pids && !conf->scaphandre && !gpu)
		return;
	if (process_table(a->c, &wants, &a->table) < 0) {
		a->table = NULL;
		return;
	}
	read_alive(a);
	read_dead(a);
}

/* Users in the order of their groups; those of group g begin at ret_first[g]. */
static uint32_t *by_group(const struct attribution *a, size_t **ret_first)
{
	size_t *first = arena_zalloc(a->arena, a->n_groups + 2, sizeof(*first));
	uint32_t *order = arena_zalloc(a->arena, a->n_users + 1, sizeof(*order));

	for (size_t i = 0; i < a->n_users; i++)
		first[a->users[i].group + 2]++;
	for (size_t g = 2; g < a->n_groups + 2; g++)
		first[g] += first[g - 1];
	for (uint32_t i = 0; i < a->n_users; i++)
		order[first[a->users[i].group + 1]++] = i;
	*ret_first = first;
	return order;
}

uint64_t energy_split_processes(struct attribution *a)
{
	uint64_t *weights = arena_alloc(a->arena, (a->n_users + 1) * sizeof(*weights));
	uint64_t *parts = arena_alloc(a->arena, (a->n_users + 1) * sizeof(*parts));
	uint64_t left = 0, rest;
	size_t *first;
	uint32_t *order = by_group(a, &first);

	for (size_t g = 0; g < a->n_groups; g++) {
		size_t n = first[g + 1] - first[g];
		const uint32_t *users = &order[first[g]];

		for (size_t i = 0; i < n; i++)
			weights[i] = a->users[users[i]].cpu_ns;
		for (int part = 0; part < PART_GPU; part++) {
			if (!a->own_uj[g][part])
				continue;
			split_whole(a->own_uj[g][part], n, weights,
				    a->own_ns[g * (a->cpus.n + 1) + a->cpus.n], parts, &rest);
			left += rest;
			for (size_t i = 0; i < n; i++)
				a->users[users[i]].uj += parts[i];
		}
	}
	return left;
}

static struct energy_user *user_of(struct attribution *a, uint32_t process)
{
	const struct process *p = &a->table->table.v[process];

	for (size_t i = 0; i < a->n_users; i++)
		if (a->users[i].process == process)
			return &a->users[i];
	return add_user(a, (struct energy_user){
				   .group = group_of(a, p),
				   .process = process,
				   .name = name_of(a, p->comm, p->kernel),
			   });
}

void energy_split_gpu(struct attribution *a, const struct energy_consumer *gpu,
		      struct energy_divided *ret)
{
	const struct nvml_use *uses;
	size_t n_uses = 0, n = 0;
	int32_t busy_ppm = gpu->gpu < 0 ? -1 : nvml_busy_ppm(a->c->host, (uint32_t)gpu->gpu);

	/* Of other makers' GPUs nobody says who uses them. */
	if (gpu->gpu < 0 || !a->table || nvml_uses(a->c->host, &uses, &n_uses) < 0)
		n_uses = 0;

	uint64_t *weights = arena_zalloc(a->arena, n_uses + 1, sizeof(*weights));
	uint32_t *processes = arena_zalloc(a->arena, n_uses + 1, sizeof(*processes));
	bool used = busy_ppm > 0;

	for (size_t i = 0; i < n_uses; i++) {
		if (uses[i].gpu != (uint32_t)gpu->gpu)
			continue;
		used = true;
		processes[n] = process_at(a, uses[i].pid);
		weights[n] = uses[i].busy_ppm;
		n += processes[n] != NOBODY && weights[n];
	}
	/* Idle is what it consumes while nobody has it open. */
	if (!used)
		baseline_learn(&gpu->ledger->baseline, gpu->counted_uj, gpu->elapsed_ns, 0, 1);

	struct split_domain domain = {
		.energy_uj = gpu->energy_uj,
		.elapsed_ns = gpu->elapsed_ns,
		.busy = busy_ppm > 0 ? (uint64_t)busy_ppm : 0,
		.idle_uw = baseline_idle_uw(&gpu->ledger->baseline),
	};
	struct split split = {
		.n_domains = 1,
		.n = n,
		.domains = &domain,
		.weights = weights,
	};

	split_energy(&split, a->arena);
	*ret = (struct energy_divided){ split.idle_uj[0], split.nobody_uj[0] };
	for (size_t i = 0; i < n; i++) {
		struct energy_user *user = user_of(a, processes[i]);

		user->uj += split.owned_uj[i];
		a->own_uj[user->group][PART_GPU] += split.owned_uj[i];
	}
}
