/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes of received packets by interface, in ebpf_exporter's style: a map of plain numbers, the
 * bucket as the last member of its key, the sum in the bucket behind the last one. It uses nothing
 * of peekpush's and says nothing of itself; packets.conf does.
 */
#include <linux/types.h>

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum { MAX_SLOT = 16 };

struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));

struct sk_buff {
	unsigned int len;
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct packet_key {
	__u32 ifindex;
	__u32 bucket;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct packet_key);
	__type(value, __u64);
} received_packet_bytes SEC(".maps");

static __always_inline void add(struct packet_key *key, __u64 amount)
{
	__u64 zero = 0, *n = bpf_map_lookup_elem(&received_packet_bytes, key);

	if (!n) {
		bpf_map_update_elem(&received_packet_bytes, key, &zero, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&received_packet_bytes, key);
	}
	if (n)
		*n += amount;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(receive, struct sk_buff *skb)
{
	struct packet_key key = { .ifindex = skb->dev->ifindex };
	__u32 length = skb->len;

	/* Rounded up, as a bucket's bound belongs to it. */
	while (key.bucket < MAX_SLOT && length > 1u << key.bucket)
		key.bucket++;
	add(&key, 1);
	key.bucket = MAX_SLOT + 1;
	add(&key, length);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
