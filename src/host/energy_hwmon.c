/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sensors of power and energy below class/hwmon. What one of them measures is known for few: the
 * firmware's power meter (whose attributes are in the device's folder, where `name` may be
 * missing), GPUs, and AMD's sockets; the others are told and never added.
 */
#include "host/energy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { SENSORS_MAX = 32 };

/* Of the firmware's meter in microwatts: that it does not know (drivers/hwmon/acpi_power_meter.c).
 */
#define ACPI_UNKNOWN_UW UINT64_C(4294967295000)

struct chip {
	struct str hwmon, name, device; /* "hwmon3", "amdgpu", "0000:03:00.0" */
	bool acpi, gpu;
	bool has_gpu; /* one of its sensors stands for the GPU */
	bool in_processor;
};

/* "power1_average": what it measures, and which. */
struct sensor {
	struct str file, name; /* name: "power1" */
	uint64_t number;
	bool energy;
};

static bool parse_sensor(struct str file, struct sensor *ret)
{
	struct sensor sensor = { .file = file, .energy = str_starts(file, STR("energy")) };
	struct str rest = file;

	if (!sensor.energy && !str_starts(file, STR("power")))
		return false;
	rest = str_skip(rest, sensor.energy ? 6 : 5);
	if (!rest.n || rest.p[0] < '0' || rest.p[0] > '9' || !num_take_u64(&rest, &sensor.number))
		return false;
	if (!str_eq(rest, STR("_input")) && (sensor.energy || !str_eq(rest, STR("_average"))))
		return false;
	sensor.name = (struct str){ file.p, file.n - rest.n };
	*ret = sensor;
	return true;
}

/* A meter has its average or its last value: never both, and the average is the better one. */
static bool is_worse(const struct sensor *sensor, const struct str *files, size_t n)
{
	struct sensor other;

	for (size_t i = 0; i < n; i++)
		if (parse_sensor(files[i], &other) && str_eq(other.name, sensor->name) &&
		    str_ends(other.file, STR("_average")) && !str_eq(other.file, sensor->file))
			return true;
	return false;
}

static struct str last_part(struct str path)
{
	size_t n = path.n;

	while (n && path.p[n - 1] != '/')
		n--;
	return str_skip(path, n);
}

static struct str link_name(int dir, const char *link, struct arena *arena)
{
	struct str target;

	return host_link(dir, link, arena, &target) < 0 ? STR("") : last_part(target);
}

/* A GPU in the processor is inside of the package; only others have a memory of their own. */
static bool is_card(int device)
{
	return faccessat(device, "mem_busy_percent", F_OK, 0) == 0;
}

static void know_chip(struct chip *chip, int dir, int device, struct arena *arena)
{
	static const char *const gpus[] = { "amdgpu", "i915", "nouveau", "xe" };

	if (host_attr(dir, "name", arena, &chip->name) < 0)
		chip->name = STR("");
	chip->device = link_name(dir, "device", arena);
	/* The kernel's own is "power_meter"; by its driver, or by its ID where it has no name. */
	chip->acpi =
		str_eq(chip->name, STR("power_meter")) ||
		str_starts(chip->device, STR("ACPI000D")) ||
		(device >= 0 && str_eq(link_name(device, "driver", arena), STR("power_meter")));
	for (size_t i = 0; i < ARRAY_SIZE(gpus); i++)
		chip->gpu |= str_eq(chip->name, str_of(gpus[i]));
	chip->in_processor = str_eq(chip->name, STR("amdgpu")) && (device < 0 || !is_card(device));
	if (!chip->name.n)
		chip->name = chip->acpi ? STR("power_meter") : chip->hwmon;
	if (!chip->device.n)
		chip->device = chip->hwmon;
}

/* Reading would wake it, and then it is no longer what was asked about. */
static bool is_asleep(int dir)
{
	_cleanup_arena_ struct arena scratch = { 0 };
	struct str text;

	return host_attr(dir, "device/power/runtime_status", &scratch, &text) == 0 &&
	       str_eq(text, STR("suspended"));
}

static int read_sensor(struct energy_readers *all, struct energy_reader *reader,
		       struct energy_source *source)
{
	char text[ATTR_TEXT_MAX];
	struct str s;
	uint64_t value;
	int r;

	if (source->domain == DOMAIN_GPU && is_asleep(reader->file.dir)) {
		source->reason = "it is suspended";
		return -ENODATA;
	}
	r = attr_read(&all->pool, &reader->file, text, &s);
	if (r == 0)
		r = s.n == sizeof(text) ? -EINVAL : num_u64(str_trim(s), &value);
	if (r < 0)
		return r;
	if (source->kind == ENERGY_ACPI && value == ACPI_UNKNOWN_UW)
		return -ENODATA;
	if (source->power && value > ENERGY_POWER_MOST_UW)
		return -ERANGE;
	source->value = value;
	return 0;
}

/* amd_energy: "Esocket0" is a package, "Ecore012" a part of one. */
static enum energy_domain domain_of_amd(const struct sensor *sensor, int dir, struct arena *scratch,
					int *ret_package)
{
	struct str file = ARENA_CONCAT(scratch, sensor->name, STR("_label")), text;
	uint64_t number;

	if (host_attr(dir, arena_cstr(scratch, file), scratch, &text) < 0 ||
	    !str_starts(text, STR("Esocket")) || num_u64(str_skip(text, 7), &number) < 0 ||
	    number > INT32_MAX)
		return DOMAIN_CORE;
	*ret_package = (int)number;
	return DOMAIN_PACKAGE;
}

static enum energy_domain domain_of(struct chip *chip, const struct sensor *sensor, int dir,
				    struct arena *scratch, int *ret_package)
{
	if (chip->acpi)
		return sensor->energy ? DOMAIN_OTHER : DOMAIN_MACHINE;
	if (str_eq(chip->name, STR("amd_energy")))
		return domain_of_amd(sensor, dir, scratch, ret_package);
	/* Counters come first in the list; the card's comes before its chips'. */
	if (!chip->gpu || chip->in_processor || chip->has_gpu)
		return DOMAIN_OTHER;
	chip->has_gpu = true;
	return DOMAIN_GPU;
}

static const char *left_out(const struct chip *chip, int dir)
{
	uint64_t battery;

	if (chip->acpi && host_attr_u64(dir, "power1_is_battery", &battery) == 0 && battery)
		return "it measures a battery";
	if (chip->in_processor)
		return "inside of its package";
	return NULL;
}

static void add_sensor(struct energy_scan *scan, struct chip *chip, const struct sensor *sensor,
		       int dir)
{
	struct arena *arena = scan->arena;
	struct str path = ARENA_CONCAT(arena, STR("/sys/class/hwmon/"), chip->hwmon);
	int package = -1;
	enum energy_domain domain = domain_of(chip, sensor, dir, scan->scratch, &package);

	if (domain == DOMAIN_CORE) /* there can be hundreds */
		return;
	energy_add(
		scan,
		&(struct energy_source){
			.kind = chip->acpi ? ENERGY_ACPI : ENERGY_HWMON,
			.domain = domain,
			.id = ARENA_CONCAT(arena, chip->acpi ? STR("acpi:") : STR("hwmon:"),
					   chip->device, STR("/"), chip->name, STR("/"),
					   sensor->name),
			.zone = ARENA_CONCAT(arena, chip->name, STR("/"), sensor->name),
			.path = path,
			.package = package,
			.power = !sensor->energy,
		},
		&(struct energy_reader){
			.read = read_sensor,
			.left_out = left_out(chip, dir),
			.file = { .dir = dir, .name = arena_cstr(arena, sensor->file), .fd = -1 },
		});
}

/* True when something in the folder is read, which has to stay open then. */
static bool add_sensors(struct energy_scan *scan, struct chip *chip, int dir)
{
	struct sensor sensor;
	struct str *files;
	size_t n, found = 0;

	if (host_list_dir(dir, scan->scratch, &files, &n) < 0)
		return false;
	for (size_t i = 0; i < n && found < SENSORS_MAX; i++)
		if (parse_sensor(files[i], &sensor) && !is_worse(&sensor, files, n)) {
			add_sensor(scan, chip, &sensor, dir);
			found++;
		}
	return found;
}

static void keep_or_close(struct energy_scan *scan, int dir, bool keep)
{
	if (keep)
		(void)energy_keep_dir(scan, dir);
	else if (dir >= 0)
		(void)close(dir);
}

static void find_in_chip(struct energy_scan *scan, int class_dir, struct str hwmon)
{
	struct chip chip = { .hwmon = hwmon };
	int dir, device;

	/* One for the chip, one for its device. */
	if (scan->readers->n_dirs + 2 > ENERGY_DIRS_MAX)
		return;
	dir = openat(class_dir, hwmon.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	device = openat(dir, "device", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	know_chip(&chip, dir, device, scan->scratch);
	/* Batteries are here, too: energy_battery.c knows more of them. */
	if (device >= 0 &&
	    str_eq(link_name(device, "subsystem", scan->scratch), STR("power_supply"))) {
		keep_or_close(scan, device, false);
		keep_or_close(scan, dir, false);
		return;
	}
	keep_or_close(scan, dir, add_sensors(scan, &chip, dir));
	keep_or_close(scan, device, device >= 0 && add_sensors(scan, &chip, device));
}

/* Of two meters one may be a part of the other, or each a power supply: the firmware's secret. */
static void doubt_several_meters(struct energy_scan *scan)
{
	size_t meters = 0;

	for (size_t i = 0; i < scan->n; i++)
		meters += scan->v[i].source.kind == ENERGY_ACPI && !scan->v[i].reader.left_out;
	for (size_t i = 0; meters > 1 && i < scan->n; i++)
		if (scan->v[i].source.kind == ENERGY_ACPI && !scan->v[i].reader.left_out)
			scan->v[i].reader.left_out =
				"one of several, and what each measures is not known";
}

void energy_find_hwmon(struct energy_scan *scan)
{
	_cleanup_fd_ int class_dir = host_open_dir(scan->host, HOST_SYS, "class/hwmon");
	struct str *names;
	size_t n;

	if (class_dir < 0 || host_list_dir(class_dir, scan->scratch, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		find_in_chip(scan, class_dir, names[i]);
	doubt_several_meters(scan);
}
