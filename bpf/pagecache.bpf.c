/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens in the page cache: folios and pages added, dirtied, and looked up. The operations
 * page_add_lru and page_mark_dirties are those of ebpf_exporter's cachestat; lookups have
 * tracepoints that Linux 6.1 lacks, and 1 - page_add_lru / read is about the hit ratio of reads.
 */
#include "kernel.h"

enum { OP_ADD = 2, OP_DIRTY = 3, OP_READ = 4, OP_FAULT = 5, OP_MAP = 6, OPS = 7 };

#define BY_OPERATION                                                           \
	PP_LABEL("operation|map:0=cache_access,1=cache_writes,2=page_add_lru," \
		 "3=page_mark_dirties,4=read,5=fault,6=map_around")

enum pageflags { PG_head };

struct address_space;

struct folio {
	struct {
		unsigned long f;
	} flags;
	unsigned long _flags_1;
	unsigned int _nr_pages;
} RELOCATED;

/* Before 6.18 */
struct folio___flags {
	unsigned long flags;
} RELOCATED;

/* Before 6.15 */
struct folio___nr_pages {
	unsigned int _folio_nr_pages;
} RELOCATED;

/* A read that is larger than a batch of folios asks for the rest of its range again and again. */
struct reading {
	struct address_space *mapping;
	u64 first, last;
};

struct {
	int(*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	struct reading *value;
} readings SEC(".maps");

PP_MAP(page_cache_ops_total, PERCPU_ARRAY, OPS, u32, u64)
	PP_COUNTER("Operations of the page cache on folios.") BY_OPERATION PP_SKIP_ZERO;
PP_MAP(page_cache_pages_total, PERCPU_ARRAY, OPS, u32, u64)
	PP_COUNTER("Pages that operations of the page cache were about.")
	BY_OPERATION PP_SKIP_ZERO;

static __always_inline void add(void *map, u32 op, u64 count)
{
	u64 *n = bpf_map_lookup_elem(map, &op);

	if (n)
		*n += count;
}

static __always_inline int count(u32 op, u64 pages)
{
	add(&page_cache_ops_total, op, 1);
	add(&page_cache_pages_total, op, pages);
	return 0;
}

static __always_inline u64 pages_of(struct folio *folio)
{
	struct folio___flags *plain = (void *)folio;
	struct folio___nr_pages *old = (void *)folio;
	u64 flags = bpf_core_field_exists(folio->flags.f) ? BPF_CORE_READ(folio, flags.f)
							  : BPF_CORE_READ(plain, flags);

	if (!(flags >> bpf_core_enum_value(enum pageflags, PG_head) & 1))
		return 1;
	if (bpf_core_field_exists(folio->_nr_pages))
		return BPF_CORE_READ(folio, _nr_pages);
	if (bpf_core_field_exists(old->_folio_nr_pages))
		return BPF_CORE_READ(old, _folio_nr_pages);
	/* Without room for the number: the order, in the lowest byte since 6.6. */
	return 1ULL << (BPF_CORE_READ(folio, _flags_1) & 0xff);
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(insert, struct folio *folio)
{
	return count(OP_ADD, pages_of(folio));
}

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(dirty, struct folio *folio, struct address_space *mapping)
{
	return count(OP_DIRTY, pages_of(folio));
}

SEC("tp_btf/mm_filemap_get_pages")
int BPF_PROG(read, struct address_space *mapping, unsigned long first, unsigned long last)
{
	struct reading *r = bpf_task_storage_get(&readings, bpf_get_current_task_btf(), NULL,
						 BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!r) {
		lost();
		return 0;
	}
	if (r->mapping != mapping || r->last != last || first <= r->first)
		count(OP_READ, last - first + 1);
	r->mapping = mapping;
	r->first = first;
	r->last = last;
	return 0;
}

SEC("tp_btf/mm_filemap_fault")
int BPF_PROG(fault, struct address_space *mapping, unsigned long index)
{
	return count(OP_FAULT, 1);
}

SEC("tp_btf/mm_filemap_map_pages")
int BPF_PROG(map_around, struct address_space *mapping, unsigned long first, unsigned long last)
{
	return count(OP_MAP, last - first + 1);
}

char LICENSE[] SEC("license") = "GPL";
