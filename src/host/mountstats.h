/* SPDX-License-Identifier: Apache-2.0 */
/* NFS mounts with their statistics, from mountstats, and the server's address, from mountinfo. */
#pragma once

#include "base/arena.h"

enum { NFS_BYTES = 8, NFS_EVENTS = 27, NFS_TRANSPORT = 13, NFS_OPERATION = 8, NFS_COLUMNS = 32 };

/* Numbers in the kernel's order; what an old kernel does not tell is not counted in n. */
struct nfs_numbers {
	struct str name; /* of a transport its protocol, of an operation its name */
	size_t n;
	uint64_t v[NFS_COLUMNS];
};

struct nfs_mount {
	struct str export, point, address;
	struct nfs_numbers age, bytes, events;
	struct nfs_numbers *transports, *operations;
	size_t n_transports, n_operations;
	bool short_line; /* something was left out for having too few numbers */
};

/* The mounts, in the order of the two texts, which both have them in the same. */
void mountstats_parse(struct str stats, struct str info, struct arena *arena,
		      struct nfs_mount **ret_mounts, size_t *ret_n);
