/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running pinned iterators. To the reader one is a file, and to open it needs no more than the
 * file's permission; its program runs where it is read, so that who has moved to a CPU makes it
 * look at that CPU's counters.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "bpf/loaded.h"

/* CPUs that a mask has room for. */
enum { CPUS_MAX = 16384 };

struct cpus {
	unsigned long bits[CPUS_MAX / (8 * sizeof(unsigned long))];
};

int loaded_iterate(const struct loaded_object *object, struct str program)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const char *name = ARENA_CONCAT(&arena, STR("iter_"), program).p;
	int fd = openat(object->dir, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* One pass; what the program writes there is nothing to us. */
static int run_once(const struct loaded_object *object, struct str program)
{
	_cleanup_fd_ int fd = loaded_iterate(object, program);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = read(fd, text, sizeof(text));
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* "0-3,8" of /sys/devices/system/cpu; a CPU that has no room in the mask is left out. */
static int read_cpus(const char *path, struct cpus *ret, size_t *ret_n)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str text, range, low;
	size_t n = 0;
	int r = file_read(AT_FDCWD, path, 1 << 16, &arena, &text);

	if (r < 0)
		return r;
	text = str_trim(text);
	while (str_cut(&text, ',', &range)) {
		uint64_t from, to;

		if (!str_cut(&range, '-', &low) || num_u64(low, &from) < 0)
			return -EBADMSG;
		to = from;
		if ((range.n && num_u64(range, &to) < 0) || to < from || to > UINT32_MAX)
			return -EBADMSG;
		n += to - from + 1;
		for (; ret && from <= to && from < CPUS_MAX; from++)
			ret->bits[from / (8 * sizeof(long))] |= 1ul << from % (8 * sizeof(long));
	}
	*ret_n = n;
	return 0;
}

size_t loaded_cpus(void)
{
	size_t n;

	return read_cpus("/sys/devices/system/cpu/possible", NULL, &n) < 0 ? 0 : n;
}

static int move_to(const struct cpus *cpus)
{
	const void *mask = cpus;

	return sched_setaffinity(0, sizeof(*cpus), mask) < 0 ? -errno : 0;
}

static int run_on(const struct loaded_object *object, struct str program, size_t cpu)
{
	struct cpus one = { 0 };
	int r;

	one.bits[cpu / (8 * sizeof(long))] = 1ul << cpu % (8 * sizeof(long));
	r = move_to(&one);
	return r < 0 ? r : run_once(object, program);
}

/* Goes on where one CPU fails; the first failure is the result. */
static int run_everywhere(const struct loaded_object *object, struct str program)
{
	struct cpus online = { 0 }, before = { 0 };
	void *mask = &before;
	size_t n;
	int r, first = read_cpus("/sys/devices/system/cpu/online", &online, &n);

	if (first < 0)
		return first;
	if (sched_getaffinity(0, sizeof(before), mask) < 0)
		return -errno;
	for (size_t cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!(online.bits[cpu / (8 * sizeof(long))] >> cpu % (8 * sizeof(long)) & 1))
			continue;
		r = run_on(object, program, cpu);
		first = first ? first : r;
	}
	r = move_to(&before);
	return first ? first : r;
}

int loaded_refresh(const struct loaded_object *object)
{
	int r, first = 0;

	for (size_t i = 0; i < object->spec.n_programs; i++) {
		const struct spec_program *program = &object->spec.programs[i];

		if (program->refresh == REFRESH_NONE || !program->id)
			continue;
		r = program->refresh == REFRESH_ONCE ? run_once(object, program->name)
						     : run_everywhere(object, program->name);
		first = first ? first : r;
	}
	return first;
}
