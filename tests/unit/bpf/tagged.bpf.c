/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of label, value and bucket that an object can tell of itself. For test-describe. */
#include "kernel.h"

enum colour { COLOUR_RED = 1, COLOUR_DARK_BLUE = 7 };

/* No name that the running kernel has; with one that it has, the kernel's constants count. */
enum req_op { REQ_OP_STALE = 99 };

struct labels {
	u32 device PP_LABEL("disk|majorminor");
	u16 port_be PP_LABEL("port|be");
	u16 __pad;
	enum colour colour;
	s32 balance;
	u8 address[4];
	char comm[TASK_COMM_LEN];
	u8 raw[6];
	__be16 other;
	u32 operation PP_LABEL("|enum:req_op");
};

struct slots PP_SLOTS(28);

PP_MAP(labels_total, HASH, 64, struct labels, u64) PP_COUNTER("Everything, said in labels.");

struct with_bucket {
	u32 kind;
	u32 bucket;
};
PP_MAP(wait_seconds, PERCPU_HASH, 64, struct with_bucket, u64)
PP_HISTOGRAM("Waits.", "exp2 0..20 * 1e-6");

struct call_key {
	u64 syscall PP_LABEL("syscall|syscall");
};
PP_MAP(size_bytes, HASH, 64, struct call_key, struct slots)
PP_HISTOGRAM("Sizes.", "linear 0..27 * 512");

/* Two histograms in one entry; what has no tag is nobody's business. */
struct two {
	u64 other;
	struct slots in PP_HISTOGRAM("In.", "exp2 0..20 * 1e-6") PP_SCALE("1e-9");
	struct slots out PP_NAME("out_seconds") PP_HISTOGRAM("Out.", "exp2 0..27");
};
PP_MAP(both, HASH, 64, struct call_key, struct two);
PP_MAP(depth, ARRAY, 1, u32, s64)
PP_GAUGE("A number below zero.") PP_NAME("depth_meters") PP_SCALE("0.001");
PP_MAP(by_reason_total, HASH, 8, u32, u64) PP_COUNTER("By one number.") PP_TAG("label:reason|uint");
PP_MAP(internal, HASH, 8, u32, u64);
PP_MAP(events, PERF_EVENT_ARRAY, 0, u32, u32) PP_PERF("software:page-faults");

SEC("tp_btf/sys_enter")
int BPF_PROG(first, void *regs, long id)
{
	return 0;
}

SEC("fentry/do_exit")
PP_TAG("fallback:first")
int BPF_PROG(second, long code)
{
	return 0;
}

SEC("iter/bpf_map")
int refresh_each_cpu(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
