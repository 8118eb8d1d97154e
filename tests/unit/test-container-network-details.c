/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a network namespace when it is asked for: sockets, counters of TCP. */
#include "container-world.h"

#include "base/buf.h"
#include "collect/container/network.h"

static void collect(struct world *w)
{
	world_forget(w);
	container_network(&w->c, &w->table, &w->conf);
}

static void put_net(struct world *w, const char *name, const char *text)
{
	_cleanup_fd_ int net = openat(w->proc, "100/net", O_PATH | O_CLOEXEC);

	unit_write(net, name, str_of(text));
}

static void test_details(void **state)
{
	struct str all[] = { STR("tcp"), STR("udp"), STR("advtcp") };
	struct world w;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	world_group(&w, "a", "100\n");
	world_process(&w, "100", "/a", 1);
	put_net(&w, "tcp",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 "
		"1\n"
		"   1: 0100007F:1F90 0100007F:0001 01 00000000:00000000 00:00000000 00000000 0 0 1 "
		"1\n"
		"   2: 0100007F:1F90 0100007F:0002 01 00000000:00000000 00:00000000 00000000 0 0 1 "
		"1\n"
		"   3: 0100007F:1F90 0100007F:0003 0C 00000000:00000000 00:00000000 00000000 0 0 1 "
		"1\n"
		"  x4: nothing\n"
		"   5: 0100007F:1F90 0100007F:0003 FF 00000000:00000000\n");
	put_net(&w, "udp",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when ref drops\n"
		"  10: 0100007F:1F90 00000000:0000 07 00000010:000000A0 00:00000000 0 0 0 1 2 0 "
		"33\n"
		"  11: 0100007F:1F91 00000000:0000 07 00000001:00000002 00:00000000 0 0 0 1 2 0 "
		"44\n");
	put_net(&w, "netstat",
		"TcpExt: SyncookiesSent OutOfWindowIcmps\nTcpExt: 5 6\n"
		"IpExt: InNoRoutes\nIpExt: 1\n");
	put_net(&w, "snmp",
		"Ip: Forwarding\nIp: 1\nTcp: RtoMin MaxConn CurrEstab\nTcp: 200 -1 3\n");
	world_read(&w);
	(void)world_container(&w, "/a", 100, 1);
	collect(&w);
	assert_int_equal(world_count(&w, "container_network_tcp_usage_total"), 0);
	assert_int_equal(world_count(&w, "container_network_udp_usage_total"), 0);
	w.conf.network_details = (struct opt_list){ ARRAY_SIZE(all), all };
	collect(&w);

	const char *tcp = "container_network_tcp_usage_total";
	const char *udp = "container_network_udp_usage_total";
	const char *counters = "container_network_advance_tcp_stats_total";

	assert_int_equal(world_count(&w, tcp), 11);
	assert_true(world_value(&w, tcp, "/a", "tcp_state=\"established\"") == 2);
	assert_true(world_value(&w, tcp, "/a", "tcp_state=\"listen\"") == 1);
	assert_true(world_value(&w, tcp, "/a", "tcp_state=\"closing\"") == 0);
	assert_int_equal(world_count(&w, "container_network_tcp6_usage_total"), 0);
	assert_true(world_value(&w, udp, "/a", "udp_state=\"listen\"") == 2);
	assert_true(world_value(&w, udp, "/a", "udp_state=\"dropped\"") == 77);
	assert_true(world_value(&w, udp, "/a", "udp_state=\"txqueued\"") == 0x11);
	assert_true(world_value(&w, udp, "/a", "udp_state=\"rxqueued\"") == 0xa2);
	assert_int_equal(world_count(&w, counters), 4);
	assert_true(world_value(&w, counters, "/a", "tcp_state=\"outofwindowicmps\"") == 6);
	assert_true(world_value(&w, counters, "/a", "tcp_state=\"currestab\"") == 3);
	world_stop(&w);
}

/* More lines than are read at once, and one that is cut by the end of what is. */
static void test_many_sockets(void **state)
{
	struct str tcp[] = { STR("tcp") };
	_cleanup_buf_ struct buf text = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	world_group(&w, "a", "100\n");
	world_process(&w, "100", "/a", 1);
	buf_cstr(&text, "  sl  local_address rem_address   st\n");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text,
			   "%4d: 0100007F:1F90 0100007F:%04X %s 00000000:00000000 00:00 0 0 0\n", i,
			   i, i % 5 ? "01" : "06");
	put_net(&w, "tcp", arena_str(&w.arena, buf_view(&text)).p);
	world_read(&w);
	(void)world_container(&w, "/a", 100, 1);
	w.conf.network_details = (struct opt_list){ 1, tcp };
	collect(&w);

	const char *family = "container_network_tcp_usage_total";

	assert_true(world_value(&w, family, "/a", "tcp_state=\"established\"") == 4000);
	assert_true(world_value(&w, family, "/a", "tcp_state=\"timewait\"") == 1000);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_many_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
