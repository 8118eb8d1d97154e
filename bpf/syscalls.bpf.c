/* SPDX-License-Identifier: Apache-2.0 */
/* System calls by name and their errors; the names of ebpf_exporter's syscalls example. */
#include "kernel.h"

struct call {
	u64 syscall PP_LABEL("syscall|syscall");
};

PP_MAP(syscalls_total, PERCPU_HASH, 1024, struct call, u64)
	PP_COUNTER("System calls entered, by name.");

SEC("tp_btf/sys_enter")
int BPF_PROG(enter, struct pt_regs *regs, long number)
{
	static const u64 zero;
	struct call key = { .syscall = number };
	u64 *n = entry_of(&syscalls_total, &key, &zero);

	if (n)
		(*n)++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
