/* SPDX-License-Identifier: Apache-2.0 */
#include "base/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

/* The system calls take each set in two halves. */
struct sets {
	struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3];
};

static struct __user_cap_header_struct header(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

static int get(struct sets *ret)
{
	struct __user_cap_header_struct head = header();

	return syscall(SYS_capget, &head, ret->half) < 0 ? -errno : 0;
}

/* The first namespace maps every user to itself; a new one maps none yet. */
static bool in_user_namespace(void)
{
	_cleanup_fd_ int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	char bytes[200];
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	struct str text = { bytes, n > 0 ? (size_t)n : 0 };
	uint64_t inside, outside, count;

	if (n < 0)
		return false;
	return !num_take_u64(&text, &inside) || !num_take_u64(&text, &outside) ||
	       !num_take_u64(&text, &count) || inside || outside || count != UINT32_MAX;
}

uint64_t caps_effective(void)
{
	struct sets sets;

	if (get(&sets) < 0 || in_user_namespace())
		return 0;
	return sets.half[0].effective | (uint64_t)sets.half[1].effective << 32;
}

bool caps_may_bpf(void)
{
	uint64_t caps = caps_effective();

	return caps & CAPS_BIT(CAP_SYS_ADMIN) || (caps & CAPS_BPF) == CAPS_BPF;
}

/* Before the permitted set is reduced: who lowers the bounding set must hold CAP_SETPCAP. */
static void drop_bounds(uint64_t caps)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (!(caps & CAPS_BIT(cap)) || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0)
			continue;
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
		(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, cap, 0, 0);
	}
}

int caps_drop(uint64_t caps)
{
	struct __user_cap_header_struct head = header();
	struct sets sets;
	int r = get(&sets);

	if (r < 0)
		return r;
	drop_bounds(caps);
	if (caps == CAPS_ALL && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	for (unsigned i = 0; i < ARRAY_SIZE(sets.half); i++) {
		uint32_t keep = ~(uint32_t)(caps >> (i * 32));

		sets.half[i].effective &= keep;
		sets.half[i].permitted &= keep;
		sets.half[i].inheritable &= keep;
	}
	return syscall(SYS_capset, &head, sets.half) < 0 ? -errno : 0;
}
