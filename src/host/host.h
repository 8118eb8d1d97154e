/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host as a set of four trees: where they stand, and reading from them. Everything that
 * reads /proc or /sys goes through here, so that the whole program runs on another tree
 * (a container's /host/proc, a fixture) and a resident agent keeps its fixed files open: a
 * pread of an open /proc file costs a third of open, read and close.
 */
#pragma once

#include "base/arena.h"

struct netlink;

enum host_root { HOST_PROC, HOST_SYS, HOST_ROOT, HOST_UDEV, HOST_ROOTS };

struct host_paths {
	const char *path[HOST_ROOTS]; /* NULL or "": the kernel's own */
};

enum { HOST_KEPT_MAX = 256 };

struct host_kept {
	const char *path;
	enum host_root root;
	int fd;
	size_t size; /* of the last read, as a hint for the next */
};

struct host_once;
struct host_shared;

struct host {
	int dir[HOST_ROOTS];    /* fd, or -errno when the tree cannot be opened */
	bool given[HOST_ROOTS]; /* another tree than the one that system calls of ours speak of */
	int net;             /* 1/net of another /proc, whose own net is the reader's; or -errno */
	bool same_kernel;    /* the running kernel's /proc, wherever it is mounted */
	bool keep;           /* resident: keep fixed files open */
	bool ending;         /* this is the last cycle: what takes time is not begun any more */
	int64_t interval_ns; /* between two cycles, of whichever process */
	struct host_kept *kept; /* HOST_KEPT_MAX slots, hashed by path */
	size_t n_kept;
	size_t spare_fds;           /* of the process's limit, for attribute files that stay open */
	uint64_t cycle;             /* counts samplings; what is read once for all looks at it */
	struct netlink *netlink;    /* opened by who asks first */
	struct host_once *once;     /* files that were read for all */
	struct host_shared *shared; /* blocks of host_shared() */
	const char *pins;           /* where BPF programs are pinned, or NULL: nowhere */
};

/* Opens the roots. Missing ones are remembered as errors, not returned. */
void host_open(struct host *host, const struct host_paths *paths, bool keep);
void host_close(struct host *host);

/*
 * Reads a fixed file, e.g. (HOST_PROC, "net/dev"), NUL-ended, into the arena. `path` must be a
 * literal: in an agent the files of /proc and /sys stay open and are found again by it; one that
 * is renamed over or deleted meanwhile goes on being read (the kernel's never are). 0 or -errno.
 */
int host_read(struct host *host, enum host_root root, const char *path, struct arena *arena,
	      struct str *ret);

/*
 * host_read() of a file that more than one reader wants: in each cycle it is read for the first
 * one, and all see the same. The text stays until the next cycle.
 */
int host_read_once(struct host *host, enum host_root root, const char *path, struct str *ret);

/*
 * A block for what is read once in a cycle and shared by all who want it: zeroed when `key` asks
 * first (the address of something of its owner's), the same later; `release` is called for it by
 * host_close(). Whether it is of this cycle its owner sees by host->cycle.
 */
void *host_shared(struct host *host, const void *key, size_t size, void (*release)(void *block));

/* Opens a directory below a root; the fd is the caller's. Returns it or -errno. */
int host_open_dir(const struct host *host, enum host_root root, const char *path);

/*
 * Names in a directory, sorted (digits by value, so cpu2 comes before cpu10), without "." and
 * "..". The array and the NUL-ended names live in the arena.
 */
int host_list(const struct host *host, enum host_root root, const char *path, struct arena *arena,
	      struct str **ret_names, size_t *ret_n);
int host_list_dir(int dir, struct arena *arena, struct str **ret_names, size_t *ret_n);

/*
 * One attribute file (sysfs style) relative to a directory fd, blanks trimmed, NUL-ended.
 * -ENOENT and the errors of drivers (-EIO, -ENODATA, -EAGAIN...) come back as they are.
 */
int host_attr(int dir, const char *name, struct arena *arena, struct str *ret);
int host_attr_u64(int dir, const char *name, uint64_t *ret);
int host_attr_i64(int dir, const char *name, int64_t *ret);

/* The target of a symbolic link relative to a directory fd. */
int host_link(int dir, const char *name, struct arena *arena, struct str *ret);

/* True when syscalls speak of the same host as this root: it is ours, or in a container the host's.
 */
static inline bool host_is_live(const struct host *host, enum host_root root)
{
	return !host->given[root];
}
