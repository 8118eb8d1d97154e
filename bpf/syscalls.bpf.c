/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by name and their errors; the names of ebpf_exporter's syscalls example. Calls are
 * counted where they begin: exit_group, rt_sigreturn and half of what clone and execve do never
 * come to the end.
 */
#include "kernel.h"

enum {
	CALLS = 512, /* more than any architecture of 64 bits has numbers for */
	CALL_COMPAT = 510,
	CALL_UNKNOWN = 511,
	ERRORS = 544, /* to ERECALLCONFLICT; 512 to 516 are calls that a signal interrupted */
	TS_COMPAT = 2,
	TIF_32BIT_ARM64 = 22,
};

struct thread_info {
	unsigned long flags;
	u32 status;
} RELOCATED;

struct task_struct___thread {
	struct thread_info thread_info;
} RELOCATED;

/* Where the architecture's own struct has them. */
struct pt_regs___x86 {
	unsigned long cx, ip, orig_ax;
} RELOCATED;

struct pt_regs___arm64 {
	int syscallno;
} RELOCATED;

PP_MAP(syscalls_total, PERCPU_ARRAY, CALLS, u32, u64)
	PP_COUNTER("System calls begun, by name; those of 32-bit programs together as compat.")
	PP_LABEL("syscall|map?:510=compat,511=unknown|syscall") PP_SKIP_ZERO;

PP_MAP(syscall_errors_total, PERCPU_ARRAY, ERRORS, u32, u64)
	PP_COUNTER("System calls that ended with an error, by its name.")
	PP_LABEL("errno|errno") PP_SKIP_ZERO;

/* Whether numbers mean other calls for this one: a 64-bit process may make 32-bit calls, too. */
static __always_inline bool is_compat(struct pt_regs *regs)
{
	struct task_struct___thread *task;

#if defined(__TARGET_ARCH_x86)
	struct pt_regs___x86 *x86 = (void *)regs;

	/* The SYSCALL instruction of 64-bit code left this; int 0x80 and SYSENTER do not. */
	if (x86->cx == x86->ip)
		return false;
	task = (void *)bpf_get_current_task_btf();
	if (bpf_core_field_exists(task->thread_info.status))
		return task->thread_info.status & TS_COMPAT;
#elif defined(__TARGET_ARCH_arm64)
	task = (void *)bpf_get_current_task_btf();
	if (bpf_core_field_exists(task->thread_info.flags))
		return task->thread_info.flags >> TIF_32BIT_ARM64 & 1;
#endif
	return false;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(enter, struct pt_regs *regs, long number)
{
	u32 slot = is_compat(regs)                       ? CALL_COMPAT
		   : number >= 0 && number < CALL_COMPAT ? number
							 : CALL_UNKNOWN;
	u64 *n = bpf_map_lookup_elem(&syscalls_total, &slot);

	if (n)
		(*n)++;
	return 0;
}

/* rt_sigreturn ends with what the interrupted code had in its register. */
static __always_inline bool is_sigreturn(struct pt_regs *regs)
{
	struct pt_regs___x86 *x86 = (void *)regs;
	struct pt_regs___arm64 *arm64 = (void *)regs;

	if (bpf_core_field_exists(x86->orig_ax))
		return (long)x86->orig_ax == -1;
	if (bpf_core_field_exists(arm64->syscallno))
		return arm64->syscallno == -1;
	return false;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(leave, struct pt_regs *regs, long result)
{
	u32 slot = -result;
	u64 *n;

	if (result >= 0 || result <= -ERRORS || is_sigreturn(regs))
		return 0;
	n = bpf_map_lookup_elem(&syscall_errors_total, &slot);
	if (n)
		(*n)++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
