/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Energy sensors for tests, behind the kernel's own powercap and hwmon: files, modes and errors are
 * those of real hardware. They count nothing: a test writes what a counter shows to the module's
 * parameters, so that it knows to the microjoule what comes of it.
 */
#include <linux/err.h>
#include <linux/hwmon.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/powercap.h>

enum { PACKAGE, DRAM, TWIN, ZONES };

static ulong energy_uj[ZONES], range_uj = 262143328850UL, tdp_uw = 65000000;
static ulong sensor_uj, sensor_uw;
static int failure; /* what reading the zones ends with */

module_param_named(package_uj, energy_uj[PACKAGE], ulong, 0644);
module_param_named(dram_uj, energy_uj[DRAM], ulong, 0644);
module_param_named(twin_uj, energy_uj[TWIN], ulong, 0644);
module_param(range_uj, ulong, 0644);
module_param(tdp_uw, ulong, 0644);
module_param(sensor_uj, ulong, 0644);
module_param(sensor_uw, ulong, 0644);
module_param(failure, int, 0644);

static struct powercap_control_type *msr, *mmio;
static struct powercap_zone zones[ZONES];
static struct platform_device *device;
static struct device *hwmon;

static int zone_energy(struct powercap_zone *zone, u64 *ret)
{
	*ret = energy_uj[zone - zones];
	return failure;
}

static int zone_range(struct powercap_zone *zone, u64 *ret)
{
	*ret = range_uj;
	return 0;
}

/* They are not allocated, but their owner has to say that he knows when they go. */
static int zone_release(struct powercap_zone *zone)
{
	return 0;
}

static struct powercap_zone_ops zone_ops = {
	.get_energy_uj = zone_energy,
	.get_max_energy_range_uj = zone_range,
	.release = zone_release,
};

static int get_power(struct powercap_zone *zone, int id, u64 *ret)
{
	*ret = tdp_uw;
	return 0;
}

static int set_nothing(struct powercap_zone *zone, int id, u64 value)
{
	return -EPERM;
}

static int get_window(struct powercap_zone *zone, int id, u64 *ret)
{
	*ret = 1000000;
	return 0;
}

static const char *get_name(struct powercap_zone *zone, int id)
{
	return "long_term";
}

static struct powercap_zone_constraint_ops constraint_ops = {
	.get_max_power_uw = get_power,
	.get_power_limit_uw = get_power,
	.set_power_limit_uw = set_nothing,
	.get_time_window_us = get_window,
	.set_time_window_us = set_nothing,
	.get_name = get_name,
};

static umode_t is_visible(const void *data, enum hwmon_sensor_types type, u32 attr, int channel)
{
	return 0444;
}

static int read_sensor(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
		       long *ret)
{
	*ret = (long)(type == hwmon_energy ? sensor_uj : sensor_uw);
	return 0;
}

static const struct hwmon_ops sensor_ops = { .is_visible = is_visible, .read = read_sensor };

static const struct hwmon_channel_info *channels[] = {
	HWMON_CHANNEL_INFO(power, HWMON_P_INPUT),
	HWMON_CHANNEL_INFO(energy, HWMON_E_INPUT),
	NULL,
};

static const struct hwmon_chip_info chip = { .ops = &sensor_ops, .info = channels };

static int add_zone(int zone, struct powercap_control_type *type, const char *name, int parent)
{
	struct powercap_zone *added =
		powercap_register_zone(&zones[zone], type, name,
				       parent < 0 ? NULL : &zones[parent], &zone_ops, 1,
				       &constraint_ops);

	return PTR_ERR_OR_ZERO(added);
}

/* Whatever fails here ends the test; nothing is cleaned up after it in a machine that goes, too. */
static int __init sensors_init(void)
{
	int r;

	msr = powercap_register_control_type(NULL, "intel-rapl", NULL);
	if (IS_ERR(msr))
		return PTR_ERR(msr);
	mmio = powercap_register_control_type(NULL, "intel-rapl-mmio", NULL);
	if (IS_ERR(mmio))
		return PTR_ERR(mmio);
	r = add_zone(PACKAGE, msr, "package-0", -1);
	if (!r)
		r = add_zone(DRAM, msr, "dram", PACKAGE);
	if (!r)
		r = add_zone(TWIN, mmio, "package-0", -1);
	if (r)
		return r;
	device = platform_device_register_simple("testsensors", -1, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	hwmon = hwmon_device_register_with_info(&device->dev, "testsensors", NULL, &chip, NULL);
	return PTR_ERR_OR_ZERO(hwmon);
}

static void __exit sensors_exit(void)
{
	hwmon_device_unregister(hwmon);
	platform_device_unregister(device);
	powercap_unregister_zone(mmio, &zones[TWIN]);
	powercap_unregister_zone(msr, &zones[DRAM]);
	powercap_unregister_zone(msr, &zones[PACKAGE]);
	powercap_unregister_control_type(mmio);
	powercap_unregister_control_type(msr);
}

module_init(sensors_init);
module_exit(sensors_exit);
MODULE_DESCRIPTION("Energy sensors that show what a test wants");
MODULE_LICENSE("GPL");
