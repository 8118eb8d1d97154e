/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the loader where libbpf is not wanted. What others have loaded can be read all the
 * same. */
#include "bpf/load.h"

#include <errno.h>

static int none(struct str *ret_why)
{
	*ret_why = STR("peekpush was built without BPF");
	return -ENOSYS;
}

int bpf_load(const struct ebpf_conf *conf, struct arena *arena, struct load_report *ret,
	     struct str *ret_why)
{
	(void)conf;
	(void)arena;
	(void)ret;
	return none(ret_why);
}

int bpf_unload(const struct ebpf_conf *conf, struct arena *arena, size_t *ret_n,
	       struct str *ret_why)
{
	(void)conf;
	(void)arena;
	(void)ret_n;
	return none(ret_why);
}

int bpf_mount(const struct ebpf_conf *conf, struct arena *arena, struct str *ret_why)
{
	(void)conf;
	(void)arena;
	return none(ret_why);
}

int bpf_wanted(const struct ebpf_conf *conf, struct arena *arena, struct load_object **ret,
	       size_t *ret_n, struct str *ret_why)
{
	(void)conf;
	(void)arena;
	(void)ret;
	(void)ret_n;
	return none(ret_why);
}
