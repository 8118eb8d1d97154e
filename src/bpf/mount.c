/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF file system of our own: systemd keeps /sys/fs/bpf to root alone, and other programs pin
 * there, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bpf/load.h"
#include "host/mounts.h"

/* What stands in the mount table in place of a device: by it we know ours. */
#define SOURCE "peekpush"
#define GROUP "peekpush"
enum { MODE = 0750, WAITS = 100, WAIT_MS = 20 };

static bool is_bpf(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

/* 0, or -errno: those who may read the pins. */
static int give_to_group(const char *path)
{
	const struct group *group = getgrnam(GROUP);

	return group && chown(path, (uid_t)-1, group->gr_gid) < 0 ? -errno : 0;
}

/* Mounted for us by our unit, which cannot name the group; the kernel takes numbers only. */
static bool is_fresh(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_gid == 0 && (st.st_mode & 0777) == MODE;
}

/*
 * Of two loaders at once only one is to mount, or the other's would hide what the first one loaded.
 * The lock is that of the directory below, which anybody may take: it is not waited for for long.
 */
static int mount_once(const char *path)
{
	_cleanup_fd_ int below = file_open_dir(AT_FDCWD, path);
	int r;

	if (below < 0)
		return below;
	for (int i = 0; i < WAITS && flock(below, LOCK_EX | LOCK_NB) < 0; i++)
		(void)poll(NULL, 0, WAIT_MS);
	if (is_bpf(path))
		return 0;
	r = mount(SOURCE, path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0750");
	return r < 0 ? -errno : 0;
}

int bpf_mount(const struct ebpf_conf *conf, struct arena *arena, struct str *ret_why)
{
	const char *path = conf->pins.p;
	int r;

	if (is_bpf(path)) {
		if (is_fresh(path))
			(void)give_to_group(path);
		return 0;
	}
	r = file_make_dirs(path, 0755);
	if (r == 0)
		r = mount_once(path);
	if (r < 0) {
		*ret_why = arena_printf(arena, "%s: no BPF file system can be mounted there: %s",
					path, strerror(-r));
		return r;
	}
	r = give_to_group(path);
	if (r < 0)
		*ret_why = arena_printf(arena, "%s: %s", path, strerror(-r));
	return r;
}

/*
 * Only what we mounted: one that the system or a person made stays. An agent may have directories
 * in it open until its next cycle, so it is taken off and goes when they do.
 */
int bpf_unmount(const struct ebpf_conf *conf, struct arena *arena)
{
	char path[PATH_MAX];
	struct mount *mounts;
	struct str text;
	size_t n, bad;
	int r = file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, arena, &text);

	if (r < 0)
		return r;
	/* The table has no links, no relative names, and no slash at the end. */
	if (!realpath(conf->pins.p, path))
		return errno == ENOENT ? 0 : -errno;
	mounts_parse(text, arena, &mounts, &n, &bad);
	for (size_t i = n; i > 0; i--) {
		const struct mount *m = &mounts[i - 1];

		if (!str_eq(m->point, str_of(path)))
			continue;
		if (str_eq(m->type, STR("bpf")) && str_eq(m->device, STR(SOURCE)) &&
		    umount2(path, MNT_DETACH) < 0 && errno != EPERM)
			return -errno;
		break;
	}
	return 0;
}
