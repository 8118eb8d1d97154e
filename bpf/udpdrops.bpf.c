/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams for which a UDP socket had no room; ebpf_exporter's udp-drops, and RcvbufErrors and
 * MemErrors of /proc/net/snmp by port. Port 0 stands for all sockets whose port the kernel chose
 * (clients): there are tens of thousands of these, one after another.
 */
#include "kernel.h"

enum { BOUND_BY_USER = 8 /* SOCK_BINDPORT_LOCK */ };

struct receiver {
	u32 local_port;
};

PP_MAP_FLAGS(udp_fail_queue_rcv_skbs_total, HASH, 1024, struct receiver, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("Datagrams dropped because the receive buffer of their UDP socket was full; "
		   "port 0: sockets whose port the kernel chose.");

SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(fail, int rc, struct sock *sk)
{
	static const u64 zero;
	struct receiver key = {};
	u64 *n;

	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & BOUND_BY_USER)
		key.local_port = sk->__sk_common.skc_num;
	n = entry_of(&udp_fail_queue_rcv_skbs_total, &key, &zero);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
