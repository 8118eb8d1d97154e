/* SPDX-License-Identifier: Apache-2.0 */
/* In place of bpf.c where libbpf is not wanted. */
#include "host/bpf.h"

#include <errno.h>

int bpf_probe(struct arena *arena, struct bpf_feature **ret, size_t *ret_n, const char **ret_why)
{
	(void)arena;
	(void)ret;
	(void)ret_n;
	*ret_why = "peekpush was built without BPF";
	return -ENOSYS;
}
