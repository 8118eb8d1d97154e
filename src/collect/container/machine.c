/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as cAdvisor tells it: cores, memory, modules. What cAdvisor says of memory that
 * survives a power cut comes from a library for one vendor's modules, and is 0 without it; here
 * these families are absent.
 */
#include "collect/container/machine.h"

#include <errno.h>

#include "collect/common/os_release.h"
#include "config.h"

struct machine_conf {
	bool topology;
};

static const struct opt opts[] = {
	{ OPT_ROW("topology", OPT_BOOL, struct machine_conf, topology, "false", NULL,
		  "tell threads, caches and NUMA nodes one by one, too") },
	{ 0 },
};

static const struct opt_section section = {
	.path = "collectors.machine",
	.help = "the machine as cAdvisor tells it",
	.opts = opts,
	.size = sizeof(struct machine_conf),
};

struct self {
	struct arena arena;
	struct str machine_id, system_uuid, boot_id;
	struct machine_cpus cpus;
	struct machine_dimms dimms;
};

enum { CORES, THREADS, SOCKETS, MEMORY, SWAP, DIMM_COUNT, DIMM_BYTES, ERROR, N_DESCS };

static const struct metric_desc descs[N_DESCS] = {
	[CORES] = { "machine_cpu_physical_cores",
		    "Cores that are online, whatever threads each runs.", METRIC_GAUGE },
	[THREADS] = { "machine_cpu_cores", "CPUs that are online, as the scheduler counts them.",
		      METRIC_GAUGE },
	[SOCKETS] = { "machine_cpu_sockets", "Processor packages with a CPU that is online.",
		      METRIC_GAUGE },
	[MEMORY] = { "machine_memory_bytes", "Memory that the kernel has to give.", METRIC_GAUGE },
	[SWAP] = { "machine_swap_bytes", "Swap space.", METRIC_GAUGE },
	[DIMM_COUNT] = { "machine_dimm_count", "Memory modules, by type.", METRIC_GAUGE },
	[DIMM_BYTES] = { "machine_dimm_capacity_bytes",
			 "Size of the memory modules together, by type.", METRIC_GAUGE },
	[ERROR] = { "machine_scrape_error",
		    "1 when something of the machine could not be read in this cycle.",
		    METRIC_GAUGE },
};

static const struct metric_desc version_desc = {
	"cadvisor_version_info",
	"Kernel, operating system and who tells of the containers; always 1.",
	METRIC_GAUGE,
};

/* Letters, digits and dashes; else it is not what the file should hold. */
static struct str checked_id(struct arena *arena, struct str text)
{
	enum { ID_MAX = 64 };

	text = str_trim(text);
	if (text.n > ID_MAX)
		return STR("");
	for (size_t i = 0; i < text.n; i++) {
		char ch = text.p[i];

		if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') ||
		      (ch >= 'A' && ch <= 'Z') || ch == '-'))
			return STR("");
	}
	return arena_str(arena, text);
}

/* Device trees end their words with a NUL. */
static int read_id(struct collect *c, enum host_root root, const char *path, struct str *ret)
{
	struct self *self = c->self;
	struct str text;
	int r = host_read(c->host, root, path, c->scratch, &text);

	if (r < 0)
		return r;
	text.n = strnlen(text.p, text.n);
	*ret = checked_id(&self->arena, text);
	return 0;
}

/*
 * The firmware's number of the machine. Only root may read it; whoever may not says nothing, for
 * another number in its place would be another machine. Machines without one get what cAdvisor
 * gives them.
 */
static void read_system_uuid(struct collect *c)
{
	struct self *self = c->self;
	int r = read_id(c, HOST_SYS, "class/dmi/id/product_uuid", &self->system_uuid);

	if (r == -ENOENT)
		r = read_id(c, HOST_PROC, "device-tree/system-id", &self->system_uuid);
	if (r == -ENOENT)
		r = read_id(c, HOST_PROC, "device-tree/vm,uuid", &self->system_uuid);
	if (r == -ENOENT)
		self->system_uuid = self->machine_id;
}

static void read_ids(struct collect *c)
{
	struct self *self = c->self;

	arena_reset(&self->arena);
	self->machine_id = self->boot_id = self->system_uuid = STR("");
	if (read_id(c, HOST_ROOT, "etc/machine-id", &self->machine_id) < 0)
		(void)read_id(c, HOST_ROOT, "var/lib/dbus/machine-id", &self->machine_id);
	(void)read_id(c, HOST_PROC, "sys/kernel/random/boot_id", &self->boot_id);
	read_system_uuid(c);
}

static void add_version(struct collect *c)
{
	struct str kernel = STR(""), os = STR("");

	if (host_read(c->host, HOST_PROC, "sys/kernel/osrelease", c->scratch, &kernel) == 0)
		kernel = str_trim(kernel);
	if (host_read(c->host, HOST_ROOT, "etc/os-release", c->scratch, &os) == 0 ||
	    host_read(c->host, HOST_ROOT, "usr/lib/os-release", c->scratch, &os) == 0)
		os = os_release_value(c->scratch, os, STR("PRETTY_NAME"));
	family_add(metrics_family(c->out, &version_desc),
		   METRIC_LABELS(c->out, { STR("kernelVersion"), kernel }, { STR("osVersion"), os },
				 { STR("dockerVersion"), STR("") },
				 { STR("cadvisorVersion"), STR("peekpush-" PACKAGE_VERSION) },
				 { STR("cadvisorRevision"), STR("") }),
		   1);
}

static int add_memory(struct collect *c, const struct labels *labels)
{
	struct str text, line, key;
	bool found = false;
	int r = collect_read_once(c, HOST_PROC, "meminfo", &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		uint64_t kibibytes;

		if (!str_cut(&line, ':', &key) || !num_take_u64(&line, &kibibytes))
			continue;
		if (str_eq(key, STR("MemTotal"))) {
			family_add(metrics_family(c->out, &descs[MEMORY]), labels,
				   (double)kibibytes * 1024);
			found = true;
		}
		if (str_eq(key, STR("SwapTotal")))
			family_add(metrics_family(c->out, &descs[SWAP]), labels,
				   (double)kibibytes * 1024);
	}
	return found ? 0 : collect_fail(c, -EBADMSG, "/proc/meminfo has no MemTotal");
}

static int add_cpus(struct collect *c, const struct labels *labels)
{
	struct self *self = c->self;
	int r = machine_cpus(c, &self->cpus);

	if (r < 0)
		return r;
	family_add(metrics_family(c->out, &descs[THREADS]), labels, self->cpus.threads);
	if (self->cpus.cores)
		family_add(metrics_family(c->out, &descs[CORES]), labels, self->cpus.cores);
	if (self->cpus.sockets)
		family_add(metrics_family(c->out, &descs[SOCKETS]), labels, self->cpus.sockets);
	return 0;
}

static void add_dimms(struct collect *c, const struct label base[3])
{
	struct self *self = c->self;

	machine_dimms(c, &self->dimms);
	for (size_t i = 0; i < self->dimms.n; i++) {
		const struct machine_dimm_type *type = &self->dimms.types[i];
		const struct labels *labels = METRIC_LABELS(c->out, base[0], base[1], base[2],
							    { STR("type"), type->type });

		if (type->modules)
			family_add(metrics_family(c->out, &descs[DIMM_COUNT]), labels,
				   type->modules);
		family_add(metrics_family(c->out, &descs[DIMM_BYTES]), labels, (double)type->bytes);
	}
}

static int run(struct collect *c)
{
	const struct machine_conf *conf = c->conf;
	struct self *self = c->self;
	int r, result;

	if (!self->machine_id.n || !self->boot_id.n)
		read_ids(c);

	const struct label base[] = {
		{ STR("boot_id"), self->boot_id },
		{ STR("machine_id"), self->machine_id },
		{ STR("system_uuid"), self->system_uuid },
	};
	const struct labels *labels = metrics_labels(c->out, ARRAY_SIZE(base), base);

	add_version(c);
	result = add_memory(c, labels);
	r = add_cpus(c, labels);
	if (r < 0)
		result = r;
	add_dimms(c, base);
	if (conf && conf->topology)
		machine_topology(c, base);
	metrics_add(c->out, &descs[ERROR], result < 0);
	return result;
}

static void close_machine(struct collect *c)
{
	struct self *self = c->self;

	machine_cpus_release(&self->cpus);
	machine_dimms_release(&self->dimms);
	arena_release(&self->arena);
}

const struct collector collector_machine = {
	.name = "machine",
	.help = "cores, memory and modules, as cAdvisor names them",
	.reads = "/proc/meminfo, /sys/devices/system/cpu, /sys/devices/system/edac/mc, "
		 "/sys/class/dmi/id/product_uuid, /etc/machine-id",
	.on = true,
	.ours = true,
	.section = &section,
	.self_size = sizeof(struct self),
	.run = run,
	.close = close_machine,
};
