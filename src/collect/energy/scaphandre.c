/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of Scaphandre, for its dashboards. Off unless energy.scaphandre says so. It runs after
 * `filesystem`, whose figures it takes over rather than to ask every mount again.
 */
#include "collect/energy/scaphandre.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "collect/energy/settings.h"
#include "config.h"

struct self {
	uint64_t cpu_ns; /* of ourselves, at the last cycle */
	int64_t at_ns;
};

uint64_t scaphandre_uw(uint64_t uj, int64_t ns)
{
	return ns > 0 ? (uint64_t)((unsigned __int128)uj * 1000000000 / (uint64_t)ns) : 0;
}

/* The label value_source, of all that is energy. */
static struct label source_of(const struct energy_account *account)
{
	struct str source = str_of(account->source);

	if (str_eq(source, STR("psys")))
		source = STR("powercap_rapl_psys");
	else if (str_eq(source, STR("rapl")))
		source = STR("powercap_rapl");
	return (struct label){ STR("value_source"), source };
}

static void add_host(struct collect *c, const struct energy_account *account)
{
	static const struct metric_desc energy = {
		"scaph_host_energy_microjoules",
		"Energy that the host has consumed since it was first looked at.",
		METRIC_COUNTER,
	};
	static const struct metric_desc power = {
		"scaph_host_power_microwatts",
		"Mean power of the host since the last cycle.",
		METRIC_GAUGE,
	};
	struct label source = source_of(account);
	const struct labels *labels = metrics_labels(c->out, 1, &source);

	if (account->known || !account->unreadable)
		family_add(metrics_family(c->out, &energy), labels, (double)account->host_uj[0]);
	if (account->known && account->elapsed_ns > 0)
		family_add(metrics_family(c->out, &power), labels,
			   (double)scaphandre_uw(account->host_uj[1], account->elapsed_ns));
}

static void add_load(struct collect *c)
{
	static const struct metric_desc descs[] = {
		{ "scaph_host_load_avg_one", "Load of the last minute.", METRIC_GAUGE },
		{ "scaph_host_load_avg_five", "Load of the last 5 minutes.", METRIC_GAUGE },
		{ "scaph_host_load_avg_fifteen", "Load of the last 15 minutes.", METRIC_GAUGE },
	};
	struct str text;
	double value;

	if (host_read_once(c->host, HOST_PROC, "loadavg", &text) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(descs) && num_take_f64(&text, &value); i++)
		metrics_add(c->out, &descs[i], value);
}

struct row {
	const char *key; /* the first word of its line */
	struct metric_desc desc;
	double scale;
};

static void add_rows(struct collect *c, const char *path, const struct row *rows, size_t n)
{
	struct str text, line, word;
	uint64_t value;

	if (host_read_once(c->host, HOST_PROC, path, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		if (!str_word(&line, &word))
			continue;
		for (size_t i = 0; i < n; i++)
			if (str_eq(word, str_of(rows[i].key)) && num_take_u64(&line, &value))
				metrics_add(c->out, &rows[i].desc, (double)value * rows[i].scale);
	}
}

static void add_kernel(struct collect *c)
{
	static const struct row memory[] = {
		{ "MemTotal:",
		  { "scaph_host_memory_total_bytes", "Memory there is.", METRIC_GAUGE },
		  1024 },
		{ "MemAvailable:",
		  { "scaph_host_memory_available_bytes",
		    "Memory that programs could have without swapping.", METRIC_GAUGE },
		  1024 },
		{ "MemFree:",
		  { "scaph_host_memory_free_bytes", "Memory that nothing uses.", METRIC_GAUGE },
		  1024 },
		{ "SwapTotal:",
		  { "scaph_host_swap_total_bytes", "Swap there is.", METRIC_GAUGE },
		  1024 },
		{ "SwapFree:",
		  { "scaph_host_swap_free_bytes", "Swap that nothing uses.", METRIC_GAUGE },
		  1024 },
	};
	static const struct row stat[] = {
		{ "processes",
		  { "scaph_forks_since_boot_total", "Processes and threads started since boot.",
		    METRIC_COUNTER },
		  1 },
		{ "procs_running",
		  { "scaph_processes_running_current", "Threads that run or could.", METRIC_GAUGE },
		  1 },
		{ "procs_blocked",
		  { "scaph_processes_blocked_current", "Threads that wait for I/O.", METRIC_GAUGE },
		  1 },
		{ "ctxt",
		  { "scaph_context_switches_total", "Context switches since boot.",
		    METRIC_COUNTER },
		  1 },
	};

	add_load(c);
	add_rows(c, "meminfo", memory, ARRAY_SIZE(memory));
	add_rows(c, "stat", stat, ARRAY_SIZE(stat));
}

static size_t count_cpus(struct collect *c)
{
	struct str text, line;
	size_t n = 0;

	if (host_read_once(c->host, HOST_PROC, "stat", &text) < 0)
		return 1;
	while (str_line(&text, &line))
		n += line.n > 3 && str_starts(line, STR("cpu")) && line.p[3] != ' ';
	return n ? n : 1;
}

/* Of the first CPU, as there. cpufreq's is in kHz. */
static void add_frequency(struct collect *c)
{
	static const struct metric_desc desc = {
		"scaph_host_cpu_frequency",
		"Clock of the first CPU, in MHz.",
		METRIC_GAUGE,
	};
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, "devices/system/cpu/cpu0/cpufreq");
	struct str text, line;
	uint64_t khz;
	double mhz;

	if (dir >= 0 && host_attr_u64(dir, "scaling_cur_freq", &khz) == 0) {
		metrics_add(c->out, &desc, (double)(khz / 1000));
		return;
	}
	if (host_read_once(c->host, HOST_PROC, "cpuinfo", &text) < 0)
		return;
	while (str_line(&text, &line)) {
		if (!str_starts(line, STR("cpu MHz")))
			continue;
		line = str_skip(line, str_find(line, ':') + 1);
		if (num_take_f64(&line, &mhz))
			metrics_add(c->out, &desc, (double)(uint64_t)mhz);
		return;
	}
}

static struct str label_of(const struct labels *labels, struct str name)
{
	for (uint32_t i = 0; i < labels->n; i++)
		if (str_eq(labels->v[i].name, name))
			return labels->v[i].value;
	return (struct str){ 0 };
}

/* "HDD", "SSD" or "Unknown", and whether it can be taken out: sysfs of the whole disk. */
static void look_at_disk(struct collect *c, struct str device, const char **ret_type,
			 const char **ret_removable)
{
	struct str name = str_starts(device, STR("/dev/")) ? str_skip(device, 5) : STR("");
	_cleanup_fd_ int dir = -1;
	uint64_t value;

	*ret_type = "Unknown";
	*ret_removable = "false";
	if (!name.n || str_find(name, '/') < name.n)
		return;
	dir = host_open_dir(c->host, HOST_SYS,
			    ARENA_CONCAT(c->scratch, STR("class/block/"), name).p);
	if (dir >= 0 && faccessat(dir, "partition", F_OK, 0) == 0) {
		int whole = file_open_dir(dir, "..");

		(void)close(dir);
		dir = whole;
	}
	if (dir < 0)
		return;
	if (host_attr_u64(dir, "queue/rotational", &value) == 0)
		*ret_type = value ? "HDD" : "SSD";
	if (host_attr_u64(dir, "removable", &value) == 0 && value)
		*ret_removable = "true";
}

static void add_disks(struct collect *c)
{
	static const struct {
		const char *from;
		struct metric_desc to;
	} rows[] = {
		{ "node_filesystem_size_bytes",
		  { "scaph_host_disk_total_bytes", "Size of the file system.", METRIC_GAUGE } },
		{ "node_filesystem_avail_bytes",
		  { "scaph_host_disk_available_bytes", "Space that users may fill.",
		    METRIC_GAUGE } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct family *from = metrics_find(c->out, str_of(rows[i].from));

		for (const struct block *b = from ? from->first : NULL; b; b = b->next)
			for (uint32_t j = 0; j < b->n; j++) {
				const struct labels *l = b->samples[j].labels;
				struct str device = label_of(l, STR("device"));
				const char *type, *removable;

				if (!str_starts(device, STR("/")))
					continue;
				look_at_disk(c, device, &type, &removable);
				family_add(metrics_family(c->out, &rows[i].to),
					   METRIC_LABELS(
						   c->out,
						   { STR("disk_file_system"),
						     label_of(l, STR("fstype")) },
						   { STR("disk_is_removable"), str_of(removable) },
						   { STR("disk_mount_point"),
						     label_of(l, STR("mountpoint")) },
						   { STR("disk_name"), device },
						   { STR("disk_type"), str_of(type) }),
					   b->samples[j].value);
			}
	}
}

/* Another tree than the kernel's own does not know us. */
static void add_self(struct collect *c, size_t cpus, const struct energy_account *account)
{
	static const struct metric_desc version = {
		"scaph_self_version",
		"Version of peekpush, which tells this in Scaphandre's place: major, and behind "
		"the "
		"point minor and patch level of two digits each.",
		METRIC_GAUGE,
	};
	static const struct metric_desc cpu = {
		"scaph_self_cpu_usage_percent",
		"Share of all CPUs that peekpush has used since its last cycle, or since it was "
		"started.",
		METRIC_GAUGE,
	};
	static const struct metric_desc memory[] = {
		{ "scaph_self_memory_virtual_bytes", "Address space of peekpush.", METRIC_GAUGE },
		{ "scaph_self_memory_bytes", "Memory of peekpush that is in RAM.", METRIC_GAUGE },
	};
	static const struct metric_desc tracked = {
		"scaph_self_topo_procs_nb",
		"Processes whose energy is known in this cycle.",
		METRIC_GAUGE,
	};
	/* There it is how much is kept to compute a difference from; here one reading or two. */
	static const struct metric_desc kept[] = {
		{ "scaph_self_topo_stats_nb", "Readings of CPU time that power is computed from.",
		  METRIC_GAUGE },
		{ "scaph_self_topo_records_nb",
		  "Readings of the host's energy that power is computed from.", METRIC_GAUGE },
	};
	struct self *self = c->self;
	uint64_t cpu_ns = (uint64_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID), pages;
	struct str text, rest = STR(PACKAGE_VERSION);
	uint64_t part[3] = { 0 };

	metrics_add(c->out, &tracked, (double)account->n_processes);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		metrics_add(c->out, &kept[i], account->known ? 2 : 1);
	if (!host_is_live(c->host, HOST_PROC))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(part) && num_take_u64(&rest, &part[i]); i++)
		rest = str_skip(rest, 1);
	metrics_add(c->out, &version,
		    (double)part[0] + (double)part[1] / 1e2 + (double)part[2] / 1e4);
	if (self->at_ns)
		metrics_add(c->out, &cpu,
			    100 * (double)(cpu_ns - self->cpu_ns) / (double)cpus /
				    (double)(clock_ns(CLOCK_MONOTONIC) - self->at_ns));
	self->at_ns = clock_ns(CLOCK_MONOTONIC);
	self->cpu_ns = cpu_ns;
	if (file_read(AT_FDCWD, "/proc/self/statm", 4096, c->scratch, &text) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(memory) && num_take_u64(&text, &pages); i++)
		metrics_add(c->out, &memory[i], (double)pages * (double)sysconf(_SC_PAGESIZE));
}

static int run(struct collect *c)
{
	const struct energy_account *account;
	size_t cpus = count_cpus(c);
	int r = energy_of_cycle(c, &account);

	add_kernel(c);
	add_frequency(c);
	add_disks(c);
	if (r < 0)
		return r;
	add_self(c, cpus, account);
	if (account->meter)
		scaphandre_domains(c, account->meter);
	if (!account->source)
		return 0;
	add_host(c, account);
	return scaphandre_processes(c, account, cpus);
}

static bool wanted(const struct conf *settings)
{
	return energy_settings(settings)->scaphandre;
}

const struct collector collector_scaphandre = {
	.name = "scaphandre",
	.help = "energy by the names of Scaphandre, for its dashboards (energy.scaphandre)",
	.reads = "what energy and filesystem know; /proc/PID/{cgroup,cmdline,exe,io}, "
		 "/proc/{cpuinfo,loadavg,meminfo,stat}, /sys/class/block",
	.on_by = wanted,
	.self_size = sizeof(struct self),
	.ours = true,
	.run = run,
};
