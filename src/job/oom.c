/* SPDX-License-Identifier: Apache-2.0 */
#include "job/oom.h"

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "job/cgroup.h"

enum { TEXT_MAX = 1 << 20 };

bool oom_read(int dir, const char *file, struct arena *arena, uint64_t *ret)
{
	struct str text, line, key;

	if (file_read(dir, file, TEXT_MAX, arena, &text) < 0)
		return false;
	while (str_line(&text, &line))
		if (str_word(&line, &key) && str_eq(key, STR("oom_kill")) &&
		    num_take_u64(&line, ret))
			return true;
	return false;
}

bool oom_alone(int dir, pid_t self, struct arena *arena)
{
	struct pids pids = { 0 };
	struct str text, line;
	uint64_t pid;

	/* 0 stands for somebody of another pid namespace. */
	if (file_read(dir, "cgroup.procs", TEXT_MAX, arena, &text) < 0)
		return false;
	while (str_line(&text, &line))
		if (num_u64(line, &pid) < 0 || pid != (uint64_t)self)
			return false;
	cgroup_pids(dir, true, arena, &pids);
	return pids.n == 1 && pids.v[0] == self;
}

/* Where v1 has us; "/" in a container, whose part of the hierarchy is mounted as if it were all. */
static int open_v1(struct arena *arena)
{
	_cleanup_fd_ int root = file_open_dir(AT_FDCWD, "/sys/fs/cgroup/memory");
	struct str text, line, part, word;
	int dir = -1;

	if (root < 0 || file_read(AT_FDCWD, "/proc/self/cgroup", TEXT_MAX, arena, &text) < 0)
		return -1;
	while (dir < 0 && str_line(&text, &line)) {
		bool memory = false;

		if (!str_cut(&line, ':', &part) || !str_cut(&line, ':', &part))
			continue;
		while (str_cut(&part, ',', &word))
			memory |= str_eq(word, STR("memory"));
		if (memory && line.n > 1)
			dir = file_open_dir(root, arena_cstr(arena, str_skip(line, 1)));
	}
	return dir >= 0 ? dir : file_open_dir(root, ".");
}

static bool take(struct oom *oom, int dir, const char *file, pid_t self, struct arena *arena)
{
	if (dir >= 0 && oom_read(dir, file, arena, &oom->before) && oom_alone(dir, self, arena)) {
		oom->dir = dir;
		oom->file = file;
		return true;
	}
	cleanup_fd(&dir);
	return false;
}

void oom_open(struct oom *oom, pid_t self, int own, struct arena *arena)
{
	int dir = own >= 0 ? file_open_dir(own, ".") : cgroup_of(self, arena, NULL);

	*oom = (struct oom){ .dir = -1 };
	if (!take(oom, dir, "memory.events", self, arena))
		(void)take(oom, open_v1(arena), "memory.oom_control", self, arena);
}

bool oom_count(const struct oom *oom, struct arena *arena, uint64_t *ret)
{
	uint64_t now;

	if (oom->dir < 0 || !oom_read(oom->dir, oom->file, arena, &now))
		return false;
	*ret = now > oom->before ? now - oom->before : 0;
	return true;
}

void oom_close(struct oom *oom)
{
	cleanup_fd(&oom->dir);
	oom->dir = -1;
}
