/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF file system of our own: systemd keeps /sys/fs/bpf to root alone, and other programs pin
 * there, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
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
enum { MODE = 0750 };

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
	if (r == 0 && mount(SOURCE, path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0750") < 0)
		r = -errno;
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

/* Only what we mounted: one that the system or a person made stays. */
int bpf_unmount(const struct ebpf_conf *conf, struct arena *arena)
{
	struct mount *mounts;
	struct str text;
	size_t n, bad;
	int r = file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, arena, &text);

	if (r < 0)
		return r;
	mounts_parse(text, arena, &mounts, &n, &bad);
	for (size_t i = n; i > 0; i--) {
		const struct mount *m = &mounts[i - 1];

		if (!str_eq(m->point, conf->pins))
			continue;
		if (str_eq(m->type, STR("bpf")) && str_eq(m->device, STR(SOURCE)) &&
		    umount(conf->pins.p) < 0 && errno != EPERM)
			return -errno;
		break;
	}
	return 0;
}
