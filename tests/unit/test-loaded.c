/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "pinned.h"

#include <grp.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/caps.h"
#include "bpf/call.h"

enum { MANY = 10000 };

static struct pinned pinned;

#define DEMO "demo_" PINNED_HASH

static struct spec_map count_map = { STR("counts"), BPF_MAP_TYPE_HASH, 4, 8, MANY, 0 };

static struct spec demo_spec(void)
{
	return (struct spec){
		.object = STR("demo"),
		.file = STR("demo.bpf.o"),
		.hash = STR(PINNED_HASH),
		.kernel = STR("6.1"),
		.loaded_ns = 1000,
		.n_maps = 1,
		.maps = &count_map,
	};
}

/* The usual object: a hash map of one entry, 7 → 49. */
static void pin_demo(void)
{
	struct spec spec = demo_spec();
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_HASH, 4, 8, MANY);
	uint32_t key = 7;
	uint64_t value = 49;

	pinned_put(map, &key, &value);
	pinned_spec(&pinned, &spec);
	pinned_add(&pinned, DEMO, "map_counts", map);
}

/* What was read: of keys 0..n-1 how often each came, and the sum of all values. */
struct seen {
	uint32_t n, entries, strangers;
	uint8_t *times;
	uint64_t sum;
	size_t n_cpus;
};

static int see(void *arg, const void *key, const void *value, size_t n_cpus)
{
	struct seen *seen = arg;
	uint32_t k;

	memcpy(&k, key, sizeof(k));
	seen->entries++;
	if (k >= seen->n)
		seen->strangers++;
	else
		seen->times[k]++;
	for (size_t cpu = 0; cpu < n_cpus; cpu++) {
		uint64_t v;

		memcpy(&v, (const char *)value + 8 * cpu, sizeof(v));
		seen->sum += v;
	}
	seen->n_cpus = n_cpus;
	return 0;
}

typedef int reader_fn(int fd, const struct spec_map *map, struct buf *scratch,
		      int (*each)(void *, const void *, const void *, size_t), void *arg);

/* Keys 0..n-1, each value the key in each CPU's place: all of it must come, once. */
static void read_full(uint32_t type, uint32_t n, reader_fn *reader)
{
	bool per_cpu = type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
		       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	/* An LRU gives up entries well before it is full. */
	bool lru = type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	size_t cpus = per_cpu ? loaded_cpus() : 1;
	struct spec_map map = { STR("m"), type, 4, 8, lru ? 4 * n : n, 0 };
	_cleanup_fd_ int fd = pinned_map(type, 4, 8, map.max_entries);
	_cleanup_free_ uint64_t *value = calloc(cpus, sizeof(*value));
	struct seen seen = { .n = n, .times = calloc(n, 1) };
	_cleanup_buf_ struct buf scratch = { 0 };

	for (uint32_t key = 0; key < n; key++) {
		for (size_t cpu = 0; cpu < cpus; cpu++)
			value[cpu] = key;
		pinned_put(fd, &key, value);
	}
	assert_int_equal(reader(fd, &map, &scratch, see, &seen), 0);
	assert_int_equal(seen.entries, n);
	assert_int_equal(seen.strangers, 0);
	for (uint32_t key = 0; key < n; key++)
		assert_int_equal(seen.times[key], 1);
	assert_int_equal(seen.sum, (uint64_t)n * (n - 1) / 2 * cpus);
	assert_int_equal(seen.n_cpus, cpus);
	free(seen.times);
}

static const uint32_t kinds[] = {
	BPF_MAP_TYPE_HASH,         BPF_MAP_TYPE_ARRAY,    BPF_MAP_TYPE_PERCPU_HASH,
	BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH,
};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		read_full(kinds[i], MANY, loaded_each);
		read_full(kinds[i], 1, loaded_each);
		read_full(kinds[i], 1000, loaded_each_slowly);
		read_full(kinds[i], 1, loaded_each_slowly);
	}
}

static void test_empty(void **state)
{
	const struct spec_map map = { STR("m"), BPF_MAP_TYPE_HASH, 4, 8, MANY, 0 };
	_cleanup_fd_ int fd = pinned_map(BPF_MAP_TYPE_HASH, 4, 8, MANY);
	_cleanup_buf_ struct buf scratch = { 0 };
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(loaded_each(fd, &map, &scratch, see, &seen), 0);
	assert_int_equal(loaded_each_slowly(fd, &map, &scratch, see, &seen), 0);
	assert_int_equal(seen.entries, 0);
}

static int stop_at_once(void *arg, const void *key, const void *value, size_t n_cpus)
{
	(void)key;
	(void)value;
	(void)n_cpus;
	++*(int *)arg;
	return 42;
}

static void test_stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct spec_map map = { STR("m"), kinds[i], 4, 8, 100, 0 };
		_cleanup_fd_ int fd = pinned_map(kinds[i], 4, 8, 100);
		_cleanup_free_ uint64_t *value = calloc(loaded_cpus(), sizeof(*value));
		_cleanup_buf_ struct buf scratch = { 0 };
		int calls = 0;

		for (uint32_t key = 0; key < 50; key++)
			pinned_put(fd, &key, value);
		assert_int_equal(loaded_each(fd, &map, &scratch, stop_at_once, &calls), 42);
		assert_int_equal(calls, 1);
		assert_int_equal(loaded_each_slowly(fd, &map, &scratch, stop_at_once, &calls), 42);
		assert_int_equal(calls, 2);
	}
}

/* Odd sizes: neither keys nor values are aligned in a batch, and those of CPUs are padded. */
static int see_odd(void *arg, const void *key, const void *value, size_t n_cpus)
{
	const uint8_t *k = key, *v = value;
	uint32_t *sum = arg;

	assert_int_equal(k[0] ^ k[1], k[2]);
	for (size_t cpu = 0; cpu < n_cpus; cpu++)
		*sum += (uint32_t)(v[8 * cpu] + v[8 * cpu + 1] + v[8 * cpu + 2]);
	return 0;
}

static void test_odd_sizes(void **state)
{
	static const uint32_t types[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_HASH };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t cpus = i ? loaded_cpus() : 1;
		const struct spec_map map = { STR("m"), types[i], 3, 3, 1000, 0 };
		_cleanup_fd_ int fd = pinned_map(types[i], 3, 3, 1000);
		_cleanup_free_ uint8_t *value = calloc(cpus, 8);
		_cleanup_buf_ struct buf scratch = { 0 };
		uint32_t sum = 0;

		for (size_t cpu = 0; cpu < cpus; cpu++)
			memcpy(value + 8 * cpu, "\1\2\3", 3);
		for (int n = 0; n < 1000; n++) {
			const uint8_t key[3] = { (uint8_t)n, (uint8_t)(n >> 8),
						 (uint8_t)(n ^ n >> 8) };

			pinned_put(fd, key, value);
		}
		assert_int_equal(loaded_each(fd, &map, &scratch, see_odd, &sum), 0);
		assert_int_equal(sum, 6000 * cpus);
		sum = 0;
		assert_int_equal(loaded_each_slowly(fd, &map, &scratch, see_odd, &sum), 0);
		assert_int_equal(sum, 6000 * cpus);
	}
}

/* Somebody adds and removes entries from 1000 on, until `stop`. */
static void churn(int fd, const atomic_bool *stop)
{
	uint64_t value = 1;

	for (uint32_t n = 0; !atomic_load(stop); n++) {
		uint32_t in = 1000 + n % 500, out = 1000 + (n + 250) % 500;

		pinned_put(fd, &in, &value);
		pinned_remove(fd, &out);
	}
	_exit(0);
}

/* What stays must come once each time, whatever else comes and goes. */
static void test_changing(void **state)
{
	const struct spec_map map = { STR("m"), BPF_MAP_TYPE_HASH, 4, 8, 4096, 0 };
	_cleanup_fd_ int fd = pinned_map(BPF_MAP_TYPE_HASH, 4, 8, 4096);
	_cleanup_buf_ struct buf scratch = { 0 };
	atomic_bool *stop =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t times[1000];
	uint64_t value = 1;
	int status;
	pid_t pid;

	(void)state;
	for (uint32_t key = 0; key < 1000; key++)
		pinned_put(fd, &key, &value);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		churn(fd, stop);
	for (int round = 0; round < 200; round++) {
		struct seen seen = { .n = 1000, .times = times };
		reader_fn *reader = round % 4 ? loaded_each : loaded_each_slowly;

		memset(times, 0, sizeof(times));
		assert_int_equal(reader(fd, &map, &scratch, see, &seen), 0);
		for (uint32_t key = 0; key < 1000; key++)
			assert_int_equal(times[key], 1);
		assert_in_range(seen.strangers, 0, 500);
	}
	atomic_store(stop, true);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(munmap(stop, 4096), 0);
}

/* From a batch of one's own size on, memory is not asked for again. */
static void test_memory_stays(void **state)
{
	const struct spec_map map = { STR("m"), BPF_MAP_TYPE_HASH, 4, 8, MANY, 0 };
	_cleanup_fd_ int fd = pinned_map(BPF_MAP_TYPE_HASH, 4, 8, MANY);
	_cleanup_buf_ struct buf scratch = { 0 };
	uint8_t times[1];
	uint64_t value = 1;
	size_t cap;

	(void)state;
	for (uint32_t key = 0; key < MANY; key++)
		pinned_put(fd, &key, &value);
	for (int round = 0; round < 3; round++) {
		struct seen seen = { .n = 1, .times = times };

		assert_int_equal(loaded_each(fd, &map, &scratch, see, &seen), 0);
		assert_int_equal(seen.entries, MANY);
		if (round)
			assert_int_equal(scratch.cap, cap);
		cap = scratch.cap;
	}
}

static void test_open(void **state)
{
	_cleanup_buf_ struct buf scratch = { 0 };
	const struct loaded_object *object;
	struct loaded set;
	uint8_t times[8] = { 0 };
	struct seen seen = { .n = 8, .times = times };

	(void)state;
	pin_demo();
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), 0);
	assert_int_equal(set.n, 1);
	assert_text(set.why, "");
	object = loaded_find(&set, STR("demo"));
	assert_ptr_equal(object, &set.objects[0]);
	assert_null(loaded_find(&set, STR("other")));
	assert_int_equal(loaded_each(object->maps[0], &object->spec.maps[0], &scratch, see, &seen),
			 0);
	assert_int_equal(times[7], 1);
	assert_int_equal(seen.sum, 49);
	assert_int_equal(loaded_iterate(object, STR("p")), -ENOENT);
	assert_int_equal(loaded_refresh(object), 0);
	loaded_close(&set);
	loaded_close(&set);
	pinned_drop(&pinned, DEMO);
}

static void test_read_only(void **state)
{
	struct loaded set;
	uint32_t key = 7;
	uint64_t value = 1;

	(void)state;
	pin_demo();
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), 0);

	union bpf_attr attr = {
		.map_fd = (uint32_t)set.objects[0].maps[0],
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
	};

	assert_int_equal(bpf_call(BPF_MAP_UPDATE_ELEM, &attr), -EPERM);
	assert_int_equal(fcntl((int)attr.map_fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(set.objects[0].dir, F_GETFD), FD_CLOEXEC);
	loaded_close(&set);
	pinned_drop(&pinned, DEMO);
}

static void test_nothing(void **state)
{
	struct loaded set;

	(void)state;
	assert_int_equal(loaded_open("/nonexistent/pins", STR(""), &set), -ENOENT);
	assert_part(set.why, "no programs are loaded: peekpush bpf load, as root");
	loaded_close(&set);
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), -ENOENT);
	assert_part(set.why, "no programs are loaded");
	loaded_close(&set);
	assert_int_equal(loaded_open(pinned.path, STR("demo"), &set), -ENOENT);
	assert_text(set.why, "demo is not loaded");
	loaded_close(&set);
	assert_int_equal(loaded_open("/proc/version", STR(""), &set), -ENOENT);
	loaded_close(&set);
}

/* What a loader is just making, and what is none of its things. */
static void test_strangers(void **state)
{
	static const char *const names[] = { "new", "demo", "demo_0123", "_0123456789abcdef",
					     "demo_0123456789abcdeg" };
	struct loaded set;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		pinned_text(&pinned, names[i], STR("x"));
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), -ENOENT);
	loaded_close(&set);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		pinned_drop(&pinned, names[i]);
}

static void pin_other(const char *name, const char *hash, int64_t loaded_ns)
{
	struct spec spec = demo_spec();

	spec.object = str_of(name);
	spec.hash = str_of(hash);
	spec.loaded_ns = loaded_ns;
	spec.n_maps = 0;
	pinned_spec(&pinned, &spec);
}

static void test_several(void **state)
{
	struct loaded set;

	(void)state;
	pin_demo();
	pin_other("zeta", PINNED_HASH, 1);
	pin_other("alpha_two", PINNED_HASH, 1);
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), 0);
	assert_int_equal(set.n, 3);
	assert_text(set.objects[0].spec.object, "alpha_two");
	assert_text(set.objects[1].spec.object, "demo");
	assert_text(set.objects[2].spec.object, "zeta");
	loaded_close(&set);
	assert_int_equal(loaded_open(pinned.path, STR("zeta"), &set), 0);
	assert_int_equal(set.n, 1);
	loaded_close(&set);
	/* While it is being replaced there are two: the later one counts, wherever it stands. */
	pin_other("zeta", "ffffffffffffffff", 2);
	pin_other("alpha_two", "0000000000000000", 2);
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), 0);
	assert_int_equal(set.n, 3);
	assert_text(set.objects[0].spec.hash, "0000000000000000");
	assert_text(set.objects[2].spec.hash, "ffffffffffffffff");
	loaded_close(&set);
	pinned_drop(&pinned, DEMO);
	pinned_drop(&pinned, "zeta_" PINNED_HASH);
	pinned_drop(&pinned, "zeta_ffffffffffffffff");
	pinned_drop(&pinned, "alpha_two_" PINNED_HASH);
	pinned_drop(&pinned, "alpha_two_0000000000000000");
}

static void test_stale(void **state)
{
	struct loaded set;

	(void)state;
	pin_demo();
	assert_int_equal(loaded_open(pinned.path, STR("demo"), &set), 0);
	assert_int_equal(loaded_stale(pinned.path, &set), 0);
	pin_other("zeta", PINNED_HASH, 1);
	assert_int_equal(loaded_stale(pinned.path, &set), 1);
	pinned_drop(&pinned, "zeta_" PINNED_HASH);
	assert_int_equal(loaded_stale(pinned.path, &set), 0);
	/* The same name, made anew. */
	pinned_drop(&pinned, DEMO);
	assert_int_equal(loaded_stale(pinned.path, &set), 1);
	pin_demo();
	assert_int_equal(loaded_stale(pinned.path, &set), 1);
	assert_int_equal(loaded_stale("/nonexistent/pins", &set), -ENOENT);
	loaded_close(&set);
	pinned_drop(&pinned, DEMO);
}

/* Opens one object that is damaged beside one that is not. */
static void must_be_left_out(const char *name, const char *why)
{
	struct loaded set;

	assert_int_equal(loaded_open(pinned.path, STR("bad"), &set), -EBADMSG);
	assert_part(set.why, why);
	loaded_close(&set);
	pin_other("good", PINNED_HASH, 1);
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), 0);
	assert_int_equal(set.n, 1);
	assert_text(set.objects[0].spec.object, "good");
	assert_part(set.why, name);
	assert_part(set.why, why);
	loaded_close(&set);
	pinned_drop(&pinned, "good_" PINNED_HASH);
}

static void test_damaged(void **state)
{
	static const char name[] = "bad_" PINNED_HASH;
	struct spec spec = demo_spec();
	struct loaded set;
	_cleanup_buf_ struct buf text = { 0 };

	(void)state;
	pinned_text(&pinned, name, STR("Quite another text.\n"));
	must_be_left_out(name, "another version");
	pinned_drop(&pinned, name);

	spec_print(&spec, &text);
	pinned_text(&pinned, name, buf_view(&text));
	must_be_left_out(name, "another object");
	pinned_drop(&pinned, name);

	/* Cut off. */
	buf_reset(&text);
	spec.object = STR("bad");
	spec_print(&spec, &text);
	pinned_text(&pinned, name, (struct str){ text.p, text.n - 4 });
	must_be_left_out(name, "bad");
	pinned_drop(&pinned, name);

	/* Not an array of one text. */
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_HASH, 4, 64, 1);

	pinned_add(&pinned, name, "meta", map);
	must_be_left_out(name, "not an array of one text");
	pinned_drop(&pinned, name);

	/* No meta at all: who makes or removes it is at work. */
	pinned_add(&pinned, name, "map_counts", map);
	assert_int_equal(loaded_open(pinned.path, STR("bad"), &set), -ENOENT);
	loaded_close(&set);
	pinned_drop(&pinned, name);
}

/* A map that is missing, or is not what the text says, is an error of its own. */
static void test_damaged_map(void **state)
{
	struct spec_map maps[] = { count_map, count_map, count_map };
	struct spec spec = demo_spec();
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_HASH, 4, 8, MANY);
	_cleanup_fd_ int other = pinned_map(BPF_MAP_TYPE_HASH, 8, 8, 5);
	struct loaded set;

	(void)state;
	maps[1].name = STR("missing");
	maps[2].name = STR("other");
	spec.n_maps = 3;
	spec.maps = maps;
	pinned_spec(&pinned, &spec);
	pinned_add(&pinned, DEMO, "map_counts", map);
	pinned_add(&pinned, DEMO, "map_other", other);
	assert_int_equal(loaded_open(pinned.path, STR(""), &set), 0);
	assert_true(set.objects[0].maps[0] >= 0);
	assert_int_equal(set.objects[0].maps[1], -ENOENT);
	assert_int_equal(set.objects[0].maps[2], -EBADMSG);
	loaded_close(&set);
	pinned_drop(&pinned, DEMO);
}

/* What a reader with no capability at all sees; its findings come back as the exit status. */
static int read_as_nobody(void)
{
	struct loaded set;
	_cleanup_buf_ struct buf scratch = { 0 };
	uint8_t times[8] = { 0 };
	struct seen seen = { .n = 8, .times = times };
	int r;

	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
	    setresuid(65534, 65534, 65534) < 0)
		return 1;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (caps_effective())
		return 2;
	r = loaded_open(pinned.path, STR(""), &set);
	if (r == -EACCES)
		return memmem(set.why.p, set.why.n, "not for this user", 17) ? 77 : 3;
	if (r < 0)
		return 4;
	if (loaded_each(set.objects[0].maps[0], &set.objects[0].spec.maps[0], &scratch, see,
			&seen) < 0)
		return 5;
	loaded_close(&set);
	return times[7] == 1 && seen.sum == 49 ? 0 : 6;
}

static int as_nobody(void)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(read_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_unprivileged(void **state)
{
	char meta[128];

	(void)state;
	pin_demo();
	assert_int_equal(as_nobody(), 0);
	/* Only the pins are closed to it, then all of the directory. */
	(void)snprintf(meta, sizeof(meta), "%s/%s/meta", pinned.path, DEMO);
	assert_int_equal(chmod(meta, 0600), 0);
	assert_int_equal(as_nobody(), 77);
	assert_int_equal(chmod(pinned.path, 0700), 0);
	assert_int_equal(as_nobody(), 77);
	assert_int_equal(chmod(pinned.path, 0755), 0);
	pinned_drop(&pinned, DEMO);
}

/* Not a map's descriptor; and what cannot be read like this. */
static void test_wrong(void **state)
{
	struct spec_map map = { STR("m"), BPF_MAP_TYPE_HASH, 4, 8, 10, 0 };
	_cleanup_buf_ struct buf scratch = { 0 };
	_cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(loaded_each(-ENOENT, &map, &scratch, see, &seen), -ENOENT);
	assert_int_equal(loaded_each(null, &map, &scratch, see, &seen), -EINVAL);
	map.type = BPF_MAP_TYPE_RINGBUF;
	assert_int_equal(loaded_each(null, &map, &scratch, see, &seen), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),        cmocka_unit_test(test_empty),
		cmocka_unit_test(test_stop),         cmocka_unit_test(test_odd_sizes),
		cmocka_unit_test(test_changing),     cmocka_unit_test(test_memory_stays),
		cmocka_unit_test(test_open),         cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_nothing),      cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_several),      cmocka_unit_test(test_stale),
		cmocka_unit_test(test_damaged),      cmocka_unit_test(test_damaged_map),
		cmocka_unit_test(test_unprivileged), cmocka_unit_test(test_wrong),
	};
	int failed;

	if (!pinned_start(&pinned))
		return 0;
	failed = cmocka_run_group_tests_name("loaded", tests, NULL, NULL);
	pinned_stop(&pinned);
	return failed;
}
