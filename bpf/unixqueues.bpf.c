/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues of listening UNIX sockets: how many connections wait when one more comes, and how long
 * each waits for accept(2). The names are those of ebpf_exporter's unix-socket-backlog and
 * unix-accept-latency; the label is the address itself, with @ for one without a file.
 */
#include "kernel.h"

#include <linux/ptrace.h>

enum { SLOTS = 11, BACKLOG_SLOTS = 18, SOCKETS = 512, WAITING = 16384, PATH = 108 };

struct address {
	char addr[PATH] PP_LABEL("|string");
};

struct accept_slots PP_SLOTS(SLOTS);
struct backlog_slots PP_SLOTS(BACKLOG_SLOTS);

/* Both in one entry, which is to be found only once. */
struct queue {
	struct accept_slots accept PP_NAME("unix_accept_latency_seconds")
		PP_HISTOGRAM("Time that connections of stream sockets waited to be accepted.",
			     "exp2 0..10 * 0.001") PP_SCALE("1e-9");
	struct backlog_slots backlog PP_NAME("unix_socket_backlog")
		PP_HISTOGRAM("Connections that waited to be accepted when one more came.",
			     "exp2zero 0..17");
};

struct sk_buff_head {
	u32 qlen;
} RELOCATED;

struct sock___unix {
	struct sk_buff_head sk_receive_queue;
} RELOCATED;

struct sockaddr_un {
	u16 sun_family;
	char sun_path[PATH];
} RELOCATED;

struct unix_address {
	int len; /* of the whole name */
	struct sockaddr_un name[];
} RELOCATED;

struct unix_sock {
	struct unix_address *addr;
} RELOCATED;

struct socket {
	struct sock *sk;
} RELOCATED;

PP_MAP_FLAGS(queues, PERCPU_HASH, SOCKETS, struct address, struct queue, BPF_F_NO_PREALLOC);

/* By address of the new socket. Those that end before they are accepted make room in time. */
PP_MAP(queued, LRU_HASH, WAITING, u64, u64);

/* The socket that a task is about to accept into, where only a kretprobe tells when it has. */
PP_MAP(accepting, LRU_HASH, WAITING, u64, u64);

static __always_inline struct queue *queue_of(const struct sock *listener)
{
	static const struct queue zero;
	const struct unix_sock *u = (const void *)listener;
	struct unix_address *a = BPF_CORE_READ(u, addr);
	struct address key = { 0 };
	u32 n;

	if (!a)
		return NULL;
	n = BPF_CORE_READ(a, len) - (u32)sizeof(u16);
	if (n > PATH)
		n = PATH;
	bpf_probe_read_kernel(key.addr, n, &a->name[0].sun_path);
	if (!key.addr[0])
		key.addr[0] = '@';
	return entry_of(&queues, &key, &zero);
}

static __always_inline int connect(const struct sock *listener, const struct sock *child)
{
	const struct sock___unix *l = (const void *)listener;
	u32 waiting = BPF_CORE_READ(l, sk_receive_queue.qlen);
	u32 slot = waiting ? log2_slot(waiting, BACKLOG_SLOTS - 1) + 1 : 0;
	u64 key = (u64)child, now = bpf_ktime_get_ns();
	struct queue *q = queue_of(listener);

	bpf_map_update_elem(&queued, &key, &now, BPF_ANY);
	if (!q || slot >= BACKLOG_SLOTS)
		return 0;
	__sync_fetch_and_add(&q->backlog.bucket[slot], 1);
	__sync_fetch_and_add(&q->backlog.sum, waiting);
	return 0;
}

/* In milliseconds: a connection that is accepted at once is not what this is about. */
static __always_inline int accept(const struct socket *accepted)
{
	const struct sock *child = BPF_CORE_READ(accepted, sk);
	u64 key = (u64)child, *since = child ? bpf_map_lookup_elem(&queued, &key) : NULL, ns;
	struct queue *q;

	if (!since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&queued, &key);
	/* It has the name of the one that listens. */
	q = queue_of(child);
	if (!q)
		return 0;
	__sync_fetch_and_add(&q->accept.bucket[log2_slot((ns + 999999) / 1000000, SLOTS)], 1);
	__sync_fetch_and_add(&q->accept.sum, ns);
	return 0;
}

SEC("fentry/security_unix_stream_connect")
int BPF_PROG(connect_stream, const struct sock *sk, const struct sock *other,
	     const struct sock *child)
{
	return connect(other, child);
}

SEC("kprobe/security_unix_stream_connect")
PP_TAG("fallback:connect_stream") int connect_probe(struct pt_regs *regs)
{
	return connect((const struct sock *)PT_REGS_PARM2(regs),
		       (const struct sock *)PT_REGS_PARM3(regs));
}

SEC("fexit/unix_accept")
int BPF_PROG(take, const struct socket *listener, const struct socket *accepted)
{
	return accept(accepted);
}

SEC("kprobe/unix_accept")
PP_TAG("fallback:take") int take_probe(struct pt_regs *regs)
{
	u64 task = bpf_get_current_pid_tgid(), accepted = PT_REGS_PARM2(regs);

	bpf_map_update_elem(&accepting, &task, &accepted, BPF_ANY);
	return 0;
}

SEC("kretprobe/unix_accept")
PP_TAG("fallback:take") int taken_probe(struct pt_regs *regs)
{
	u64 task = bpf_get_current_pid_tgid(), *accepted = bpf_map_lookup_elem(&accepting, &task);

	if (accepted && PT_REGS_RC(regs) == 0)
		accept((const struct socket *)*accepted);
	bpf_map_delete_elem(&accepting, &task);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
