/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of control groups: which controllers there are, and CPU times. v1 tells user and system
 * time in hundredths of a second whatever the kernel's tick is (USER_HZ), but scaled so that both
 * make up cpuacct.usage.
 */
#include "host/cgroups_internal.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { NS_PER_US = 1000, NS_PER_TICK = 10000000, CPUS_MAX = 8192 };

int cgroup_read_file(int dir, const char *name, char *buffer, size_t size, struct str *ret)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;

	ssize_t n = read(fd, buffer, size);

	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -EFBIG;
	*ret = (struct str){ buffer, (size_t)n };
	return 0;
}

uint32_t cgroup_parse_controllers(struct str text)
{
	static const struct str names[CGROUP_TREES] = {
		[CGROUP_CPU] = STR("cpu"),       [CGROUP_CPUSET] = STR("cpuset"),
		[CGROUP_MEMORY] = STR("memory"), [CGROUP_BLKIO] = STR("io"),
		[CGROUP_PIDS] = STR("pids"),     [CGROUP_HUGETLB] = STR("hugetlb"),
	};
	uint32_t found = 0;
	struct str word;

	while (str_word(&text, &word))
		for (size_t i = 0; i < CGROUP_TREES; i++)
			if (str_eq(word, names[i]))
				found |= 1u << i;
	return found;
}

struct time_row {
	struct str key;
	uint64_t *to;
};

/* "KEY NUMBER" lines: all of the rows, in nanoseconds. */
static bool parse_times(struct str text, const struct time_row *rows, size_t n, uint64_t unit)
{
	struct str line, key;
	size_t found = 0;

	while (found < n && str_line(&text, &line)) {
		uint64_t value;

		if (!str_word(&line, &key))
			continue;
		for (size_t i = 0; i < n; i++) {
			if (!str_eq(key, rows[i].key))
				continue;
			if (!num_take_u64(&line, &value) ||
			    __builtin_mul_overflow(value, unit, rows[i].to))
				return false;
			found++;
		}
	}
	return found == n;
}

bool cgroup_parse_cpu_stat(struct str text, struct cgroup *cgroup)
{
	uint64_t usage, user, system;
	const struct time_row rows[] = {
		{ STR("usage_usec"), &usage },
		{ STR("user_usec"), &user },
		{ STR("system_usec"), &system },
	};

	if (!parse_times(text, rows, ARRAY_SIZE(rows), NS_PER_US))
		return false;
	cgroup->usage_ns = usage;
	cgroup->user_ns = user;
	cgroup->system_ns = system;
	return true;
}

bool cgroup_parse_cpuacct_stat(struct str text, struct cgroup *cgroup)
{
	uint64_t user, system;
	const struct time_row rows[] = {
		{ STR("user"), &user },
		{ STR("system"), &system },
	};

	if (!parse_times(text, rows, ARRAY_SIZE(rows), NS_PER_TICK))
		return false;
	cgroup->user_ns = user;
	cgroup->system_ns = system;
	return true;
}

size_t cgroup_parse_percpu(struct str text, uint64_t *to, size_t max)
{
	size_t n = 0;

	text = str_trim(text);
	while (text.n) {
		if (n == max || !num_take_u64(&text, &to[n]))
			return 0;
		n++;
	}
	return n;
}

int cgroup_read_cpu_v2(int dir, char *buffer, size_t size, struct cgroup *cgroup)
{
	struct str text;
	int r = cgroup_read_file(dir, "cpu.stat", buffer, size, &text);

	if (r < 0)
		return r;
	cgroup->has_cpu = cgroup_parse_cpu_stat(text, cgroup);
	return 0;
}

static int read_percpu(int dir, char *buffer, size_t size, struct arena *arena, size_t *cpus,
		       struct cgroup *cgroup)
{
	size_t max = *cpus ? *cpus : CPUS_MAX, n;
	struct str text;
	int r = cgroup_read_file(dir, "cpuacct.usage_percpu", buffer, size, &text);
	uint64_t *v;

	if (r < 0)
		return r;
	v = arena_alloc(arena, max * sizeof(*v));
	n = cgroup_parse_percpu(text, v, max);
	if (n && !*cpus)
		*cpus = n;
	if (n && n == *cpus)
		cgroup->percpu_ns = v;
	(void)arena_resize(arena, v, max * sizeof(*v), n * sizeof(*v));
	return 0;
}

int cgroup_read_cpuacct(int dir, char *buffer, size_t size, struct arena *arena, size_t *cpus,
			struct cgroup *cgroup)
{
	struct str text;
	uint64_t usage;
	int r = cgroup_read_file(dir, "cpuacct.usage", buffer, size, &text);

	if (r < 0)
		return r;
	if (num_u64(str_trim(text), &usage) < 0)
		return -EBADMSG;
	r = cgroup_read_file(dir, "cpuacct.stat", buffer, size, &text);
	if (r < 0)
		return r;
	if (!cgroup_parse_cpuacct_stat(text, cgroup))
		return -EBADMSG;
	cgroup->usage_ns = usage;
	cgroup->has_cpu = true;
	r = read_percpu(dir, buffer, size, arena, cpus, cgroup);
	return r == -ENODEV ? r : 0;
}
