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
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bpf/load.h"
#include "host/mounts.h"

/* What stands in the mount table in place of a device: by it we know ours. */
#define SOURCE "peekpush"
#define GROUP "peekpush"

static bool is_bpf(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

int bpf_mount(const struct ebpf_conf *conf, struct arena *arena, struct str *ret_why)
{
	const char *path = conf->pins.p;
	const struct group *group;
	int r;

	if (is_bpf(path))
		return 0;
	r = file_make_dirs(path, 0755);
	if (r == 0 && mount(SOURCE, path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0750") < 0)
		r = -errno;
	if (r < 0) {
		*ret_why = arena_printf(arena, "%s: no BPF file system can be mounted there: %s",
					path, strerror(-r));
		return r;
	}
	group = getgrnam(GROUP);
	if (group && chown(path, (uid_t)-1, group->gr_gid) < 0) {
		*ret_why = arena_printf(arena, "%s: %s", path, strerror(errno));
		return -errno;
	}
	return 0;
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
