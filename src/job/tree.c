/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "job/procs.h"

/* Rounds of SIGKILL, those without any effect, and how many are held by pidfds at a time. */
enum { ROUNDS_MAX = 1000, IDLE_MAX = 20, HELD_MAX = 512 };

/* /proc may be mounted from another pid namespace, where our number is somebody else's. */
static int open_proc(pid_t self)
{
	int proc = file_open_dir(AT_FDCWD, "/proc");
	char link[NUM_TEXT_MAX];
	ssize_t n = proc < 0 ? -1 : readlinkat(proc, "self", link, sizeof(link));
	uint64_t pid;

	if (n > 0 && num_u64((struct str){ link, (size_t)n }, &pid) == 0 && (pid_t)pid == self)
		return proc;
	if (proc >= 0)
		(void)close(proc);
	return -1;
}

/* Whom the program that has become us through exec had started is none of CMD's. */
static void ignore_inherited(struct tree *tree)
{
	siginfo_t info;
	struct procs procs;

	if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0 || tree->proc < 0)
		return;
	procs_below(tree->proc, tree->self, &tree->ours, true, &tree->scratch, &procs);
	for (size_t i = 0; i < procs.n; i++)
		if (procs.v[i].parent == tree->self)
			tree_ignore(tree, procs.v[i].pid);
}

void tree_open(struct tree *tree, enum tree_way way)
{
	*tree = (struct tree){
		.way = way,
		.self = getpid(),
		.cgroup = { .parent = -1, .dir = -1 },
		.scope = -1,
	};
	tree->proc = open_proc(tree->self);
	(void)prctl(PR_GET_CHILD_SUBREAPER, &tree->reaper);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	ignore_inherited(tree);
	if (way != TREE_SUBREAPER)
		(void)cgroup_make(&tree->cgroup, &tree->scratch);
	oom_open(&tree->oom, tree->self, tree->cgroup.parent, &tree->scratch);
	arena_reset(&tree->scratch);
}

int tree_cgroup(const struct tree *tree)
{
	return tree->cgroup.dir;
}

void tree_started(struct tree *tree, pid_t command)
{
	tree->command = command;
}

void tree_ignore(struct tree *tree, pid_t pid)
{
	pids_add(&tree->ours, pid, &tree->keep);
}

/* Forgets it, too: the number may come again. */
static bool take_ours(struct tree *tree, pid_t pid, bool ended)
{
	for (size_t i = 0; i < tree->ours.n; i++) {
		if (tree->ours.v[i] != pid)
			continue;
		if (ended)
			tree->ours.v[i] = tree->ours.v[--tree->ours.n];
		return true;
	}
	return false;
}

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

static void raise_to(uint64_t *value, uint64_t other)
{
	if (other > *value)
		*value = other;
}

/* Blocks are of 512 bytes whatever the device says (include/linux/task_io_accounting_ops.h). */
static void add_rusage(struct usage *usage, const struct rusage *r)
{
	usage->user_ns += ns_of(r->ru_utime);
	usage->system_ns += ns_of(r->ru_stime);
	usage->minor_faults += (uint64_t)r->ru_minflt;
	usage->major_faults += (uint64_t)r->ru_majflt;
	usage->voluntary += (uint64_t)r->ru_nvcsw;
	usage->involuntary += (uint64_t)r->ru_nivcsw;
	usage->read_bytes += (uint64_t)r->ru_inblock * 512;
	usage->written_bytes += (uint64_t)r->ru_oublock * 512;
	raise_to(&usage->memory_peak_bytes, (uint64_t)r->ru_maxrss * 1024);
}

void tree_ask_scope(struct tree *tree)
{
	struct pids pids = { 0 };
	struct str path;
	_cleanup_fd_ int own = -1;

	if (tree->way == TREE_CGROUP || tree->way == TREE_SUBREAPER || tree->command <= 0 ||
	    tree->asked)
		return;
	tree->asked = true;
	/* With the controller of memory, our own cgroup tells as much. */
	if (tree->way == TREE_AUTO && tree->cgroup.dir >= 0 &&
	    faccessat(tree->cgroup.dir, "memory.current", F_OK, 0) == 0)
		return;
	own = cgroup_of(tree->self, &tree->scratch, &path);
	if (own >= 0 && scope_allowed(own, path, &tree->scope_conf, &tree->keep)) {
		pids_add(&pids, tree->command, &tree->scratch);
		/* Not who has a cgroup below it: a container, or a job within this one. */
		if (tree->cgroup.dir >= 0)
			cgroup_pids(tree->cgroup.dir, false, &tree->scratch, &pids);
		if (scope_start(&tree->scope_conf, &pids, &tree->helper) == 0)
			tree_ignore(tree, tree->helper);
	}
	arena_reset(&tree->scratch);
}

/* The scope's name says enough: nobody else makes one of this name while we live. */
static void enter_scope(struct tree *tree)
{
	struct str path;
	int dir = tree->command > 0 ? cgroup_of(tree->command, &tree->scratch, &path) : -1;

	if (dir >= 0 && scope_is(&tree->scope_conf, path)) {
		tree->scope = dir;
		tree->counted = true;
	} else {
		cleanup_fd(&dir);
	}
	arena_reset(&tree->scratch);
}

/*
 * The scope of a run goes with the last of its processes, and what it has counted with it. So it
 * is asked as soon as somebody was killed; a shell tells of that by its own status.
 */
static void ask_of_oom(struct tree *tree, int status)
{
	uint64_t kills;

	if (tree->scope < 0 || !(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
						     : WEXITSTATUS(status) == 128 + SIGKILL))
		return;
	if (oom_read(tree->scope, "memory.events", &tree->scratch, &kills))
		raise_to(&tree->best.oom_kills, kills);
	else
		tree->oom_missed = true;
	arena_reset(&tree->scratch);
}

bool tree_reap(struct tree *tree, struct tree_event *ret)
{
	struct rusage usage;
	int status;
	pid_t pid;

	do
		pid = wait4(-1, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage);
	while (pid < 0 && errno == EINTR);
	if (pid <= 0)
		return false;

	bool ended = WIFEXITED(status) || WIFSIGNALED(status);

	*ret = (struct tree_event){
		.pid = pid,
		.kind = ended                ? TREE_EXITED
			: WIFSTOPPED(status) ? TREE_STOPPED
					     : TREE_CONTINUED,
		.status = status,
		.ours = take_ours(tree, pid, ended),
	};
	if (ended && !ret->ours) {
		ask_of_oom(tree, status);
		add_rusage(&tree->reaped, &usage);
	}
	if (ended && pid == tree->helper) {
		tree->helper = 0;
		if (status == 0)
			enter_scope(tree);
	}
	if (ended && pid == tree->command)
		tree->command = 0;
	return true;
}

/* All that live, sorted, each once. */
static void members(struct tree *tree, bool thorough, struct pids *ret, struct procs *ret_procs)
{
	struct pids pids = { 0 };
	struct procs procs = { 0 };

	if (tree->proc >= 0)
		procs_below(tree->proc, tree->self, &tree->ours, thorough, &tree->scratch, &procs);
	else if (tree->command > 0)
		pids_add(&pids, tree->command, &tree->scratch);
	for (size_t i = 0; i < procs.n; i++)
		if (!proc_is_dead(&procs.v[i]))
			pids_add(&pids, procs.v[i].pid, &tree->scratch);
	if (tree->cgroup.dir >= 0)
		cgroup_pids(tree->cgroup.dir, true, &tree->scratch, &pids);
	if (tree->scope >= 0)
		cgroup_pids(tree->scope, true, &tree->scratch, &pids);
	pids_sort(&pids);
	*ret = pids;
	if (ret_procs)
		*ret_procs = procs;
}

/* The larger total, divided as its source divides it as far as neither part falls. */
static void take_cpu(struct usage *best, const struct usage *a, const struct usage *b)
{
	const struct usage *more = a->user_ns + a->system_ns >= b->user_ns + b->system_ns ? a : b;
	uint64_t total = more->user_ns + more->system_ns, user = more->user_ns;

	if (total <= best->user_ns + best->system_ns)
		return;
	if (user < best->user_ns)
		user = best->user_ns;
	if (total - user < best->system_ns)
		user = total - best->system_ns;
	best->user_ns = user;
	best->system_ns = total - user;
}

/* Of a group below ours both may tell: each has counted the same. */
static void take_oom(struct tree *tree, const struct usage *counted)
{
	struct usage *best = &tree->best;
	uint64_t kills;

	if (counted->oom_known)
		raise_to(&best->oom_kills, counted->oom_kills);
	best->oom_known |= counted->oom_known;
	if (oom_count(&tree->oom, &tree->scratch, &kills)) {
		raise_to(&best->oom_kills, kills);
		best->oom_known = true;
	}
	if (tree->oom_missed && !best->oom_kills)
		best->oom_known = false;
}

void tree_sample(struct tree *tree, struct usage *ret)
{
	struct usage seen = tree->reaped, counted = { 0 }, *best = &tree->best;
	struct procs procs;
	struct pids pids;

	members(tree, false, &pids, &procs);
	procs_usage(tree->proc, &procs, &seen);
	if (tree->cgroup.dir >= 0)
		cgroup_usage(tree->cgroup.dir, &tree->scratch, &counted);
	if (tree->scope >= 0)
		cgroup_usage(tree->scope, &tree->scratch, &counted);
	take_cpu(best, &seen, &counted);
	best->memory_bytes = counted.memory_bytes;
	/* What was allocated before the scope stays charged where it was. */
	if (tree->scope >= 0 || !counted.memory_bytes)
		raise_to(&best->memory_bytes, seen.memory_bytes);
	raise_to(&best->memory_peak_bytes, best->memory_bytes);
	raise_to(&best->memory_peak_bytes, counted.memory_peak_bytes);
	raise_to(&best->memory_peak_bytes, seen.memory_peak_bytes);
	raise_to(&best->read_bytes, counted.read_bytes);
	raise_to(&best->read_bytes, seen.read_bytes);
	raise_to(&best->written_bytes, counted.written_bytes);
	raise_to(&best->written_bytes, seen.written_bytes);
	raise_to(&best->minor_faults, seen.minor_faults);
	raise_to(&best->major_faults, seen.major_faults);
	raise_to(&best->voluntary, seen.voluntary);
	raise_to(&best->involuntary, seen.involuntary);
	take_oom(tree, &counted);
	best->processes = pids.n;
	/* Of who is in the cgroup but not below us, one is known. */
	best->threads = seen.threads;
	if (pids.n > seen.processes)
		best->threads += pids.n - seen.processes;
	*ret = *best;
	arena_reset(&tree->scratch);
}

const char *tree_accounting(struct tree *tree)
{
	struct usage usage = { 0 };
	struct pids pids = { 0 };

	if (!tree->counted && tree->cgroup.dir >= 0) {
		cgroup_pids(tree->cgroup.dir, true, &tree->scratch, &pids);
		cgroup_usage(tree->cgroup.dir, &tree->scratch, &usage);
		tree->counted = pids.n || usage.user_ns + usage.system_ns > 0;
		arena_reset(&tree->scratch);
	}
	return tree->counted ? "cgroup" : "subreaper";
}

/* Without pidfds (before 5.3, some seccomp filters) the number must do. */
static void send(int held, pid_t pid, int number)
{
	if (held >= 0)
		(void)pidfd_send_signal(held, number, NULL, 0);
	else
		(void)kill(pid, number);
}

/*
 * Signals up to HELD_MAX of `pids` from `from` on, and returns how many of them it has dealt
 * with. A number may pass to a stranger between the list and the signal: so they are held first
 * and listed again, and only who is in both lists is meant.
 */
static size_t signal_some(struct tree *tree, const struct pids *pids, size_t from, int number)
{
	int held[HELD_MAX];
	struct pids again;
	size_t n = 0;

	for (; n < HELD_MAX && from + n < pids->n; n++) {
		held[n] = pidfd_open(pids->v[from + n], 0);
		if (held[n] < 0 && (errno == EMFILE || errno == ENFILE) && n)
			break;
	}
	members(tree, true, &again, NULL);
	for (size_t i = 0; i < n; i++) {
		pid_t pid = pids->v[from + i];

		if (pids_have(&again, pid)) {
			send(held[i], pid, number);
			if (number == SIGTERM)
				send(held[i], pid, SIGCONT);
		}
		if (held[i] >= 0)
			(void)close(held[i]);
	}
	return n;
}

/* Once, to all that are there; returns how many were not among those of `before`. */
static size_t signal_all(struct tree *tree, int number, struct pids *before)
{
	struct pids pids;
	size_t fresh = 0;

	members(tree, true, &pids, NULL);
	for (size_t i = 0; i < pids.n; i++)
		fresh += !pids_have(before, pids.v[i]);
	if (number == SIGKILL && pids.n && tree->cgroup.dir >= 0)
		(void)cgroup_kill(tree->cgroup.dir);
	if (number == SIGKILL && pids.n && tree->scope >= 0)
		(void)cgroup_kill(tree->scope);
	for (size_t done = 0; done < pids.n;)
		done += signal_some(tree, &pids, done, number);
	*before = pids;
	return fresh;
}

size_t tree_kill(struct tree *tree, int number)
{
	struct pids pids = { 0 };
	size_t count = signal_all(tree, number, &pids);

	/*
	 * Whoever is born meanwhile, or has just lost its parent, turns up in one of the next two
	 * rounds. Somebody in the kernel's depths dies later: that is not waited for.
	 */
	for (int round = 0, idle = 0; number == SIGKILL && idle < IDLE_MAX && round < ROUNDS_MAX;
	     round++) {
		size_t fresh = 0, left = pids.n;

		if (left)
			(void)usleep(1000);
		fresh = signal_all(tree, number, &pids);
		count += fresh;
		if (left == 0 && pids.n == 0)
			break;
		idle = fresh || pids.n < left ? 0 : idle + 1;
	}
	arena_reset(&tree->scratch);
	return count;
}

void tree_close(struct tree *tree)
{
	if (tree->helper > 0)
		(void)kill(tree->helper, SIGKILL);
	/* It would stay through an exec, and a program in our place waits for no orphans. */
	if (!tree->reaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
	cgroup_remove(&tree->cgroup, &tree->scratch);
	oom_close(&tree->oom);
	if (tree->scope >= 0)
		(void)close(tree->scope);
	tree->scope = -1;
	if (tree->proc >= 0)
		(void)close(tree->proc);
	tree->proc = -1;
	arena_release(&tree->scratch);
	arena_release(&tree->keep);
}
