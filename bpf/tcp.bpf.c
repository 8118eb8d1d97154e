/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP's troubles: segments sent again, resets, connections that failed, and how long it took to
 * establish those that did not. Without addresses, of which there is no end.
 */
#include "kernel.h"

enum { SLOTS = 27, TCP = 6 /* IPPROTO_TCP */ };
enum { ESTABLISHED = 1, SYN_SENT = 2, CLOSE = 7, NEW_SYN_RECV = 12 };
enum { ETHER_IPV4 = 0x0800, ETHER_IPV6 = 0x86dd, INET = 2, INET6 = 10 };

#define FAMILY PP_LABEL("family|map:0=unknown,2=ipv4,10=ipv6")
#define STATE                                                                         \
	PP_LABEL("state|map:0=none,1=established,2=syn_sent,3=syn_recv,4=fin_wait1,"  \
		 "5=fin_wait2,6=time_wait,7=close,8=close_wait,9=last_ack,10=listen," \
		 "11=closing,12=new_syn_recv,13=bound_inactive")

struct request_sock;

struct sk_buff {
	char cb[48];
	__be16 protocol;
} RELOCATED;

struct tcp_skb_cb {
	u16 tcp_gso_segs;
} RELOCATED;

/* Since 6.10; here so that its constants have names on any kernel. */
enum sk_rst_reason { SK_RST_REASON_NOT_SPECIFIED, SK_RST_REASON_NO_SOCKET };

struct family_state {
	u32 family FAMILY;
	u32 state STATE;
};

struct reset {
	u32 family FAMILY;
	u32 state STATE;
	u32 reason PP_LABEL("reason|enum:sk_rst_reason");
};

struct failure {
	u32 family FAMILY;
	u32 error PP_LABEL("errno|errno|map?:unknown:0=none");
};

struct family {
	u32 family FAMILY;
};

struct slots PP_SLOTS(SLOTS);

PP_MAP(tcp_retransmits_total, PERCPU_HASH, 128, struct family_state, u64)
	PP_COUNTER("TCP segments sent again, by address family and state of the connection.");
PP_MAP_FLAGS(tcp_resets_sent_total, PERCPU_HASH, 1024, struct reset, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("TCP resets sent; state none: there was no connection; the reason is told "
		   "since Linux 6.10.");
PP_MAP(tcp_resets_received_total, PERCPU_HASH, 128, struct family_state, u64)
	PP_COUNTER("TCP resets received, by address family and state of the connection.");
PP_MAP(tcp_connect_failures_total, PERCPU_HASH, 256, struct failure, u64)
	PP_COUNTER("TCP connections that could not be established, by error; errno none: given "
		   "up by the process.");
PP_MAP(tcp_connect_latency_seconds, PERCPU_HASH, 4, struct family, struct slots)
	PP_HISTOGRAM("Time from the first SYN of an outgoing TCP connection until it was "
		     "established.",
		     "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9");

struct {
	int(*type)[BPF_MAP_TYPE_SK_STORAGE];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	u64 *value;
} connecting_since SEC(".maps");

/* In processes as well as in the interrupts between: hence atomic. */
static __always_inline void add(void *map, const void *key, u64 count)
{
	static const u64 zero;
	u64 *n = entry_of(map, key, &zero);

	if (n)
		__sync_fetch_and_add(n, count);
}

static __always_inline struct family_state key_of(const struct sock *sk)
{
	return (struct family_state){
		.family = sk->__sk_common.skc_family,
		.state = sk->__sk_common.skc_state,
	};
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit, const struct sock *sk, const struct sk_buff *skb)
{
	struct family_state key = key_of(sk);
	const struct tcp_skb_cb *cb = (const void *)skb->cb;

	add(&tcp_retransmits_total, &key, BPF_CORE_READ(cb, tcp_gso_segs));
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack, const struct sock *sk, const struct request_sock *request)
{
	struct family_state key = key_of(sk);

	key.state = NEW_SYN_RECV;
	add(&tcp_retransmits_total, &key, 1);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(receive_reset, struct sock *sk)
{
	struct family_state key = key_of(sk);

	add(&tcp_resets_received_total, &key, 1);
	return 0;
}

/* Before 6.10 told only where there is a socket, and without a third argument. */
SEC("tp_btf/tcp_send_reset")
int send_reset(u64 *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];
	const struct sk_buff *skb = (const struct sk_buff *)ctx[1];
	struct reset key = {};

	if (sk) {
		key.family = sk->__sk_common.skc_family;
		key.state = sk->__sk_common.skc_state;
	} else if (skb) {
		u16 protocol = __builtin_bswap16(skb->protocol);

		key.family = protocol == ETHER_IPV4   ? INET
			     : protocol == ETHER_IPV6 ? INET6
						      : 0;
	}
	if (bpf_core_type_exists(enum sk_rst_reason))
		key.reason = ctx[2];
	add(&tcp_resets_sent_total, &key, 1);
	return 0;
}

static __always_inline void established(const struct sock *sk, u64 since)
{
	static const struct slots zero;
	struct family key = { .family = sk->__sk_common.skc_family };
	struct slots *h = entry_of(&tcp_connect_latency_seconds, &key, &zero);
	u64 ns = bpf_ktime_get_ns() - since;

	if (!h)
		return;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(ns, SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, ns);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state, const struct sock *sk, int from, int to)
{
	u64 *since;

	if (sk->sk_protocol != TCP || (from != SYN_SENT && to != SYN_SENT))
		return 0;
	since = bpf_sk_storage_get(&connecting_since, (void *)sk, NULL,
				   to == SYN_SENT ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (to == SYN_SENT) {
		if (since)
			*since = bpf_ktime_get_ns();
		else
			lost();
		return 0;
	}
	if (to == ESTABLISHED) {
		if (since && *since)
			established(sk, *since);
	} else if (to == CLOSE) {
		struct failure key = { sk->__sk_common.skc_family, sk->sk_err };

		add(&tcp_connect_failures_total, &key, 1);
	}
	bpf_sk_storage_delete(&connecting_since, (void *)sk);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
