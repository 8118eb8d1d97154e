/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trip times of TCP, as the kernel has smoothed them (RFC 6298), once for each packet that
 * an established connection receives: busy connections weigh more than idle ones.
 */
#include "kernel.h"

enum { SLOTS = 27 };

struct tcp_sock {
	u32 srtt_us; /* eighths */
} RELOCATED;

struct family {
	u32 family PP_LABEL("family|map:2=ipv4,10=ipv6");
};

struct slots PP_SLOTS(SLOTS);

PP_MAP(tcp_rtt_seconds, PERCPU_HASH, 4, struct family, struct slots)
	PP_HISTOGRAM("Smoothed round trip time, at each packet received by an established TCP "
		     "connection.",
		     "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9");

SEC("tp_btf/tcp_probe")
int BPF_PROG(probe, struct sock *sk)
{
	static const struct slots zero;
	const struct tcp_sock *tp = (const void *)sk;
	struct family key = { .family = sk->__sk_common.skc_family };
	u64 ns = (u64)BPF_CORE_READ(tp, srtt_us) * 125;
	struct slots *h;

	/* Not measured yet. */
	if (!ns)
		return 0;
	h = entry_of(&tcp_rtt_seconds, &key, &zero);
	if (!h)
		return 0;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(ns, SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, ns);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
