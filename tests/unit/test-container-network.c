/* SPDX-License-Identifier: Apache-2.0 */
/* Whose traffic it is: of which namespace, told for which container. */
#include "container-world.h"

#include <errno.h>
#include <math.h>

#include "collect/container/network.h"

static void collect(struct world *w)
{
	world_forget(w);
	container_network(&w->c, &w->table, &w->conf);
}

static double received(struct world *w, const char *id)
{
	return world_value(w, "container_network_receive_bytes_total", id, "interface=\"eth0\"");
}

static void test_columns(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	world_group(&w, "a", "100\n");
	world_process(&w, "100", "/a", 1);
	world_read(&w);
	(void)world_container(&w, "/a", 100, 0);
	collect(&w);
	/* The host's, and the container's; neither lo nor the far end of a pair. */
	assert_int_equal(world_count(&w, "container_network_receive_bytes_total"), 2);
	assert_true(received(&w, "/") == 7);
	assert_true(received(&w, "/a") == 1);

	static const struct {
		const char *family;
		double value;
	} wanted[] = {
		{ "container_network_receive_packets_total", 2 },
		{ "container_network_receive_errors_total", 3 },
		{ "container_network_receive_packets_dropped_total", 4 },
		{ "container_network_transmit_bytes_total", 10 },
		{ "container_network_transmit_packets_total", 20 },
		{ "container_network_transmit_errors_total", 30 },
		{ "container_network_transmit_packets_dropped_total", 40 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_true(world_value(&w, wanted[i].family, "/a", "interface=\"eth0\"") ==
			    wanted[i].value);
	assert_int_equal(w.c.n_notes, 0);
	world_stop(&w);
}

static void test_who_is_told_of(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	world_group(&w, "a.service", "50\n");
	world_process(&w, "50", "/a.service", 5);
	world_group(&w, "b", "60\n");
	world_process(&w, "60", "/b", 6);
	world_group(&w, "c", "61\n");
	world_process(&w, "61", "/c", 61);
	world_group(&w, "host", "70\n");
	world_sharing(&w, "70", "/host", "1");
	world_read(&w);
	world_container(&w, "/b", 0, 0)->hidden = true;
	world_container(&w, "/c", 0, 0)->nested = true;
	(void)world_container(&w, "/host", 70, 0);
	collect(&w);
	/* No unit, nobody who is hidden, no part of another, nobody in the host's namespace. */
	assert_int_equal(world_count(&w, "container_network_receive_bytes_total"), 1);
	assert_true(received(&w, "/") == 7);
	w.v[0].hidden = true;
	collect(&w);
	assert_int_equal(world_count(&w, "container_network_receive_bytes_total"), 0);
	world_stop(&w);
}

static void test_shared(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	/* A pod: its sandbox is the youngest, and last in the table. */
	world_group(&w, "pod-a", "100\n");
	world_group(&w, "pod-z", "101\n");
	world_process(&w, "100", "/pod-a", 1);
	world_sharing(&w, "101", "/pod-z", "100");
	/* Two that share because one was started so. */
	world_group(&w, "q", "201\n");
	world_group(&w, "r", "200\n");
	world_process(&w, "200", "/r", 2);
	world_sharing(&w, "201", "/q", "200");
	world_read(&w);
	(void)world_container(&w, "/pod-a", 100, 10);
	world_container(&w, "/pod-z", 101, 20)->sandbox = true;
	(void)world_container(&w, "/q", 201, 40);
	(void)world_container(&w, "/r", 200, 30);
	collect(&w);
	assert_int_equal(world_count(&w, "container_network_receive_bytes_total"), 3);
	assert_true(received(&w, "/pod-z") == 1);
	assert_true(received(&w, "/r") == 2);
	world_stop(&w);
}

/* The runtime's number is old, or none; the group knows its processes. */
static void test_processes(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	world_group(&w, "reused", "101\n");
	world_process(&w, "100", "/another", 99);
	world_process(&w, "101", "/reused", 1);
	world_group(&w, "gone", "103\n");
	world_group(&w, "first-gone", "0\n104\n105\n");
	world_process(&w, "105", "/first-gone", 5);
	world_group(&w, "deep", "");
	world_group(&w, "deep/er", "");
	world_group(&w, "deep/er/container", "106\n");
	world_process(&w, "106", "/deep/er/container", 6);
	world_group(&w, "deep-not", "107\n");
	world_process(&w, "107", "/deep-not", 7);
	world_group(&w, "empty", "");
	world_group(&w, "fresh", "108\n");
	/* Listed as its process, and another's by the time it is looked at. */
	world_process(&w, "108", "/fresh-not/fresh2", 8);
	/* As seen from a cgroup namespace. */
	world_group(&w, "namespaced", "109\n");
	world_process(&w, "109", "/../namespaced", 9);
	world_read(&w);
	(void)world_container(&w, "/reused", 100, 1);
	(void)world_container(&w, "/gone", 102, 2);
	(void)world_container(&w, "/first-gone", 0, 3);
	(void)world_container(&w, "/deep", 0, 4);
	(void)world_container(&w, "/empty", 0, 5);
	(void)world_container(&w, "/fresh", 108, 6);
	(void)world_container(&w, "/namespaced", 109, 7);
	collect(&w);
	assert_true(received(&w, "/reused") == 1);
	assert_true(isnan(received(&w, "/gone")));
	assert_true(received(&w, "/first-gone") == 5);
	assert_true(received(&w, "/deep") == 6);
	assert_true(isnan(received(&w, "/empty")));
	assert_true(isnan(received(&w, "/fresh")));
	assert_true(received(&w, "/namespaced") == 9);
	assert_int_equal(world_count(&w, "container_network_receive_bytes_total"), 5);
	assert_int_equal(w.c.n_notes, 0);
	world_stop(&w);
}

static void test_bad_files(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	world_group(&w, "a", "100\n");
	world_process(&w, "100", "/a", 1);
	world_group(&w, "b", "200\n");
	world_process(&w, "200", "/b", 2);
	world_read(&w);
	(void)world_container(&w, "/a", 100, 1);
	(void)world_container(&w, "/b", 200, 2);

	static const char *const texts[] = {
		WORLD_NET_HEADINGS "eth0: 1 2 3\n",
		WORLD_NET_HEADINGS "eth0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
		WORLD_NET_HEADINGS ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
		WORLD_NET_HEADINGS "eth0: 1 2 3 4 5 6 7 -8 9 10 11 12 13 14 15 16\n",
	};
	_cleanup_fd_ int net = openat(w.proc, "100/net", O_PATH | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		unit_write(net, "dev", str_of(texts[i]));
		collect(&w);
		assert_int_equal(w.c.n_notes, 1);
		assert_true(isnan(received(&w, "/a")));
		assert_true(received(&w, "/b") == 2);
		assert_true(received(&w, "/") == 7);
	}
	/* An interface of a namespace without a line is no error; nor is an empty file. */
	unit_write(net, "dev", STR(""));
	collect(&w);
	assert_int_equal(w.c.n_notes, 0);
	world_stop(&w);
}

static void test_host_unknown(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_group(&w, "a", "100\n");
	world_process(&w, "100", "/a", 1);
	/* What "net" leads to is whoever reads it. */
	world_process(&w, "self", "/a", 3);
	world_read(&w);
	(void)world_container(&w, "/a", 100, 1);
	collect(&w);
	assert_int_equal(w.c.n_notes, 0);
	assert_int_equal(world_count(&w, "container_network_receive_bytes_total"), 0);
	world_stop(&w);
}

static void test_forbidden(void **state)
{
	struct world w;
	uid_t was;

	(void)state;
	world_start(&w);
	world_process(&w, "1", "/init.scope", 7);
	world_group(&w, "a", "100\n");
	world_process(&w, "100", "/a", 1);
	assert_int_equal(fchmodat(w.dir, "proc/100/net/dev", 0, 0), 0);
	assert_int_equal(fchmod(w.dir, 0755), 0);
	world_read(&w);
	(void)world_container(&w, "/a", 100, 1);
	was = unit_as_nobody();
	collect(&w);
	unit_as(was);
	assert_int_equal(w.c.n_notes, 1);
	assert_part(w.c.notes[0].text, "cannot be read: Permission denied");
	assert_true(isnan(received(&w, "/a")));
	assert_true(received(&w, "/") == 7);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),   cmocka_unit_test(test_who_is_told_of),
		cmocka_unit_test(test_shared),    cmocka_unit_test(test_processes),
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_host_unknown),
		cmocka_unit_test(test_forbidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
