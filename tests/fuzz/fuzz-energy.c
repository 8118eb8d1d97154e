/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drivers may say of energy, and what a damaged state may know of it. Input: pieces that end
 * with a byte 1, each the content of one file of a tree, the last one the meter's state. Whatever
 * they are, a total never falls from one cycle to the next, and a value has no error beside it.
 * The clocks that spans are of go by looks, so that an input means the same at each time.
 * runner: -runs=12000
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collect/energy/meter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {
	"class/powercap/intel-rapl:0/energy_uj",
	"class/powercap/intel-rapl:0/name",
	"class/powercap/intel-rapl:0/max_energy_range_uj",
	"class/powercap/intel-rapl:0/constraint_0_max_power_uw",
	"class/powercap/intel-rapl:0/constraint_1_power_limit_uw",
	"class/powercap/intel-rapl:0:0/energy_uj",
	"class/powercap/intel-rapl:0:0/name",
	"class/powercap/intel-rapl:0:0/max_energy_range_uj",
	"class/hwmon/hwmon0/name",
	"class/hwmon/hwmon0/power1_average",
	"class/hwmon/hwmon0/power1_is_battery",
	"class/hwmon/hwmon1/name",
	"class/hwmon/hwmon1/energy1_input",
	"class/hwmon/hwmon1/energy1_label",
	"class/power_supply/B/type",
	"class/power_supply/B/status",
	"class/power_supply/B/present",
	"class/power_supply/B/power_now",
	"class/power_supply/B/current_now",
	"class/power_supply/B/voltage_now",
	"cpuinfo",
	"bus/event_source/devices/power/type",
	"bus/event_source/devices/power/cpumask",
	"bus/event_source/devices/power/events/energy-pkg",
	"bus/event_source/devices/power/events/energy-pkg.scale",
};

static time_t looks;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* In libc's place. The wall's is libFuzzer's, too. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return (int)syscall(SYS_clock_gettime, clock, t);
	looks += clock == CLOCK_MONOTONIC;
	*t = (struct timespec){ .tv_sec = 10000 + looks };
	return 0;
}

static char path[] = "/dev/shm/fuzz-energy.XXXXXX";

static int remove_one(const char *name, const struct stat *stat, int type, struct FTW *at)
{
	(void)stat;
	(void)type;
	(void)at;
	return remove(name);
}

static void remove_tree(void)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One tree, of which only contents change. */
static const char *tree(void)
{
	static bool made;

	if (!made) {
		must(mkdtemp(path) != NULL);
		must(atexit(remove_tree) == 0);
	}
	made = true;
	return path;
}

static void put(int root, const char *file, struct str content)
{
	char folder[128];
	int fd = openat(root, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	for (size_t i = 1; fd < 0 && file[i]; i++) {
		if (file[i] != '/')
			continue;
		memcpy(folder, file, i);
		folder[i] = '\0';
		(void)mkdirat(root, folder, 0755);
	}
	if (fd < 0)
		fd = openat(root, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must(fd >= 0);
	must(!content.n || write(fd, content.p, content.n) == (ssize_t)content.n);
	(void)close(fd);
}

static const struct meter *cycle(struct collect *c)
{
	const struct meter *meter;

	c->host->cycle++;
	arena_reset(c->scratch);
	must(meter_of_cycle(c, &meter) == 0);
	must(meter->n == meter->sources->n);
	for (size_t i = 0; i < meter->n; i++) {
		const struct energy_source *source = meter->v[i].source;

		must(!source->error || (!source->value && source->reason));
		must(!meter->v[i].delta_uj || meter->v[i].delta_ns > 0);
		must(meter->v[i].delta_uj <= meter->v[i].total_uj);
		must(!source->power || source->error || source->value <= 100000000000);
	}
	return meter;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, piece;
	struct host host;
	struct state state = { 0 };
	struct arena scratch = { 0 };
	struct collect c = { .host = &host, .scratch = &scratch, .state = &state };
	uint64_t totals[8] = { 0 };
	const struct meter *meter;

	looks = 0;
	host_open(&host,
		  &(struct host_paths){ .path = { [HOST_PROC] = tree(), [HOST_SYS] = tree() } },
		  false);
	/* Its own kernel's, or perf is not looked at; as a oneshot nothing of it is opened. */
	host.given[HOST_SYS] = false;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (!str_cut(&rest, 1, &piece))
			piece = STR("");
		put(host.dir[HOST_SYS], files[i], piece);
	}
	state_set(&state, STR("energy.meter"), rest);
	meter = cycle(&c);
	for (size_t i = 0; i < meter->n && i < ARRAY_SIZE(totals); i++)
		totals[i] = meter->v[i].source->error ? 0 : meter->v[i].total_uj;
	meter = cycle(&c);
	for (size_t i = 0; i < meter->n && i < ARRAY_SIZE(totals); i++)
		must(meter->v[i].source->error || meter->v[i].total_uj >= totals[i]);
	must(state_get(&state, STR("energy.meter")).n < 256 * 1024);
	host_close(&host);
	state_release(&state);
	arena_release(&scratch);
	return 0;
}
