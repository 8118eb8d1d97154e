/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the kernel as it makes them, piece by piece: routes,
 * queues, TCP sockets, and nl80211, of which no machine of ours has a device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/genetlink.h>
#include <linux/inet_diag.h>
#include <linux/nl80211.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "host/ethtool.h"
#include "host/nl80211.h"
#include "host/routes.h"
#include "host/sock_diag.h"

static struct message {
	char p[1024];
	size_t n;
} message;

static struct arena arena;

static void put(const void *p, size_t n)
{
	assert_true(message.n + NLMSG_ALIGN(n) <= sizeof(message.p));
	if (n)
		memcpy(message.p + message.n, p, n);
	memset(message.p + message.n + n, 0, NLMSG_ALIGN(n) - n);
	message.n += NLMSG_ALIGN(n);
}

/* Returns where the attribute begins, for end(). */
static size_t begin(uint16_t type)
{
	const struct nlattr header = { .nla_type = type | NLA_F_NESTED };
	size_t at = message.n;

	put(&header, sizeof(header));
	return at;
}

static void end(size_t at)
{
	uint16_t length = (uint16_t)(message.n - at);

	memcpy(message.p + at, &length, sizeof(length));
}

static void put_attribute(uint16_t type, const void *p, size_t n)
{
	const struct nlattr header = { .nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type };

	put(&header, sizeof(header));
	put(p, n);
}

static void put_u32(uint16_t type, uint32_t value)
{
	put_attribute(type, &value, sizeof(value));
}

static void put_text(uint16_t type, const char *text)
{
	put_attribute(type, text, strlen(text) + 1);
}

static void start(const void *header, size_t n)
{
	message.n = 0;
	put(header, n);
}

static void start_generic(uint8_t command)
{
	const struct genlmsghdr header = { .cmd = command, .version = 1 };

	start(&header, sizeof(header));
}

static struct str payload(void)
{
	return (struct str){ message.p, message.n };
}

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(got), want);
}

/* No beginning of the message may be read past its end; sanitizers see it. */
#define CUT_ANYWHERE(parse)                            \
	for (size_t cut = 0; cut < message.n; cut++) { \
		char *copy = test_malloc(cut + 1);     \
		struct str part = { copy, cut };       \
                                                       \
		memcpy(copy, message.p, cut);          \
		(void)(parse);                         \
		test_free(copy);                       \
	}

static void test_ip(void **state)
{
	(void)state;
	assert_str(ip_text((struct str){ "\xc0\x00\x02\x07", 4 }, &arena), "192.0.2.7");
	assert_str(
		ip_text((struct str){ "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07", 16 }, &arena),
		"192.0.2.7");
	assert_str(ip_text((struct str){ "\0\0\0\0\0\0\0\0\0\0\0\0\xc0\x00\x02\x07", 16 }, &arena),
		   "::c000:207");
	assert_str(ip_text((struct str){ "\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0", 16 }, &arena),
		   "1:0:1::");
	assert_str(ip_text((struct str){ "\1\2\3", 3 }, &arena), "");
}

static void test_route(void **state)
{
	const struct rtmsg header = { .rtm_family = AF_INET,
				      .rtm_dst_len = 24,
				      .rtm_protocol = RTPROT_STATIC,
				      .rtm_type = RTN_UNICAST };
	struct route route;

	(void)state;
	start(&header, sizeof(header));
	put_u32(RTA_TABLE, 254);
	put_attribute(RTA_DST, "\xcb\x00\x71\x00", 4);
	put_u32(RTA_PRIORITY, 77);
	put_attribute(RTA_PREFSRC, "\xc0\x00\x02\x01", 4);
	put_attribute(RTA_GATEWAY, "\xc0\x00\x02\xfe", 4);
	put_u32(RTA_OIF, 3);
	assert_true(netlink_parse_route(payload(), &arena, &route));
	assert_int_equal(route.type, RTN_UNICAST);
	assert_int_equal(route.prefix_length, 24);
	assert_int_equal(route.protocol, RTPROT_STATIC);
	assert_int_equal(route.priority, 77);
	assert_str(ip_text(route.destination, &arena), "203.0.113.0");
	assert_str(ip_text(route.source, &arena), "192.0.2.1");
	assert_int_equal(route.n_hops, 1);
	assert_int_equal(route.hops[0].index, 3);
	assert_int_equal(route.hops[0].weight, 0);
	assert_str(ip_text(route.hops[0].gateway, &arena), "192.0.2.254");
	CUT_ANYWHERE(netlink_parse_route(part, &arena, &route));
	assert_false(netlink_parse_route((struct str){ message.p, 4 }, &arena, &route));
}

static void test_route_of_several_hops(void **state)
{
	const struct rtmsg header = { .rtm_family = AF_INET, .rtm_type = RTN_UNICAST };
	struct rtnexthop hop = { .rtnh_len = sizeof(hop) + 8, .rtnh_hops = 2, .rtnh_ifindex = 4 };
	struct route route;
	size_t at;

	(void)state;
	start(&header, sizeof(header));
	at = begin(RTA_MULTIPATH);
	put(&hop, sizeof(hop));
	put_attribute(RTA_GATEWAY, "\xc0\x00\x02\x07", 4);
	hop = (struct rtnexthop){ .rtnh_len = sizeof(hop), .rtnh_ifindex = 5 };
	put(&hop, sizeof(hop));
	end(at);
	assert_true(netlink_parse_route(payload(), &arena, &route));
	assert_int_equal(route.n_hops, 2);
	assert_int_equal(route.hops[0].index, 4);
	assert_int_equal(route.hops[0].weight, 3);
	assert_str(ip_text(route.hops[0].gateway, &arena), "192.0.2.7");
	assert_int_equal(route.hops[1].index, 5);
	assert_int_equal(route.hops[1].weight, 1);
	assert_int_equal(route.hops[1].gateway.n, 0);
	CUT_ANYWHERE(netlink_parse_route(part, &arena, &route));
}

static void test_qdisc(void **state)
{
	const struct tcmsg header = { .tcm_ifindex = 2, .tcm_parent = TC_H_ROOT };
	const struct {
		uint64_t bytes;
		uint32_t packets;
	} basic = { 5000000000, 7 };
	const uint32_t queue[] = { 11, 12, 13, 14, 15 };
	const uint64_t packets = 4294967303;
	const struct tc_stats old = {
		.bytes = 1, .packets = 2, .drops = 3, .overlimits = 4, .qlen = 5, .backlog = 6
	};
	struct qdisc q;
	size_t at;

	(void)state;
	start(&header, sizeof(header));
	put_text(TCA_KIND, "fq_codel");
	at = begin(TCA_STATS2);
	put_attribute(1, &basic, 12);                /* TCA_STATS_BASIC */
	put_attribute(8, &packets, sizeof(packets)); /* TCA_STATS_PKT64 */
	put_attribute(3, queue, sizeof(queue));      /* TCA_STATS_QUEUE */
	end(at);
	put_attribute(TCA_STATS, &old, sizeof(old));
	assert_true(netlink_parse_qdisc(payload(), &arena, &q));
	assert_str(q.kind, "fq_codel");
	assert_int_equal(q.index, 2);
	assert_true(q.parent == TC_H_ROOT);
	assert_true(q.bytes == 5000000000);
	assert_true(q.packets == 4294967303);
	assert_int_equal(q.queue_length, 11);
	assert_int_equal(q.backlog, 12);
	assert_int_equal(q.drops, 13);
	assert_int_equal(q.requeues, 14);
	assert_int_equal(q.overlimits, 15);
	CUT_ANYWHERE(netlink_parse_qdisc(part, &arena, &q));

	start(&header, sizeof(header));
	put_text(TCA_KIND, "pfifo");
	put_attribute(TCA_STATS, &old, sizeof(old));
	assert_true(netlink_parse_qdisc(payload(), &arena, &q));
	assert_true(q.bytes == 1 && q.packets == 2 && q.drops == 3 && q.overlimits == 4);
	assert_true(q.queue_length == 5 && q.backlog == 6 && q.requeues == 0);
}

static void test_socket(void **state)
{
	struct tcp_sockets tcp = { 0 };
	struct inet_diag_msg socket = { .idiag_state = 1, .idiag_rqueue = 3, .idiag_wqueue = 5 };

	(void)state;
	assert_true(sock_diag_parse((struct str){ (const char *)&socket, sizeof(socket) }, &tcp));
	socket.idiag_state = 10;
	assert_true(sock_diag_parse((struct str){ (const char *)&socket, sizeof(socket) }, &tcp));
	assert_false(sock_diag_parse((struct str){ (const char *)&socket, 20 }, &tcp));
	assert_int_equal(tcp.sockets, 2);
	assert_int_equal(tcp.states[1], 1);
	assert_int_equal(tcp.states[10], 1);
	assert_int_equal(tcp.received_bytes, 6);
	assert_int_equal(tcp.sent_bytes, 10);
}

static void test_family(void **state)
{
	const uint16_t id = 35;
	uint16_t got = 0;

	(void)state;
	start_generic(CTRL_CMD_NEWFAMILY);
	put_text(CTRL_ATTR_FAMILY_NAME, "nl80211");
	put_attribute(CTRL_ATTR_FAMILY_ID, &id, sizeof(id));
	put_u32(CTRL_ATTR_VERSION, 1);
	assert_false(nl80211_parse_family(payload(), STR("devlink"), &got));
	assert_true(nl80211_parse_family(payload(), STR("nl80211"), &got));
	assert_int_equal(got, 35);
	CUT_ANYWHERE(nl80211_parse_family(part, STR("nl80211"), &got));
}

static void test_wireless_device(void **state)
{
	struct wifi_device device;

	(void)state;
	start_generic(NL80211_CMD_NEW_INTERFACE);
	put_u32(NL80211_ATTR_WIPHY, 0);
	put_u32(NL80211_ATTR_IFTYPE, NL80211_IFTYPE_P2P_DEVICE);
	assert_false(nl80211_parse_device(payload(), &arena, &device));
	put_u32(NL80211_ATTR_IFINDEX, 3);
	put_text(NL80211_ATTR_IFNAME, "wlan0");
	put_u32(NL80211_ATTR_WIPHY_FREQ, 5180);
	assert_true(nl80211_parse_device(payload(), &arena, &device));
	assert_int_equal(device.index, 3);
	assert_int_equal(device.mhz, 5180);
	assert_str(device.name, "wlan0");
	CUT_ANYWHERE(nl80211_parse_device(part, &arena, &device));
}

static void test_bss(void **state)
{
	static const char elements[] = "\x01\x02\x82\x84\x00\x06my net\x03\x01\x24";
	struct wifi_bss bss;
	size_t at;

	(void)state;
	for (int here = 0; here < 2; here++) {
		start_generic(NL80211_CMD_NEW_SCAN_RESULTS);
		put_u32(NL80211_ATTR_IFINDEX, 3);
		at = begin(NL80211_ATTR_BSS);
		put_attribute(NL80211_BSS_BSSID, "\x02\x00\x5e\x10\x20\x30", 6);
		put_u32(NL80211_BSS_FREQUENCY, 5180);
		put_attribute(NL80211_BSS_INFORMATION_ELEMENTS, elements, sizeof(elements) - 1);
		if (here)
			put_u32(NL80211_BSS_STATUS, NL80211_BSS_STATUS_ASSOCIATED);
		end(at);
		assert_int_equal(nl80211_parse_bss(payload(), &arena, &bss), here);
	}
	assert_true(bss.here);
	assert_int_equal(bss.status, NL80211_BSS_STATUS_ASSOCIATED);
	assert_str(bss.ssid, "my net");
	assert_int_equal(bss.bssid.n, 6);
	assert_memory_equal(bss.bssid.p, "\x02\x00\x5e\x10\x20\x30", 6);
	CUT_ANYWHERE(nl80211_parse_bss(part, &arena, &bss));
}

static void test_station(void **state)
{
	const uint64_t received = 5000000000, sent = 6000000000;
	const uint16_t narrow = 65535;
	const int8_t signal = -52;
	struct wifi_station s;
	size_t at, rate;

	(void)state;
	start_generic(NL80211_CMD_NEW_STATION);
	put_u32(NL80211_ATTR_IFINDEX, 3);
	put_attribute(NL80211_ATTR_MAC, "\x02\x00\x5e\x10\x20\x30", 6);
	at = begin(NL80211_ATTR_STA_INFO);
	put_u32(NL80211_STA_INFO_CONNECTED_TIME, 3600);
	put_u32(NL80211_STA_INFO_INACTIVE_TIME, 1540);
	put_u32(NL80211_STA_INFO_RX_BYTES, (uint32_t)received);
	put_u32(NL80211_STA_INFO_TX_BYTES, (uint32_t)sent);
	put_attribute(NL80211_STA_INFO_RX_BYTES64, &received, sizeof(received));
	put_attribute(NL80211_STA_INFO_TX_BYTES64, &sent, sizeof(sent));
	put_attribute(NL80211_STA_INFO_SIGNAL, &signal, sizeof(signal));
	rate = begin(NL80211_STA_INFO_TX_BITRATE);
	put_attribute(NL80211_RATE_INFO_BITRATE, &narrow, sizeof(narrow));
	put_u32(NL80211_RATE_INFO_BITRATE32, 70000);
	end(rate);
	rate = begin(NL80211_STA_INFO_RX_BITRATE);
	put_attribute(NL80211_RATE_INFO_BITRATE, &narrow, sizeof(narrow));
	end(rate);
	put_u32(NL80211_STA_INFO_RX_PACKETS, 11);
	put_u32(NL80211_STA_INFO_TX_PACKETS, 12);
	put_u32(NL80211_STA_INFO_TX_RETRIES, 13);
	put_u32(NL80211_STA_INFO_TX_FAILED, 14);
	put_u32(NL80211_STA_INFO_BEACON_LOSS, 15);
	end(at);
	assert_true(nl80211_parse_station(payload(), &arena, &s));
	assert_int_equal(s.address.n, 6);
	assert_int_equal(s.connected_seconds, 3600);
	assert_int_equal(s.inactive_ms, 1540);
	assert_true(s.received_bytes == received && s.sent_bytes == sent);
	assert_int_equal(s.signal, -52);
	assert_true(s.send_rate == 7000000000 && s.receive_rate == 6553500000);
	assert_true(s.received_packets == 11 && s.sent_packets == 12);
	assert_true(s.retries == 13 && s.failed == 14 && s.beacon_loss == 15);
	CUT_ANYWHERE(nl80211_parse_station(part, &arena, &s));
}

static void test_names_of_counters(void **state)
{
	static const char *const names[][3] = {
		{ "rx_bytes", "rx_bytes", "received_bytes_total" },
		{ "tx_dropped", "tx_dropped", "transmitted_dropped" },
		{ "[0]: RX-bytes", "_0_RX_bytes", "0_received_bytes" },
		{ "rx_-_drop", "rx_drop", "received_drop" },
		{ "a__b", "a__b", "a__b" },
		{ "__tx", "__tx", "transmitted" },
		{ "rxq0_tx", "rxq0_tx", "rxq0_transmitted" },
		{ "rx_rx", "rx_rx", "received_rx" },
		{ "end:", "end_", "end_" },
		{ "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str clean = ethtool_clean(str_of(names[i][0]), &arena);

		assert_str(clean, names[i][1]);
		assert_str(ethtool_words(clean, &arena), names[i][2]);
	}
}

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_route_of_several_hops),
		cmocka_unit_test(test_qdisc),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_family),
		cmocka_unit_test(test_wireless_device),
		cmocka_unit_test(test_bss),
		cmocka_unit_test(test_station),
		cmocka_unit_test(test_names_of_counters),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
