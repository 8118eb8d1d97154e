/* SPDX-License-Identifier: Apache-2.0 */
#include "host/process_parse.h"

#include "base/num.h"
#include "host/processes.h"

/* include/linux/sched.h; of field 9 of stat. */
enum { FLAG_KTHREAD = 0x00200000 };

/*
 * A worker's name goes on with what it does just now ("kworker/0:1-events"), in stat only (fs/proc/
 * array.c, proc_task_name). Elsewhere it ends before.
 */
static struct str without_work(struct str comm)
{
	if (!str_starts(comm, STR("kworker/")) || str_starts(comm, STR("kworker/R-")))
		return comm;
	comm.n = str_find(comm, '-');
	comm.n = str_find(comm, '+');
	return comm;
}

static void set_comm(struct str comm, struct process *process)
{
	if (process->kernel)
		comm = without_work(comm);
	if (comm.n > PROCESS_COMM - 1)
		comm.n = PROCESS_COMM - 1;
	comm.n = str_find(comm, '\0');
	memset(process->comm, 0, sizeof(process->comm));
	if (comm.n)
		memcpy(process->comm, comm.p, comm.n);
}

bool process_parse_stat(struct str text, uint64_t tick_ns, struct process *process)
{
	/* Fields as proc_pid_stat(5) numbers them; the name before may hold blanks and parentheses.
	 */
	enum { PPID = 4, FLAGS = 9, MINFLT, MAJFLT = 12, UTIME = 14, STIME, THREADS = 20 };
	enum { START = 22, VSIZE = 23, FIELDS };
	uint64_t f[FIELDS] = { 0 }, pid;
	const char *open = text.n ? memchr(text.p, '(', text.n) : NULL;
	const char *close = text.n ? memrchr(text.p, ')', text.n) : NULL;
	struct str rest, word;
	int64_t skipped;

	if (!open || !close || close < open || !num_take_u64(&text, &pid) || pid > INT32_MAX)
		return false;
	rest = str_between(close + 1, text.p + text.n);
	if (!str_word(&rest, &word) || word.n != 1)
		return false;
	process->state = word.p[0];
	for (size_t i = PPID; i < FIELDS; i++)
		if (!num_take_u64(&rest, &f[i]) && !num_take_i64(&rest, &skipped))
			return false;
	process->pid = (uint32_t)pid;
	process->ppid = (uint32_t)f[PPID];
	process->kernel = f[FLAGS] & FLAG_KTHREAD;
	process->minor_faults = f[MINFLT];
	process->major_faults = f[MAJFLT];
	process->user_ns = f[UTIME] * tick_ns;
	process->system_ns = f[STIME] * tick_ns;
	process->cpu_ns = process->user_ns + process->system_ns;
	process->threads = (uint32_t)f[THREADS];
	process->start_ns = f[START] * tick_ns;
	process->virtual_bytes = f[VSIZE];
	set_comm(str_between(open + 1, close), process);
	return true;
}

/* The number of a line "KEY: NUMBER..."; the lines of a text come in a known order. */
static bool take(struct str line, struct str key, uint64_t *ret)
{
	if (!str_starts(line, key))
		return false;
	line = str_skip(line, key.n);
	return num_take_u64(&line, ret);
}

static bool take_switches(struct str line, struct process *process)
{
	uint64_t value;

	if (take(line, STR("voluntary_ctxt_switches:"), &value))
		process->voluntary_switches += value;
	else if (take(line, STR("nonvoluntary_ctxt_switches:"), &value))
		process->involuntary_switches += value;
	else
		return false;
	return true;
}

void process_parse_status(struct str text, struct process *process)
{
	struct str line;
	uint64_t value;

	/* A zombie and a kernel thread have no lines of memory: they have none. */
	process->has |= PROCESS_SWAP;
	while (str_line(&text, &line)) {
		if (str_starts(line, STR("Uid:"))) {
			line = str_skip(line, 4);
			for (int i = 0; i < 2 && num_take_u64(&line, &value); i++)
				process->uid = (uint32_t)value;
		} else if (take(line, STR("VmRSS:"), &value)) {
			process->resident_bytes = value * 1024;
		} else if (take(line, STR("VmSwap:"), &value)) {
			process->swap_bytes = value * 1024;
		} else if (take_switches(line, process)) {
			process->has |= PROCESS_SWITCHES;
		}
	}
}

void process_parse_switches(struct str text, struct process *process)
{
	const char *at = text.n > 22 ? memmem(text.p, text.n, "\nvoluntary_ctxt", 15) : NULL;
	struct str line;

	if (!at)
		return;
	text = str_between(at + 1, text.p + text.n);
	while (str_line(&text, &line))
		(void)take_switches(line, process);
}

void process_parse_io(struct str text, struct process *process)
{
	struct str line;

	process->read_bytes = process->write_bytes = 0;
	while (str_line(&text, &line))
		if (take(line, STR("read_bytes:"), &process->read_bytes) ||
		    take(line, STR("write_bytes:"), &process->write_bytes))
			process->has |= PROCESS_IO;
}

void process_parse_limits(struct str text, struct process *process)
{
	static const struct str key = { "Max open files", 14 };
	struct str line;

	while (str_line(&text, &line)) {
		if (!str_starts(line, key))
			continue;
		line = str_skip(line, key.n);
		if (str_starts(str_trim(line), STR("unlimited")))
			process->fd_limit = UINT64_MAX;
		else if (!num_take_u64(&line, &process->fd_limit))
			return;
		process->has |= PROCESS_FD_LIMIT;
		return;
	}
}

bool process_parse_cgroup(struct str text, struct str *ret_path)
{
	struct str line;

	while (str_line(&text, &line))
		if (str_starts(line, STR("0::/"))) {
			*ret_path = str_skip(line, 3);
			return true;
		}
	return false;
}
