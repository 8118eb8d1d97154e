/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library is the stand-in of tests/standin: loaded here by its path, it is the one that the
 * child then finds by its name.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "host/nvml.h"

static const char two[] = "count 2\n"
			  "0 UUID GPU-a\n0 Name NVIDIA H100\n"
			  "0 TotalEnergyConsumption 123456\n0 PowerUsage 71000\n"
			  "0 EnforcedPowerLimit 700000\n0 UtilizationRates 63 20\n"
			  "0 Temperature.0 41\n"
			  "0 ProcessUtilization 1\n0 compute 42 1000\n0 compute 41 2000\n"
			  "0 sample 42 50 10 0 0\n0 sample 41 12 1 0 0\n0 sample 9 255 0 0 0\n"
			  "1 UUID GPU-b\n1 Name Tesla K20\n1 PowerUsage 30500\n"
			  "1 UtilizationRates 25 1\n1 compute 43 500\n";

/* A call that hangs is nothing that a test should wait for. */
static const struct nvml_patience short_patience = {
	.cycle_ns = 3000000000,
	.oneshot_ns = 3000000000,
	.timer_ns = 3000000000,
	.late_ns = 1000000,
	.give_up_ns = 60000000000,
	.retry_ns = 60000000000,
};
/* And one that does not may take its time. */
static const struct nvml_patience long_patience = {
	.cycle_ns = 60000000000,
	.oneshot_ns = 60000000000,
	.timer_ns = 60000000000,
	.late_ns = 60000000000,
	.give_up_ns = 60000000000,
	.retry_ns = 0,
};

struct scene {
	char path[32];
	int root;
	struct host host;
};

static void say(const struct scene *scene, const char *first, const char *then)
{
	_cleanup_fd_ int fd =
		openat(scene->root, "answers.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, str_of(first)), 0);
	assert_int_equal(file_write_all(fd, str_of(then)), 0);
	assert_int_equal(renameat(scene->root, "answers.new", scene->root, "answers"), 0);
}

static void begin(struct scene *scene, bool resident, const struct nvml_patience *patience)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct host_paths paths = { 0 };

	*scene = (struct scene){ .path = "/tmp/nvml.XXXXXX" };
	assert_non_null(mkdtemp(scene->path));
	scene->root = file_open_dir(AT_FDCWD, scene->path);
	assert_true(scene->root >= 0);
	assert_int_equal(mkdirat(scene->root, "dev", 0700), 0);
	assert_int_equal(mkdirat(scene->root, "sys", 0700), 0);
	assert_int_equal(close(openat(scene->root, "dev/nvidiactl", O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(
		setenv("NVML_STANDIN", arena_printf(&arena, "%s/answers", scene->path).p, 1), 0);
	paths.path[HOST_ROOT] = scene->path;
	paths.path[HOST_SYS] = arena_printf(&arena, "%s/sys", scene->path).p;
	host_open(&scene->host, &paths, resident);
	scene->host.cycle = 1;
	nvml_be_patient(&scene->host, patience);
	say(scene, two, "");
}

static void end(struct scene *scene)
{
	host_close(&scene->host);
	(void)unlinkat(scene->root, "dev/nvidiactl", 0);
	(void)unlinkat(scene->root, "dev", AT_REMOVEDIR);
	(void)unlinkat(scene->root, "sys", AT_REMOVEDIR);
	(void)unlinkat(scene->root, "answers", 0);
	(void)close(scene->root);
	(void)rmdir(scene->path);
}

static bool knows(const struct nvml_gpu *gpu, enum nvml_figure figure)
{
	return gpu->known & UINT64_C(1) << figure;
}

static void test_energy(void **state)
{
	const struct nvml_energy *e;
	struct scene scene;
	size_t n;

	(void)state;
	begin(&scene, false, &long_patience);
	assert_int_equal(nvml_energy(&scene.host, false, &e, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(e[0].uuid, "GPU-a");
	assert_false(e[0].power);
	assert_int_equal(e[0].value, 123456000);
	assert_int_equal(e[0].max_uw, 700000000);
	assert_int_equal(e[0].error, 0);
	assert_true(e[0].at_ns > 0);
	assert_string_equal(e[1].name, "Tesla K20");
	assert_true(e[1].power);
	assert_int_equal(e[1].value, 30500000);
	assert_int_equal(e[1].max_uw, 0);
	assert_true(e[1].at_ns >= e[0].at_ns);
	end(&scene);
}

static void test_uses(void **state)
{
	static const struct nvml_use want[] = { { 0, 41, 120000 },
						{ 0, 42, 500000 },
						{ 1, 43, 250000 } };
	const struct nvml_use *uses;
	struct scene scene;
	size_t n;

	(void)state;
	begin(&scene, false, &long_patience);
	assert_int_equal(nvml_uses(&scene.host, &uses, &n), 0);
	assert_int_equal(n, ARRAY_SIZE(want));
	assert_memory_equal(uses, want, sizeof(want));
	assert_int_equal(nvml_busy_ppm(&scene.host, 0), 630000);
	assert_int_equal(nvml_busy_ppm(&scene.host, 1), 250000);
	assert_int_equal(nvml_busy_ppm(&scene.host, 2), -1);

	/* Two on a GPU that does not tell them apart: nobody's. */
	say(&scene, two, "1 compute 44 1\n");
	scene.host.cycle++;
	assert_int_equal(nvml_uses(&scene.host, &uses, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(uses[2].busy_ppm, 0);
	assert_int_equal(uses[3].busy_ppm, 0);
	end(&scene);
}

/* What is asked for later in a cycle is added, and what was there stays. */
static void test_more_is_wanted(void **state)
{
	const struct nvml_snapshot *s;
	struct scene scene;

	(void)state;
	begin(&scene, true, &long_patience);
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY | NVML_WANT_USE, &s), 0);
	assert_int_equal(s->n_processes, 3);
	assert_false(knows(&s->gpus[0], NVML_GPU_TEMP));
	say(&scene, two, "0 compute 99 1\n");
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ALL | NVML_WANT_USE, &s), 0);
	assert_int_equal(s->n_processes, 3);
	assert_int_equal(s->gpus[0].value[NVML_GPU_TEMP], 41);
	assert_true(s->gpus[0].has_process_util);
	assert_false(s->incomplete);

	/* In the next cycle nothing of it is there but what is told anew. */
	say(&scene, "count 1\n", "");
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_USE, &s), 0);
	assert_int_equal(s->n_gpus, 2); /* as many as there were when the library was loaded */
	assert_int_equal(s->gpus[0].known, 0);
	assert_int_equal(s->n_processes, 0);
	end(&scene);
}

static void test_fresh(void **state)
{
	const struct nvml_energy *e;
	struct scene scene;
	int64_t before;
	size_t n;

	(void)state;
	begin(&scene, true, &long_patience);
	assert_int_equal(nvml_energy(&scene.host, false, &e, &n), 0);
	before = e[0].at_ns;
	say(&scene, "0 TotalEnergyConsumption 200000\n", two);
	assert_int_equal(nvml_energy(&scene.host, false, &e, &n), 0);
	assert_int_equal(e[0].value, 123456000);
	assert_int_equal(e[0].at_ns, before);
	assert_int_equal(nvml_energy(&scene.host, true, &e, &n), 0);
	assert_int_equal(e[0].value, 200000000);
	assert_true(e[0].at_ns > before);
	end(&scene);
}

static void test_events(void **state)
{
	const struct nvml_snapshot *s;
	struct scene scene;

	(void)state;
	begin(&scene, true, &long_patience);
	say(&scene, "0 SupportedEventTypes 1\n1 SupportedEventTypes error 3\n", two);
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ALL, &s), 0);
	assert_true(knows(&s->gpus[0], NVML_XID));
	assert_int_equal(s->gpus[0].value[NVML_XID], 0);
	assert_false(knows(&s->gpus[1], NVML_XID));
	say(&scene, two, "0 xid 31\n0 xid 79\n");
	for (int i = 0; i < 2; i++) {
		scene.host.cycle++;
		assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ALL, &s), 0);
		assert_int_equal(s->gpus[0].value[NVML_XID], 79);
	}
	end(&scene);
}

/* Asks cycle for cycle until the GPUs are there, as those do who have the time. */
static const struct nvml_snapshot *until_there(struct scene *scene)
{
	const struct nvml_snapshot *s;
	struct timespec moment = { 0, 10000000 };

	for (int i = 0; i < 6000; i++) {
		scene->host.cycle++;
		if (nvml_of_cycle(&scene->host, NVML_WANT_ENERGY, &s) == 0 && !s->incomplete)
			return s;
		(void)nanosleep(&moment, NULL);
	}
	fail_msg("still not there: %s", nvml_why(&scene->host));
	return NULL;
}

static void test_hang(void **state)
{
	struct nvml_patience patience = short_patience;
	const struct nvml_snapshot *s;
	struct scene scene;

	(void)state;
	begin(&scene, true, &long_patience);
	say(&scene, "1 PowerUsage hang\n", two);
	/* The start is not what is to be too slow here. */
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_USE, &s), 0);
	nvml_be_patient(&scene.host, &short_patience);
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), 0);
	assert_true(s->incomplete);
	assert_int_equal(s->n_gpus, 1);
	assert_int_equal(s->gpus[0].value[NVML_TOTAL_ENERGY], 123456);
	assert_part(str_of(nvml_why(&scene.host)), "hangs when it is asked for GPU 1");

	/* In the next cycle nobody asks it anything. */
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -ETIMEDOUT);
	say(&scene, two, "");
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -ETIMEDOUT);

	/* When it is given up, another one is started. */
	patience.give_up_ns = 0;
	nvml_be_patient(&scene.host, &patience);
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -ETIMEDOUT);
	nvml_be_patient(&scene.host, &long_patience);
	assert_int_equal(until_there(&scene)->n_gpus, 2);
	end(&scene);
}

/* A driver that is loaded by its first user answers later, and the same child gets the answer. */
static void test_slow_start(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct timespec moment = { 0, 10000000 };
	struct nvml_patience patience = short_patience;
	const struct nvml_snapshot *s;
	struct scene scene;

	(void)state;
	patience.cycle_ns = 1000000;
	begin(&scene, true, &patience);
	say(&scene, arena_printf(&arena, "* Init wait %s/waits\n", scene.path).p, two);
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -ETIMEDOUT);
	assert_part(str_of(nvml_why(&scene.host)), "still being started");
	for (int i = 0; i < 6000 && faccessat(scene.root, "waits", F_OK, 0) < 0; i++)
		(void)nanosleep(&moment, NULL);
	assert_int_equal(unlinkat(scene.root, "waits", 0), 0);
	/* Another child would meet this. */
	say(&scene, "go 1\n* Init error 9\n", two);
	nvml_be_patient(&scene.host, &long_patience);
	assert_int_equal(until_there(&scene)->n_gpus, 2);
	end(&scene);
}

static void test_death(void **state)
{
	struct nvml_patience patience = long_patience;
	const struct nvml_snapshot *s;
	struct scene scene;

	(void)state;
	patience.retry_ns = 60000000000;
	begin(&scene, true, &patience);
	say(&scene, "1 PowerUsage crash\n", two);
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -EIO);
	say(&scene, two, "");
	/* Not tried again at once, and the reason is the same. */
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -EIO);
	assert_part(str_of(nvml_why(&scene.host)), "has died");
	end(&scene);

	begin(&scene, true, &long_patience);
	say(&scene, "1 PowerUsage crash\n", two);
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -EIO);
	say(&scene, two, "");
	assert_int_equal(until_there(&scene)->n_gpus, 2);
	end(&scene);
}

static void test_lost(void **state)
{
	const struct nvml_energy *e;
	const struct nvml_snapshot *s;
	struct scene scene;
	size_t n;

	(void)state;
	begin(&scene, true, &long_patience);
	say(&scene, "0 TotalEnergyConsumption error 15\n", two);
	assert_int_equal(nvml_energy(&scene.host, false, &e, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(e[0].error, -ENODEV);
	assert_string_equal(e[0].reason, "the GPU is lost");
	assert_string_equal(e[0].uuid, "GPU-a");
	assert_int_equal(e[1].error, 0);
	say(&scene, two, "");
	s = until_there(&scene);
	assert_int_equal(s->gpus[0].error, 0);
	assert_int_equal(s->gpus[0].value[NVML_TOTAL_ENERGY], 123456);

	/* One that fails in everything, for no reason that it knows. */
	say(&scene,
	    "0 TotalEnergyConsumption error 999\n0 PowerUsage error 999\n"
	    "0 EnforcedPowerLimit error 999\n",
	    two);
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), 0);
	assert_int_equal(s->gpus[0].error, 999);
	assert_int_equal(s->gpus[1].error, 0);
	end(&scene);
}

static void test_driver_comes_and_goes(void **state)
{
	const struct nvml_energy *e;
	const struct nvml_snapshot *s;
	struct scene scene;
	size_t n = 9;

	(void)state;
	begin(&scene, true, &long_patience);
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), 0);
	assert_int_equal(unlinkat(scene.root, "dev/nvidiactl", 0), 0);
	scene.host.cycle++;
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -ENODATA);
	assert_part(str_of(nvml_why(&scene.host)), "no NVIDIA driver");
	assert_int_equal(nvml_energy(&scene.host, false, &e, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(close(openat(scene.root, "dev/nvidiactl", O_CREAT | O_CLOEXEC, 0600)), 0);
	say(&scene, "count 1\n0 UUID GPU-new\n", "");
	s = until_there(&scene);
	assert_int_equal(s->n_gpus, 1);
	assert_string_equal(s->gpus[0].uuid, "GPU-new");
	end(&scene);
}

/* What another one that cannot end holds. */
static void test_other_hangs(void **state)
{
	const struct nvml_snapshot *s;
	struct scene scene;

	(void)state;
	begin(&scene, true, &long_patience);

	int other = openat(scene.root, "dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(nvml_of_cycle(&scene.host, NVML_WANT_ENERGY, &s), -EBUSY);
	assert_int_equal(close(other), 0);
	assert_int_equal(until_there(&scene)->n_gpus, 2);

	/* One that works holds nothing up. */
	other = openat(scene.root, "dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(close(other), 0);
	end(&scene);
}

static int load(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const char *build = getenv("top_builddir");

	*state = dlopen(
		arena_printf(&arena, "%s/tests/standin/libnvidia-ml.so.1", build ? build : ".").p,
		RTLD_NOW | RTLD_LOCAL);
	return *state ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_energy),         cmocka_unit_test(test_uses),
		cmocka_unit_test(test_more_is_wanted), cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_events),         cmocka_unit_test(test_hang),
		cmocka_unit_test(test_slow_start),     cmocka_unit_test(test_death),
		cmocka_unit_test(test_lost),           cmocka_unit_test(test_driver_comes_and_goes),
		cmocka_unit_test(test_other_hangs),
	};

	return cmocka_run_group_tests_name("nvml", tests, load, NULL);
}
