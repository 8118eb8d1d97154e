/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/builtin.h"

/* NAME, on by default, hidden, what it measures, what it costs. */
#define BUILTIN_PROGRAMS(X)                                                                        \
	X(biolatency, true, false, "latency of block devices, and the wait before them",           \
	  "+400 ns a request")                                                                     \
	X(cachestat, false, false, "accesses to the page cache", "+80 ns an access")               \
	X(cgroup, false, false, "moves of tasks between CPUs, by cgroup", "+200 ns a move")        \
	X(cgroupcpu, false, false, "CPU time by cgroup", "+200 ns a context switch")               \
	X(drops, false, false, "packets dropped by the kernel, by protocol and reason",            \
	  "+300 ns a dropped packet")                                                              \
	X(exits, true, false, "starts and ends of processes, how they end and how long they live", \
	  "+800 ns a process")                                                                     \
	X(ext4, false, false, "latency of operations on files of ext4", "+500 ns an operation")    \
	X(hardirqs, false, false, "run time of hardware interrupt handlers",                       \
	  "+400 ns an interrupt")                                                                  \
	X(llc, true, false, "references and misses of the last level cache",                       \
	  "nothing but its reading")                                                               \
	X(oomkill, true, false, "processes killed for want of memory", "+1 us a kill")             \
	X(pagecache, false, false, "pages added to, dirtied in and read from the page cache",      \
	  "+60 ns a read, +100 ns a page added or dirtied")                                        \
	X(processcpu, false, false, "CPU time by process name and user",                           \
	  "+300 ns a context switch")                                                              \
	X(processes, true, true, "every process, alive or dead, for the collector process",        \
	  "+1 us an end of a process")                                                             \
	X(reclaim, false, false, "tasks held up by reclaim of memory and compaction",              \
	  "+1 us a stall")                                                                         \
	X(rstat, false, false, "the lock of cgroup statistics", "+400 ns a lock")                  \
	X(runqlat, true, false, "wait of tasks for a CPU", "+150 ns a context switch")             \
	X(shrinklat, false, false, "time of making room in a memory node", "+500 ns a call")       \
	X(softirqs, false, false, "software interrupts: number, delay and run time",               \
	  "+450 ns a software interrupt")                                                          \
	X(syscalls, true, false, "system calls by name, and their errors",                         \
	  "+170 ns a system call")                                                                 \
	X(tcp, false, false, "TCP retransmits, resets, failed and slow connects",                  \
	  "+2 us a connection")                                                                    \
	X(tcpqueues, false, false, "queues of listening TCP sockets", "+1 us a connection")        \
	X(tcprtt, false, false, "TCP round trip times", "+200 ns a packet received")               \
	X(throttling, false, false, "how long cgroups wait for their CPU quota",                   \
	  "+500 ns a wait and CPU")                                                                \
	X(timers, false, false, "kernel timers by function", "+200 ns a timer")                    \
	X(udpdrops, false, false, "datagrams dropped for want of room in their socket",            \
	  "+200 ns a dropped datagram")                                                            \
	X(unixqueues, false, false, "queues of listening UNIX sockets", "+1 us a connection")      \
	X(workqueue, false, false, "delay and run time of kernel work", "+1 us a work item")       \
	X(xfs, false, false, "latency of operations on files of XFS", "+500 ns an operation")

/* The assembler takes the object in; -I tells where it was built. */
#define INCLUDE(name, on, hidden, help, cost)                                \
	__asm__(".pushsection .rodata\n"                                     \
		".balign 16\n"                                               \
		"builtin_" #name "_begin: .incbin \"bpf/" #name ".bpf.o\"\n" \
		"builtin_" #name "_end:\n"                                   \
		".popsection\n");                                            \
	extern const unsigned char builtin_##name##_begin[], builtin_##name##_end[];
BUILTIN_PROGRAMS(INCLUDE)

#define ROW(name, on, hidden, help, cost) \
	{ #name, help, cost, on, hidden, builtin_##name##_begin, builtin_##name##_end },
static const struct builtin programs[] = { BUILTIN_PROGRAMS(ROW){ 0 } };

const struct builtin *const builtin_programs = programs;
