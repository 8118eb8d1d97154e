/* SPDX-License-Identifier: Apache-2.0 */
/* What a host consumes by trees of machines, whole ones and damaged ones. */
#include "unit.h"

#include <errno.h>

#include "host/energy.h"

struct world {
	char path[64];
	int root;
	struct host host;
	struct arena scratch;
	struct energy_sources sources;
};

/* Folders of a path are made. */
static void put(const struct world *w, const char *path, const char *content)
{
	char folder[256];
	int fd;

	for (size_t i = 1; path[i]; i++)
		if (path[i] == '/') {
			assert_true(i < sizeof(folder));
			memcpy(folder, path, i);
			folder[i] = '\0';
			(void)mkdirat(w->root, folder, 0755);
		}
	fd = openat(w->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, str_of(content)), 0);
	(void)close(fd);
}

static void put_in(const struct world *w, const char *dir, const char *file, const char *content)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	put(w, path, content);
}

static void zone(const struct world *w, const char *zone, const char *name, const char *energy)
{
	char dir[128];

	(void)snprintf(dir, sizeof(dir), "class/powercap/%s", zone);
	put_in(w, dir, "name", name);
	put_in(w, dir, "max_energy_range_uj", "262143328850\n");
	put_in(w, dir, "energy_uj", energy);
}

static int start(void **state)
{
	static struct world w;

	w = (struct world){ 0 };
	w.root = unit_dir(w.path);
	put(&w, "proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu\n");
	*state = &w;
	return 0;
}

/* The trees of sysfs and procfs are one folder here: their names do not meet. */
static void begin(struct world *w, bool resident)
{
	char proc[80];

	(void)snprintf(proc, sizeof(proc), "%s/proc", w->path);
	host_open(&w->host,
		  &(struct host_paths){ .path = { [HOST_SYS] = w->path, [HOST_PROC] = proc } },
		  resident);
}

static void look(struct world *w)
{
	arena_reset(&w->scratch);
	w->host.cycle++;
	assert_int_equal(energy_read(&w->host, &w->sources, &w->scratch), 0);
	for (size_t i = 1; i < w->sources.n; i++)
		assert_true(str_cmp(w->sources.v[i - 1].id, w->sources.v[i].id) < 0);
}

static int stop(void **state)
{
	struct world *w = *state;

	energy_release(&w->sources);
	host_close(&w->host);
	arena_release(&w->scratch);
	unit_remove(w->root);
	return 0;
}

static const struct energy_source *source(const struct world *w, const char *id)
{
	for (size_t i = 0; i < w->sources.n; i++)
		if (str_eq(w->sources.v[i].id, str_of(id)))
			return &w->sources.v[i];
	print_error("no source %s\n", id);
	fail();
	return NULL;
}

/* It is a part of the host, with that value. */
static void is_host(const struct world *w, const char *id, uint64_t value)
{
	const struct energy_source *s = source(w, id);

	if (s->reason)
		print_error("%s: %s\n", id, s->reason);
	assert_true(s->host);
	assert_int_equal(s->error, 0);
	assert_int_equal(s->value, value);
	assert_null(s->reason);
}

/* It is none, for that reason. */
static void is_not(const struct world *w, const char *id, const char *reason)
{
	const struct energy_source *s = source(w, id);

	assert_false(s->host);
	assert_non_null(s->reason);
	assert_string_equal(s->reason, reason);
}

/* It is one that cannot be read. */
static void is_missing(const struct world *w, const char *id, const char *reason)
{
	const struct energy_source *s = source(w, id);

	assert_true(s->host);
	assert_true(s->error < 0);
	assert_int_equal(s->value, 0);
	assert_string_equal(s->reason, reason);
}

static void test_client(void **state)
{
	struct world *w = *state;

	zone(w, "intel-rapl:0", "package-0\n", "5000\n");
	put(w, "class/powercap/intel-rapl:0/constraint_0_max_power_uw", "28000000\n");
	put(w, "class/powercap/intel-rapl:0/constraint_0_power_limit_uw", "28000000\n");
	put(w, "class/powercap/intel-rapl:0/constraint_1_power_limit_uw", "64000000\n");
	zone(w, "intel-rapl:0:0", "core\n", "3000\n");
	zone(w, "intel-rapl:0:1", "uncore\n", "100\n");
	zone(w, "intel-rapl:1", "psys\n", "9000\n");
	zone(w, "intel-rapl-mmio:0", "package-0\n", "5003\n");
	put(w, "class/powercap/intel-rapl/enabled", "1\n");
	put(w, "class/powercap/dtpm:0/name", "cpu0-cpufreq\n");
	begin(w, false);
	look(w);
	assert_int_equal(w->sources.n, 5);
	is_host(w, "rapl:intel-rapl:1", 9000);
	is_not(w, "rapl:intel-rapl:0", "inside of psys");
	is_not(w, "rapl:intel-rapl:0:0", "inside of its package");
	is_not(w, "rapl:intel-rapl:0:1", "inside of its package");
	is_not(w, "rapl:intel-rapl-mmio:0", "the same counter as a zone of intel-rapl");
	assert_int_equal(source(w, "rapl:intel-rapl:0")->max_uw, 64000000);
	assert_int_equal(source(w, "rapl:intel-rapl:0:1")->package, 0);
	assert_int_equal(source(w, "rapl:intel-rapl:0:1")->domain, DOMAIN_UNCORE);
	assert_int_equal(source(w, "rapl:intel-rapl:1")->package, -1);
	assert_text(source(w, "rapl:intel-rapl:1")->zone, "psys");
	assert_text(source(w, "rapl:intel-rapl:1")->path, "/sys/class/powercap/intel-rapl:1");
}

static void test_server(void **state)
{
	struct world *w = *state;

	zone(w, "intel-rapl:0", "package-0-die-0\n", "10\n");
	zone(w, "intel-rapl:0:0", "dram\n", "1\n");
	zone(w, "intel-rapl:1", "package-1-die-1\n", "20\n");
	zone(w, "intel-rapl:1:0", "dram\n", "2\n");
	begin(w, true);
	look(w);
	is_host(w, "rapl:intel-rapl:0", 10);
	is_host(w, "rapl:intel-rapl:0:0", 1);
	is_host(w, "rapl:intel-rapl:1", 20);
	is_host(w, "rapl:intel-rapl:1:0", 2);
	assert_int_equal(source(w, "rapl:intel-rapl:1:0")->package, 1);

	/* A zone that fails is missed, not left out; its file stays open in an agent. */
	put(w, "class/powercap/intel-rapl:1:0/energy_uj", "");
	look(w);
	is_missing(w, "rapl:intel-rapl:1:0", "its value is no number");
	is_host(w, "rapl:intel-rapl:0", 10);
	put(w, "class/powercap/intel-rapl:1:0/energy_uj", "3\n");
	look(w);
	is_host(w, "rapl:intel-rapl:1:0", 3);
}

static void test_psys_of_several_packages(void **state)
{
	struct world *w = *state;

	zone(w, "intel-rapl:0", "package-0\n", "10\n");
	zone(w, "intel-rapl:1", "package-1\n", "20\n");
	zone(w, "intel-rapl:2", "psys\n", "100\n");
	zone(w, "intel-rapl:3", "psys-1\n", "200\n");
	begin(w, false);
	look(w);
	is_host(w, "rapl:intel-rapl:2", 100);
	is_host(w, "rapl:intel-rapl:3", 200);
	is_not(w, "rapl:intel-rapl:1", "inside of psys");
}

static void test_amd(void **state)
{
	struct world *w = *state;

	put(w, "proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu\n");
	zone(w, "intel-rapl:0", "package-0\n", "10\n");
	zone(w, "intel-rapl:0:0", "core\n", "1\n");
	begin(w, false);
	look(w);
	is_host(w, "rapl:intel-rapl:0", 10);
	is_not(w, "rapl:intel-rapl:0:0", "of one core only");
}

static void test_only_mmio(void **state)
{
	struct world *w = *state;

	zone(w, "intel-rapl-mmio:0", "package-0\n", "10\n");
	begin(w, false);
	look(w);
	is_host(w, "rapl:intel-rapl-mmio:0", 10);
}

static void test_hostile_zones(void **state)
{
	static const struct {
		const char *content, *reason;
	} bad[] = {
		{ "", "its value is no number" },
		{ "-5\n", "its value is no number" },
		{ "1e9\n", "its value is no number" },
		{ "12 13\n", "its value is no number" },
		{ "nan\n", "its value is no number" },
		{ "262143328851\n", "its value is beyond its range" },
		{ "18446744073709551616\n", "its value is too large" },
		{ "00000000000000000000000000000000000000000000001\n", "its value is no number" },
	};
	struct world *w = *state;

	zone(w, "intel-rapl:0", "package-0\n", "10\n");
	zone(w, "intel-rapl:1", "package-1\n", "20\n");
	begin(w, true);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put(w, "class/powercap/intel-rapl:1/energy_uj", bad[i].content);
		look(w);
		is_missing(w, "rapl:intel-rapl:1", bad[i].reason);
		is_host(w, "rapl:intel-rapl:0", 10);
	}
	/* Nor is it a source at all without a range, or with one that is nonsense. */
	put(w, "class/powercap/intel-rapl:2/name", "package-2\n");
	put(w, "class/powercap/intel-rapl:2/energy_uj", "5\n");
	zone(w, "intel-rapl:3", "package-3\n", "30\n");
	put(w, "class/powercap/intel-rapl:3/max_energy_range_uj", "0\n");
	put(w, "class/powercap/intel-rapl:1/energy_uj", "20\n");
	look(w);
	assert_int_equal(w->sources.n, 4);
	is_not(w, "rapl:intel-rapl:2", "it has no range");
	is_not(w, "rapl:intel-rapl:3", "it has no range");
	is_host(w, "rapl:intel-rapl:1", 20);
}

static void test_vanishing(void **state)
{
	struct world *w = *state;

	zone(w, "intel-rapl:0", "package-0\n", "10\n");
	zone(w, "intel-rapl:1", "package-1\n", "20\n");
	begin(w, false);
	look(w);
	assert_int_equal(unlinkat(w->root, "class/powercap/intel-rapl:1/energy_uj", 0), 0);
	energy_release(&w->sources);
	look(w);
	is_missing(w, "rapl:intel-rapl:1", "it is gone");
	zone(w, "intel-rapl:1", "package-1\n", "21\n");
	look(w);
	is_host(w, "rapl:intel-rapl:1", 21);
	assert_int_equal(renameat(w->root, "class/powercap/intel-rapl:1", w->root, "gone"), 0);
	look(w);
	assert_int_equal(w->sources.n, 1);
	assert_int_equal(renameat(w->root, "class", w->root, "gone/class"), 0);
	look(w);
	assert_int_equal(w->sources.n, 0);
	assert_string_equal(w->sources.none,
			    "neither powercap nor another counter or sensor of energy is there");
}

static void test_guest(void **state)
{
	struct world *w = *state;

	put(w, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n");
	begin(w, false);
	look(w);
	assert_int_equal(w->sources.n, 0);
	assert_string_equal(
		w->sources.none,
		"a virtual machine, to which its host shows no energy counter and no sensor");
}

static void link_to(const struct world *w, const char *path, const char *target)
{
	assert_int_equal(symlinkat(target, w->root, path), 0);
}

static void test_acpi_meter(void **state)
{
	struct world *w = *state;

	/* Older kernels: the attributes are the device's, and the sensor has no name. */
	put(w, "devices/ACPI000D:00/power1_average", "120029000\n");
	put(w, "devices/ACPI000D:00/power1_average_interval", "1000\n");
	put(w, "devices/ACPI000D:00/power1_is_battery", "0\n");
	put(w, "devices/ACPI000D:00/hwmon/hwmon1/uevent", "");
	link_to(w, "devices/ACPI000D:00/hwmon/hwmon1/device", "../../../ACPI000D:00");
	put(w, "class/hwmon/x", "");
	link_to(w, "class/hwmon/hwmon1", "../../devices/ACPI000D:00/hwmon/hwmon1");
	begin(w, true);
	look(w);
	is_host(w, "acpi:ACPI000D:00/power_meter/power1", 120029000);
	assert_true(source(w, "acpi:ACPI000D:00/power_meter/power1")->power);
	/* The firmware does not know just now. */
	put(w, "devices/ACPI000D:00/power1_average", "4294967295000\n");
	look(w);
	is_missing(w, "acpi:ACPI000D:00/power_meter/power1", "it has no value now");
	put(w, "devices/ACPI000D:00/power1_average", "99999999999999\n");
	look(w);
	is_missing(w, "acpi:ACPI000D:00/power_meter/power1", "its value is too large");
	put(w, "devices/ACPI000D:00/power1_average", "7000\n");
	/* Packages are counters; they come before a meter. */
	zone(w, "intel-rapl:0", "package-0\n", "10\n");
	look(w);
	is_not(w, "acpi:ACPI000D:00/power_meter/power1", "has in it what is counted already");
	is_host(w, "rapl:intel-rapl:0", 10);
	/* And stay the host when they cannot be read. */
	put(w, "class/powercap/intel-rapl:0/energy_uj", "?\n");
	look(w);
	is_missing(w, "rapl:intel-rapl:0", "its value is no number");
	assert_false(source(w, "acpi:ACPI000D:00/power_meter/power1")->host);
}

static void test_two_acpi_meters(void **state)
{
	struct world *w = *state;

	put(w, "class/hwmon/hwmon0/name", "power_meter\n");
	put(w, "class/hwmon/hwmon0/power1_average", "1000000\n");
	put(w, "class/hwmon/hwmon1/name", "power_meter\n");
	put(w, "class/hwmon/hwmon1/power1_average", "2000000\n");
	begin(w, false);
	look(w);
	is_not(w, "acpi:hwmon0/power_meter/power1",
	       "one of several, and what each measures is not known");
	/* One that measures a battery is none. */
	put(w, "class/hwmon/hwmon1/power1_is_battery", "1\n");
	energy_release(&w->sources);
	look(w);
	is_host(w, "acpi:hwmon0/power_meter/power1", 1000000);
	is_not(w, "acpi:hwmon1/power_meter/power1", "it measures a battery");
}

static void test_gpus_and_other_sensors(void **state)
{
	struct world *w = *state;

	zone(w, "intel-rapl:0", "package-0\n", "10\n");
	put(w, "devices/0000:03:00.0/mem_busy_percent", "1\n");
	put(w, "devices/0000:03:00.0/hwmon/hwmon0/name", "amdgpu\n");
	put(w, "devices/0000:03:00.0/hwmon/hwmon0/power1_average", "31000000\n");
	put(w, "devices/0000:03:00.0/hwmon/hwmon0/power1_input", "32000000\n");
	put(w, "devices/0000:03:00.0/power/runtime_status", "active\n");
	link_to(w, "devices/0000:03:00.0/hwmon/hwmon0/device", "../../../0000:03:00.0");
	put(w, "devices/0000:04:00.0/hwmon/hwmon1/name", "amdgpu\n");
	put(w, "devices/0000:04:00.0/hwmon/hwmon1/power1_input", "9000000\n");
	link_to(w, "devices/0000:04:00.0/hwmon/hwmon1/device", "../../../0000:04:00.0");
	put(w, "devices/0000:05:00.0/hwmon/hwmon2/name", "xe\n");
	put(w, "devices/0000:05:00.0/hwmon/hwmon2/energy1_input", "777\n");
	put(w, "devices/0000:05:00.0/hwmon/hwmon2/energy2_input", "555\n");
	put(w, "devices/0000:05:00.0/hwmon/hwmon2/power1_max", "555\n");
	link_to(w, "devices/0000:05:00.0/hwmon/hwmon2/device", "../../../0000:05:00.0");
	put(w, "class/hwmon/hwmon9/name", "ina226\n");
	put(w, "class/hwmon/hwmon9/power1_input", "4000000\n");
	put(w, "class/hwmon/hwmon9/curr1_input", "40\n");
	link_to(w, "class/hwmon/hwmon0", "../../devices/0000:03:00.0/hwmon/hwmon0");
	link_to(w, "class/hwmon/hwmon1", "../../devices/0000:04:00.0/hwmon/hwmon1");
	link_to(w, "class/hwmon/hwmon2", "../../devices/0000:05:00.0/hwmon/hwmon2");
	begin(w, true);
	look(w);
	assert_int_equal(w->sources.n, 6);
	is_host(w, "hwmon:0000:03:00.0/amdgpu/power1", 31000000);
	is_not(w, "hwmon:0000:04:00.0/amdgpu/power1", "inside of its package");
	is_host(w, "hwmon:0000:05:00.0/xe/energy1", 777);
	is_not(w, "hwmon:0000:05:00.0/xe/energy2", "what it measures is not known");
	is_not(w, "hwmon:hwmon9/ina226/power1", "what it measures is not known");
	assert_text(source(w, "hwmon:hwmon9/ina226/power1")->zone, "ina226/power1");
	/* A card that sleeps is not woken, and not missed. */
	put(w, "devices/0000:03:00.0/power/runtime_status", "suspended\n");
	look(w);
	is_not(w, "hwmon:0000:03:00.0/amdgpu/power1", "it is suspended");
	is_host(w, "rapl:intel-rapl:0", 10);
}

static void test_sockets_by_hwmon(void **state)
{
	struct world *w = *state;

	put(w, "class/hwmon/hwmon0/name", "amd_energy\n");
	put(w, "class/hwmon/hwmon0/energy1_input", "1\n");
	put(w, "class/hwmon/hwmon0/energy1_label", "Ecore000\n");
	put(w, "class/hwmon/hwmon0/energy2_input", "40\n");
	put(w, "class/hwmon/hwmon0/energy2_label", "Esocket0\n");
	put(w, "class/hwmon/hwmon0/energy3_input", "50\n");
	put(w, "class/hwmon/hwmon0/energy3_label", "Esocket1\n");
	begin(w, false);
	look(w);
	assert_int_equal(w->sources.n, 2);
	is_host(w, "hwmon:hwmon0/amd_energy/energy2", 40);
	is_host(w, "hwmon:hwmon0/amd_energy/energy3", 50);
	assert_int_equal(source(w, "hwmon:hwmon0/amd_energy/energy3")->package, 1);
}

static void battery(const struct world *w, const char *file, const char *content)
{
	put_in(w, "class/power_supply/BAT0", file, content);
}

static void test_battery(void **state)
{
	struct world *w = *state;

	battery(w, "type", "Battery\n");
	battery(w, "present", "1\n");
	battery(w, "status", "Discharging\n");
	battery(w, "power_now", "7029000\n");
	put(w, "class/power_supply/AC/type", "Mains\n");
	put(w, "class/power_supply/AC/online", "0\n");
	put(w, "class/power_supply/hidpp_battery_0/type", "Battery\n");
	put(w, "class/power_supply/hidpp_battery_0/scope", "Device\n");
	put(w, "class/power_supply/hidpp_battery_0/status", "Discharging\n");
	put(w, "class/power_supply/hidpp_battery_0/power_now", "1\n");
	/* It is among the sensors, too. */
	put(w, "class/hwmon/hwmon0/name", "BAT0\n");
	put(w, "class/hwmon/hwmon0/power1_input", "7029000\n");
	link_to(w, "class/hwmon/hwmon0/device", "../../power_supply/BAT0");
	link_to(w, "class/power_supply/BAT0/subsystem", "../../power_supply");
	begin(w, true);
	look(w);
	assert_int_equal(w->sources.n, 1);
	is_host(w, "battery:BAT0", 7029000);

	battery(w, "status", "Charging\n");
	look(w);
	is_missing(w, "battery:BAT0", "it does not discharge");
	battery(w, "status", "Discharging\n");
	/* What drivers make of it. */
	battery(w, "power_now", "-7029000\n");
	look(w);
	is_host(w, "battery:BAT0", 7029000);
	battery(w, "power_now", "0\n");
	battery(w, "current_now", "-500000\n");
	battery(w, "voltage_now", "12000000\n");
	look(w);
	is_host(w, "battery:BAT0", 6000000);
	battery(w, "current_now", "0\n");
	look(w);
	is_missing(w, "battery:BAT0", "it has no value now");
	battery(w, "current_now", "9223372036854775807\n");
	look(w);
	is_missing(w, "battery:BAT0", "its value is too large");
	battery(w, "current_now", "x\n");
	look(w);
	is_missing(w, "battery:BAT0", "its value is no number");
	battery(w, "current_now", "-9223372036854775808\n");
	look(w);
	is_missing(w, "battery:BAT0", "its value is too large");
	battery(w, "power_now", "200000000000\n");
	look(w);
	is_missing(w, "battery:BAT0", "its value is too large");
	battery(w, "present", "0\n");
	look(w);
	is_missing(w, "battery:BAT0", "it is not in its place");
}

static void test_two_batteries(void **state)
{
	struct world *w = *state;

	battery(w, "type", "Battery\n");
	battery(w, "status", "Discharging\n");
	battery(w, "power_now", "7000000\n");
	put(w, "class/power_supply/BAT1/type", "Battery\n");
	put(w, "class/power_supply/BAT1/status", "Not charging\n");
	begin(w, true);
	look(w);
	is_host(w, "battery:BAT0", 7000000);
	is_not(w, "battery:BAT1", "it does not discharge");
}

/* The kernel's own clock stands in for the PMU of a processor: both are events with a type. */
static void pmu(const struct world *w)
{
	const char *dir = "bus/event_source/devices/power";

	put_in(w, dir, "type", "1\n");
	put_in(w, dir, "cpumask", "0\n");
	put_in(w, dir, "events/energy-pkg", "event=0x00\n");
	put_in(w, dir, "events/energy-pkg.scale", "1e-9\n");
	put(w, "devices/system/cpu/cpu0/topology/physical_package_id", "0\n");
}

static void test_perf(void **state)
{
	struct world *w = *state;
	const struct energy_source *s;
	uint64_t value, epoch;

	pmu(w);
	begin(w, true);
	w->host.given[HOST_SYS] = false;
	look(w);
	assert_int_equal(w->sources.n, 1);
	s = source(w, "perf:energy-pkg:cpu0");
	if (s->error) {
		/* Who runs this may not open it. */
		assert_true(s->error == -EACCES || s->error == -EPERM);
		return;
	}
	assert_true(s->host);
	assert_text(s->zone, "package-0");
	assert_int_equal(s->package, 0);
	value = s->value;
	epoch = s->epoch;
	/* What is found anew stays open. */
	put(w, "class/hwmon/hwmon0/name", "x\n");
	look(w);
	s = source(w, "perf:energy-pkg:cpu0");
	assert_true(s->value >= value);
	assert_int_equal(s->epoch, epoch);
	assert_true(epoch != 0);
	energy_release(&w->sources);
	look(w);
	assert_true(source(w, "perf:energy-pkg:cpu0")->epoch != epoch);
}

static void test_perf_is_not_for_oneshots(void **state)
{
	struct world *w = *state;

	pmu(w);
	begin(w, false);
	w->host.given[HOST_SYS] = false;
	look(w);
	assert_string_equal(source(w, "perf:energy-pkg:cpu0")->reason,
			    "counts only while it is open: for an agent");
	/* Another tree's numbers say nothing to this kernel. */
	energy_release(&w->sources);
	w->host.given[HOST_SYS] = true;
	look(w);
	assert_int_equal(w->sources.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_client, start, stop),
		cmocka_unit_test_setup_teardown(test_server, start, stop),
		cmocka_unit_test_setup_teardown(test_psys_of_several_packages, start, stop),
		cmocka_unit_test_setup_teardown(test_amd, start, stop),
		cmocka_unit_test_setup_teardown(test_only_mmio, start, stop),
		cmocka_unit_test_setup_teardown(test_hostile_zones, start, stop),
		cmocka_unit_test_setup_teardown(test_vanishing, start, stop),
		cmocka_unit_test_setup_teardown(test_guest, start, stop),
		cmocka_unit_test_setup_teardown(test_acpi_meter, start, stop),
		cmocka_unit_test_setup_teardown(test_two_acpi_meters, start, stop),
		cmocka_unit_test_setup_teardown(test_gpus_and_other_sensors, start, stop),
		cmocka_unit_test_setup_teardown(test_sockets_by_hwmon, start, stop),
		cmocka_unit_test_setup_teardown(test_battery, start, stop),
		cmocka_unit_test_setup_teardown(test_two_batteries, start, stop),
		cmocka_unit_test_setup_teardown(test_perf, start, stop),
		cmocka_unit_test_setup_teardown(test_perf_is_not_for_oneshots, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
