/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scaphandre's metrics of processes, for those that consumed most in this cycle. What the others
 * did, what nobody did and what the host consumes idle are rows of their own, with names in
 * brackets for an executable: so the powers are the host's, together and to the microwatt.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "collect/energy/scaphandre.h"
#include "collect/energy/settings.h"
#include "collect/energy/split.h"
#include "collect/process/table.h"
#include "host/process_parse.h"

enum {
	CMDLINE_MAX = 4096,
	LABELS_MAX = 64,
	RESTS = 4, /* [others], [ended], [unattributed], [idle] */
};

struct who {
	const struct process *process;
	struct label labels[LABELS_MAX];
	size_t n;
	bool has_io;
	struct process io;
};

static void add_label(struct who *who, const char *name, struct str value)
{
	if (value.n && who->n < LABELS_MAX)
		who->labels[who->n++] = (struct label){ str_of(name), value };
}

/* Arguments with single blanks between; those that end the list are of setproctitle(3). */
static struct str cmdline_of(int dir, struct arena *scratch)
{
	struct str text;
	char *p;

	if (file_read(dir, "cmdline", FILE_MAX, scratch, &text) < 0)
		return STR("");
	if (text.n > CMDLINE_MAX)
		text.n = CMDLINE_MAX;
	while (text.n && text.p[text.n - 1] == '\0')
		text.n--;
	p = arena_cstr(scratch, text);
	for (size_t i = 0; i < text.n; i++)
		if (p[i] == '\0')
			p[i] = ' ';
	return (struct str){ p, text.n };
}

static struct str exe_of(int dir, const struct process *process, struct arena *scratch)
{
	struct str exe;

	if (host_link(dir, "exe", scratch, &exe) == 0) {
		if (str_ends(exe, STR(" (deleted)")))
			exe.n -= sizeof(" (deleted)") - 1;
		return exe;
	}
	/* A thread of the kernel, or another user's process. */
	return arena_str(scratch,
			 (struct str){ process->comm, strnlen(process->comm, PROCESS_COMM) });
}

/* The container by any line of /proc/PID/cgroup: v1's trees have it each. */
static const struct container *container_of(int dir, const struct container_table *containers,
					    struct arena *scratch)
{
	struct str text, line, part;

	if (!containers || file_read(dir, "cgroup", FILE_MAX, scratch, &text) < 0)
		return NULL;
	while (str_line(&text, &line)) {
		const struct cgroup *group;

		if (!str_cut(&line, ':', &part) || !str_cut(&line, ':', &part))
			continue;
		/* A program may be in a group that the container made for itself. */
		while (line.n > 1) {
			group = cgroup_find(containers->cgroups, line);
			if (group && containers->v[group - containers->cgroups->v].id.n)
				return &containers->v[group - containers->cgroups->v];
			while (line.n && line.p[line.n - 1] != '/')
				line.n--;
			line.n -= line.n > 0;
		}
	}
	return NULL;
}

static void add_container(struct collect *c, struct who *who, const struct container *container)
{
	static const char *const runtimes[] = {
		[RUNTIME_NONE] = "",         [RUNTIME_DOCKER] = "docker",
		[RUNTIME_PODMAN] = "podman", [RUNTIME_CONTAINERD] = "containerd",
		[RUNTIME_CRIO] = "cri-o",    [RUNTIME_UNKNOWN] = "unknown",
	};
	const char *runtime = runtimes[container->runtime];
	struct str node;

	add_label(who, "container_id", container->id);
	add_label(who, "container_names", container->name);
	add_label(who, "container_runtime", str_of(runtime));
	if (container->pod.n) {
		add_label(who, "container_scheduler", STR("kubernetes"));
		add_label(who, "kubernetes_pod_name", container->pod);
		add_label(who, "kubernetes_pod_namespace", container->namespace);
		if (host_read_once(c->host, HOST_PROC, "sys/kernel/hostname", &node) == 0)
			add_label(who, "kubernetes_node_name", str_trim(node));
	} else {
		add_label(who, "container_scheduler", str_of(runtime));
	}
	for (size_t i = 0; i < container->n_label && who->n < LABELS_MAX; i++)
		if (str_starts(container->label[i].name, STR("container_label_")))
			who->labels[who->n++] = container->label[i];
}

/* False when it has ended meanwhile. */
static bool find_out(struct collect *c, const struct energy_account *account,
		     const struct process *process, struct who *ret)
{
	_cleanup_fd_ int dir = processes_open(c->host, process->pid, 0);
	const struct container *container;
	struct str text;

	if (dir < 0)
		return false;
	*ret = (struct who){ .process = process };
	add_label(ret, "pid", arena_printf(c->scratch, "%u", process->pid));
	add_label(ret, "exe", exe_of(dir, process, c->scratch));
	add_label(ret, "cmdline", cmdline_of(dir, c->scratch));
	container = container_of(dir, account->containers, c->scratch);
	if (container)
		add_container(c, ret, container);
	if (file_read(dir, "io", 4096, c->scratch, &text) == 0) {
		process_parse_io(text, &ret->io);
		ret->has_io = ret->io.has & PROCESS_IO;
	}
	return true;
}

static const struct process *find(const struct process_table *table, const struct energy_process *p)
{
	const struct process *found = process_by_pid(table, p->pid);

	return found && found->start_ns == p->start_ns ? found : NULL;
}

static void add_figures(struct collect *c, const struct who *who, const struct labels *labels)
{
	static const struct metric_desc memory = {
		"scaph_process_memory_bytes",
		"Memory of a process that is in RAM.",
		METRIC_GAUGE,
	};
	static const struct metric_desc address_space = {
		"scaph_process_memory_virtual_bytes",
		"Address space of a process.",
		METRIC_GAUGE,
	};
	static const struct metric_desc written = {
		"scaph_process_disk_total_write_bytes",
		"Bytes that a process has had written to disks.",
		METRIC_COUNTER,
	};
	static const struct metric_desc read = {
		"scaph_process_disk_total_read_bytes",
		"Bytes that a process has had read from disks.",
		METRIC_COUNTER,
	};

	family_add(metrics_family(c->out, &memory), labels, (double)who->process->resident_bytes);
	family_add(metrics_family(c->out, &address_space), labels,
		   (double)who->process->virtual_bytes);
	if (!who->has_io)
		return;
	family_add(metrics_family(c->out, &written), labels, (double)who->io.write_bytes);
	family_add(metrics_family(c->out, &read), labels, (double)who->io.read_bytes);
}

/* --- bytes since the last cycle: what was told then is in the state, a line for each process */

struct io {
	uint64_t pid, start_ns, read_bytes, write_bytes;
};

struct io_table {
	size_t n;
	struct io *v; /* rising by pid */
	struct buf now;
};

static int by_io_pid(const void *a, const void *b)
{
	const struct io *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void load_io(struct collect *c, struct io_table *table)
{
	struct str text = state_get(c->state, STR("scaphandre.io")), line;

	*table = (struct io_table){ 0 };
	while (str_line(&text, &line)) {
		struct io io;

		if (!num_take_u64(&line, &io.pid) || !num_take_u64(&line, &io.start_ns) ||
		    !num_take_u64(&line, &io.read_bytes) || !num_take_u64(&line, &io.write_bytes))
			continue;
		table->v = arena_grow(c->scratch, table->v, table->n, sizeof(*table->v));
		table->v[table->n++] = io;
	}
	if (table->n)
		qsort(table->v, table->n, sizeof(*table->v), by_io_pid);
}

static const struct io *last_io(const struct io_table *table, const struct process *process)
{
	const struct io key = { .pid = process->pid };
	const struct io *found =
		table->n ? bsearch(&key, table->v, table->n, sizeof(key), by_io_pid) : NULL;

	return found && found->start_ns == process->start_ns ? found : NULL;
}

static void add_io_since(struct collect *c, const struct who *who, const struct labels *labels,
			 struct io_table *table)
{
	static const struct metric_desc written = {
		"scaph_process_disk_write_bytes",
		"Bytes that a process has had written to disks since the last cycle.",
		METRIC_GAUGE,
	};
	static const struct metric_desc read = {
		"scaph_process_disk_read_bytes",
		"Bytes that a process has had read from disks since the last cycle.",
		METRIC_GAUGE,
	};
	const struct io *last;

	if (!who->has_io)
		return;
	buf_printf(&table->now, "%u %llu %llu %llu\n", who->process->pid,
		   (unsigned long long)who->process->start_ns,
		   (unsigned long long)who->io.read_bytes, (unsigned long long)who->io.write_bytes);
	last = last_io(table, who->process);
	if (!last || who->io.read_bytes < last->read_bytes ||
	    who->io.write_bytes < last->write_bytes)
		return;
	family_add(metrics_family(c->out, &read), labels,
		   (double)(who->io.read_bytes - last->read_bytes));
	family_add(metrics_family(c->out, &written), labels,
		   (double)(who->io.write_bytes - last->write_bytes));
}

/* --- power */

static const struct metric_desc power_desc = {
	"scaph_process_power_consumption_microwatts",
	"Mean power of a process since the last cycle, beyond what the host consumes idle. In "
	"brackets: other processes, those that have ended, what nobody owns, and the host idle.",
	METRIC_GAUGE,
};

static void add_process(struct collect *c, const struct energy_account *account, size_t cpus,
			const struct energy_process *p, uint64_t uw, const struct who *who,
			struct io_table *io)
{
	static const struct metric_desc cpu = {
		"scaph_process_cpu_usage_percentage",
		"Share of all CPUs that a process has used since the last cycle.",
		METRIC_GAUGE,
	};
	const struct labels *labels = metrics_labels(c->out, who->n, who->labels);

	family_add(metrics_family(c->out, &power_desc), labels, (double)uw);
	family_add(metrics_family(c->out, &cpu), labels,
		   100 * (double)p->cpu_ns / (double)cpus / (double)account->elapsed_ns);
	add_figures(c, who, labels);
	add_io_since(c, who, labels, io);
}

static void add_rest(struct collect *c, const char *name, uint64_t uw)
{
	family_add(metrics_family(c->out, &power_desc),
		   METRIC_LABELS(c->out, { STR("exe"), str_of(name) }), (double)uw);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

int scaphandre_processes(struct collect *c, const struct energy_account *account, size_t cpus)
{
	static const char *const rests[RESTS] = { "[others]", "[ended]", "[unattributed]",
						  "[idle]" };
	static const struct process_wants nothing;
	size_t most = (size_t)energy_settings(c->settings)->processes, n = 0;
	struct who *who = arena_zalloc(c->scratch, most + 1, sizeof(*who));
	const struct energy_process **told =
		arena_zalloc(c->scratch, most + 1, sizeof(struct energy_process *));
	uint64_t *weights = arena_zalloc(c->scratch, most + RESTS, sizeof(*weights));
	uint64_t *parts = arena_zalloc(c->scratch, most + RESTS, sizeof(*parts));
	uint64_t all = 0, of_told = 0, nobody;
	struct io_table io;
	const struct process_shared *shared;
	int r;

	if (!account->known || account->elapsed_ns <= 0)
		return 0;
	r = process_table(c, &nothing, &shared);
	if (r < 0)
		return r;
	for (size_t i = 0; i < account->n_processes; i++) {
		const struct energy_process *p = &account->processes[i];
		const struct process *process;

		all += p->delta_uj;
		if (n == most || (!p->delta_uj && !p->cpu_ns))
			continue;
		process = find(&shared->table, p);
		if (!process || !find_out(c, account, process, &who[n]))
			continue;
		weights[n] = p->delta_uj;
		of_told += p->delta_uj;
		told[n++] = p;
	}
	weights[n] = all - of_told;
	weights[n + 1] = less(account->attributed_uj[1], all);
	weights[n + 2] = account->unattributed_uj[1];
	weights[n + 3] = account->idle_uj[1];
	split_whole(scaphandre_uw(account->host_uj[1], account->elapsed_ns), n + RESTS, weights,
		    account->host_uj[1], parts, &nobody);
	load_io(c, &io);
	for (size_t i = 0; i < n; i++)
		add_process(c, account, cpus, told[i], parts[i], &who[i], &io);
	for (size_t i = 0; i < RESTS; i++)
		add_rest(c, rests[i], parts[n + i]);
	if (!io.now.err)
		state_set(c->state, STR("scaphandre.io"), buf_view(&io.now));
	buf_release(&io.now);
	return 0;
}
