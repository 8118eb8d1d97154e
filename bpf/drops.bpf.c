/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that the kernel dropped, by protocol and by the reason in the words of the running
 * kernel; ebpf_exporter's kfree_skb without the port, of which a scan makes 65536. Protocols
 * other than the usual are one, so that nobody can fill the map with frames of his making.
 */
#include "kernel.h"

enum { ETHER_IPV4 = 0x0800, ETHER_ARP = 0x0806, ETHER_IPV6 = 0x86dd };

/* Bytes of the headers' protocol fields. */
enum { IPV4_PROTOCOL = 9, IPV6_NEXT_HEADER = 6 };

struct sk_buff {
	unsigned char *head;
	__be16 protocol;
	u16 network_header;
} RELOCATED;

enum skb_drop_reason { SKB_NOT_DROPPED_YET };

struct drop {
	u16 eth_proto PP_LABEL("eth_proto|map:0=other,2048=ipv4,2054=arp,34525=ipv6");
	u16 ip_proto PP_LABEL("ip_proto|map:0=other,1=icmp,6=tcp,17=udp,58=icmpv6,132=sctp");
	u32 reason PP_LABEL("reason|constant:skb_drop_reason");
};

PP_MAP_FLAGS(kfree_skb_total, PERCPU_HASH, 2048, struct drop, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("Packets that the kernel dropped, by protocol and reason.");

static __always_inline u16 known_protocol(u8 protocol)
{
	switch (protocol) {
	case 1:
	case 6:
	case 17:
	case 58:
	case 132:
		return protocol;
	default:
		return 0;
	}
}

static __always_inline u16 protocol_of(struct sk_buff *skb, u32 offset)
{
	u8 protocol = 0;

	/* Not set, ~0: a packet that came or went below IP. */
	if (skb->network_header == 0xffff)
		return 0;
	if (bpf_probe_read_kernel(&protocol, 1, skb->head + skb->network_header + offset))
		return 0;
	return known_protocol(protocol);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(drop, struct sk_buff *skb, void *location, enum skb_drop_reason reason)
{
	static const u64 zero;
	struct drop key = { .eth_proto = __builtin_bswap16(skb->protocol), .reason = reason };
	u64 *n;

	switch (key.eth_proto) {
	case ETHER_IPV4:
		key.ip_proto = protocol_of(skb, IPV4_PROTOCOL);
		break;
	case ETHER_IPV6:
		key.ip_proto = protocol_of(skb, IPV6_NEXT_HEADER);
		break;
	case ETHER_ARP:
		break;
	default:
		key.eth_proto = 0;
	}
	n = entry_of(&kfree_skb_total, &key, &zero);
	/* Packets are dropped in processes and in the interrupts between. */
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
