/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to the page cache: with page_add_lru and page_mark_dirties of pagecache, what
 * ebpf_exporter's cachestat counts. A hit is an access that adds no page.
 */
#include "kernel.h"

#include <linux/ptrace.h>

enum { OP_ACCESS, OP_WRITE, OPS };

PP_MAP(page_cache_ops_total, PERCPU_ARRAY, OPS, u32, u64)
	PP_COUNTER("Operations of the page cache on folios.")
	PP_LABEL("operation|map:0=cache_access,1=cache_writes");

static __always_inline int count(u32 op)
{
	u64 *n = bpf_map_lookup_elem(&page_cache_ops_total, &op);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

/* mark_page_accessed() was all there is before 5.16. */
SEC("fentry/folio_mark_accessed")
int access(void *ctx)
{
	return count(OP_ACCESS);
}

SEC("kprobe/folio_mark_accessed")
PP_TAG("fallback:access") int access_probe(struct pt_regs *regs)
{
	return count(OP_ACCESS);
}

SEC("fentry/mark_buffer_dirty")
int write(void *ctx)
{
	return count(OP_WRITE);
}

SEC("kprobe/mark_buffer_dirty")
PP_TAG("fallback:write") int write_probe(struct pt_regs *regs)
{
	return count(OP_WRITE);
}

char LICENSE[] SEC("license") = "GPL";
