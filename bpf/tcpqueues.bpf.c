/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues of listening TCP sockets: how many connections wait when one more comes, and how long each
 * waits for accept(2). The names are those of ebpf_exporter's accept-latency and tcp-syn-backlog,
 * which looks where fentry is not possible, and also when the queue is full.
 */
#include "kernel.h"

#include <linux/ptrace.h>

enum { SLOTS = 27, BACKLOG_SLOTS = 18, PORTS = 1024, WAITING = 65536 };

struct listening {
	u64 port;
};

struct slots PP_SLOTS(SLOTS);
struct backlog_slots PP_SLOTS(BACKLOG_SLOTS);

struct sock___listening {
	u32 sk_ack_backlog;
} RELOCATED;

PP_MAP_FLAGS(accept_latency_seconds, PERCPU_HASH, PORTS, struct listening, struct slots,
	     BPF_F_NO_PREALLOC)
	PP_HISTOGRAM("Time that established connections waited to be accepted, by local port.",
	     "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9");
PP_MAP(tcp_syn_backlog, PERCPU_ARRAY, 1, u32, struct backlog_slots)
	PP_HISTOGRAM("Connections that waited to be accepted when one more came.",
		     "exp2zero 0..17");

/* By address of the socket. Those that end before they are accepted make room in time. */
PP_MAP(queued, LRU_HASH, WAITING, u64, u64);

static __always_inline int backlog(const struct sock *sk)
{
	const struct sock___listening *l = (const void *)sk;
	u32 waiting = BPF_CORE_READ(l, sk_ack_backlog), zero = 0;
	struct backlog_slots *h = bpf_map_lookup_elem(&tcp_syn_backlog, &zero);
	u32 slot = waiting ? log2_slot(waiting, BACKLOG_SLOTS - 1) + 1 : 0;

	if (!h || slot >= BACKLOG_SLOTS)
		return 0;
	__sync_fetch_and_add(&h->bucket[slot], 1);
	__sync_fetch_and_add(&h->sum, waiting);
	return 0;
}

/* The listener does not count this one yet. */
static __always_inline int queue(const struct sock *listener, const struct sock *child)
{
	u64 key = (u64)child, now = bpf_ktime_get_ns();

	bpf_map_update_elem(&queued, &key, &now, BPF_ANY);
	return backlog(listener);
}

static __always_inline int accept(const struct sock *child)
{
	static const struct slots zero;
	u64 key = (u64)child, *since = child ? bpf_map_lookup_elem(&queued, &key) : NULL, ns;
	struct listening port = { 0 };
	struct slots *h;

	if (!since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&queued, &key);
	port.port = BPF_CORE_READ(child, __sk_common.skc_num);
	h = entry_of(&accept_latency_seconds, &port, &zero);
	if (!h)
		return 0;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(ns, SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, ns);
	return 0;
}

/* inet_csk_reqsk_queue_add() says more, but is part of this one in most kernels. */
SEC("fentry/inet_csk_complete_hashdance")
int BPF_PROG(add, const struct sock *sk, const struct sock *child, const void *request,
	     bool own_request)
{
	return own_request ? queue(sk, child) : 0;
}

SEC("kprobe/inet_csk_complete_hashdance")
PP_TAG("fallback:add") int add_probe(struct pt_regs *regs)
{
	return (bool)PT_REGS_PARM4(regs) ? queue((const struct sock *)PT_REGS_PARM1(regs),
						 (const struct sock *)PT_REGS_PARM2(regs))
					 : 0;
}

/* It had four arguments before Linux 6.10, and has two. */
SEC("fexit/inet_csk_accept")
int take(void *ctx)
{
	u64 child = 0;

	bpf_get_func_ret(ctx, &child);
	return accept((const struct sock *)child);
}

SEC("kretprobe/inet_csk_accept")
PP_TAG("fallback:take") int take_probe(struct pt_regs *regs)
{
	return accept((const struct sock *)PT_REGS_RC(regs));
}

char LICENSE[] SEC("license") = "GPL";
