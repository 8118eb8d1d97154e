/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that processes are sent, by name and by who gets them: a service that is killed again and
 * again, or that ends by its own fault, shows here before anybody reads its log. An object that
 * describes itself: nothing but the file is needed.
 */
#include <kernel.h>

struct kernel_siginfo;

struct signal_key {
	u32 signal PP_LABEL("signal|map?:1=SIGHUP,2=SIGINT,3=SIGQUIT,4=SIGILL,6=SIGABRT,7=SIGBUS,"
			    "8=SIGFPE,9=SIGKILL,10=SIGUSR1,11=SIGSEGV,12=SIGUSR2,13=SIGPIPE,"
			    "14=SIGALRM,15=SIGTERM,17=SIGCHLD,18=SIGCONT,19=SIGSTOP");
	char comm[TASK_COMM_LEN];
};

/* 8192 pairs of signal and name; what finds no room is counted, in peekpush_bpf_lost_total. */
PP_MAP_FLAGS(signals_total, HASH, 8192, struct signal_key, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("Signals that processes were sent, by the name of the process that got them.");

SEC("tp_btf/signal_generate")
int BPF_PROG(generate, int signal, struct kernel_siginfo *info, struct task_struct *task,
	     int group, int result)
{
	static const u64 zero;
	/* Zeroed as a whole: a key is compared byte by byte. */
	struct signal_key key = { .signal = signal };
	u64 *n;

	BPF_CORE_READ_INTO(&key.comm, task, group_leader, comm);
	n = entry_of(&signals_total, &key, &zero);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
