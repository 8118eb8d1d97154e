/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "collect/container/kept.h"

static const struct str ugly = { "a\nb:c\0d\xff", 8 };

static struct str save(struct kept_table *table, int64_t now, struct buf *out)
{
	buf_reset(out);
	assert_true(kept_save(table, now, out));
	assert_int_equal(out->err, 0);
	return buf_view(out);
}

static void test_kept(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct label labels[] = { { STR("container_label_a"), ugly }, { STR("b"), STR("2") } };
	struct kept_table table;
	struct kept *kept;
	struct str id;

	(void)state;
	kept_load(&table, &arena, (struct str){ 0 });
	assert_null(kept_find(&table, STR("one")));
	kept = kept_add(&table, STR("one"));
	kept->group = UINT64_MAX;
	kept->settings = 7;
	kept->asked = 1000;
	kept->failures = 3;
	kept->source = SOURCE_SOCKET;
	kept->socket = STR("/run/x.sock");
	kept->watched_ns = INT64_C(1795271128513009048);
	kept->seen = true;
	kept->known = (struct known){
		.runtime = RUNTIME_PODMAN,
		.name = ugly,
		.image = STR("i"),
		.pod = STR("p"),
		.namespace = STR("n"),
		.inner = STR("c"),
		.layer = STR("/l"),
		.watch = STR("/w"),
		.sandbox = true,
		.health = -1,
		.pid = 4000000000,
		.created_ns = 5,
		.started_ns = INT64_MAX,
		.n_label = 2,
		.label = labels,
	};
	id = save(&table, 1000, &out);
	kept_load(&table, &arena, id);
	assert_int_equal(table.n, 1);
	kept = kept_find(&table, STR("one"));
	assert_non_null(kept);
	assert_true(kept->group == UINT64_MAX);
	assert_int_equal(kept->settings, 7);
	assert_int_equal(kept->asked, 1000);
	assert_int_equal(kept->gone, 0);
	assert_int_equal(kept->failures, 3);
	assert_int_equal(kept->source, SOURCE_SOCKET);
	assert_text(kept->socket, "/run/x.sock");
	assert_int_equal(kept->watched_ns, INT64_C(1795271128513009048));
	assert_false(kept->seen);
	assert_int_equal(kept->known.runtime, RUNTIME_PODMAN);
	assert_true(str_eq(kept->known.name, ugly));
	assert_text(kept->known.image, "i");
	assert_text(kept->known.pod, "p");
	assert_text(kept->known.namespace, "n");
	assert_text(kept->known.inner, "c");
	assert_text(kept->known.layer, "/l");
	assert_text(kept->known.watch, "/w");
	assert_true(kept->known.sandbox);
	assert_int_equal(kept->known.health, -1);
	assert_true(kept->known.pid == 4000000000);
	assert_true(kept->known.started_ns == INT64_MAX);
	assert_int_equal(kept->known.n_label, 2);
	assert_true(str_eq(kept->known.label[0].value, ugly));
	assert_text(kept->known.label[1].name, "b");
}

static void test_damaged(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct kept_table table;
	struct str whole;

	(void)state;
	kept_load(&table, &arena, (struct str){ 0 });
	kept_add(&table, STR("one"))->seen = true;
	kept_socket_note(&table, STR("/s"), STR("refused"), 5);
	whole = arena_str(&arena, save(&table, 10, &out));
	/* Cut anywhere, it is whole records or nothing. */
	for (size_t n = 0; n < whole.n; n++) {
		kept_load(&table, &arena, (struct str){ whole.p, n });
		assert_true(table.n <= 1);
		assert_true(!table.n_sockets);
	}
	kept_load(&table, &arena, STR("1:2"));
	assert_int_equal(table.n, 0);
	assert_true(table.changed);
	kept_load(&table, &arena, STR("1:11:c99999999999999999999:x"));
	assert_int_equal(table.n, 0);
	/* A time that no sum can be made of. */
	kept_load(&table, &arena, STR("1:11:s2:/s1:w20:-92233720368547758081:1"));
	assert_int_equal(table.n_sockets, 0);
	kept_load(&table, &arena, STR("1:11:s2:/s1:w2:-11:1"));
	assert_int_equal(table.n_sockets, 1);
	kept_load(&table, &arena, whole);
	assert_int_equal(table.n, 1);
	assert_int_equal(table.n_sockets, 1);
}

static void test_forgotten(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct kept_table table;

	(void)state;
	kept_load(&table, &arena, (struct str){ 0 });
	kept_add(&table, STR("stays"))->seen = true;
	kept_add(&table, STR("goes"))->seen = true;
	kept_load(&table, &arena, save(&table, 1000, &out));

	/* As long as nothing changes, nothing is written. */
	kept_find(&table, STR("stays"))->seen = true;
	kept_find(&table, STR("goes"))->seen = true;
	assert_false(kept_save(&table, 1015, &out));

	kept_load(&table, &arena, buf_view(&out));
	kept_find(&table, STR("stays"))->seen = true;
	kept_load(&table, &arena, save(&table, 1030, &out));
	assert_int_equal(kept_find(&table, STR("goes"))->gone, 1030);
	kept_find(&table, STR("stays"))->seen = true;
	assert_false(kept_save(&table, 1030 + 299, &out));

	kept_load(&table, &arena, buf_view(&out));
	kept_find(&table, STR("stays"))->seen = true;
	kept_load(&table, &arena, save(&table, 1030 + 300, &out));
	assert_null(kept_find(&table, STR("goes")));
	assert_non_null(kept_find(&table, STR("stays")));
}

static void test_bounded(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct kept_table table;

	(void)state;
	kept_load(&table, &arena, (struct str){ 0 });
	for (int i = 0; i < KEPT_MAX; i++)
		assert_non_null(kept_add(&table, arena_printf(&arena, "%d", i)));
	assert_null(kept_add(&table, STR("more")));
	for (int i = 0; i < KEPT_MAX; i++)
		assert_non_null(kept_find(&table, arena_printf(&arena, "%d", i)));
	kept_find(&table, STR("77"))->seen = true;
	/* When all room is taken, those that are gone do not wait. */
	kept_load(&table, &arena, save(&table, 1000, &out));
	assert_int_equal(table.n, 1);
	assert_non_null(kept_find(&table, STR("77")));
}

static void test_sockets(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct kept_table table;

	(void)state;
	kept_load(&table, &arena, (struct str){ 0 });
	kept_socket_note(&table, STR("/a"), STR(""), 5);
	assert_false(table.changed);
	kept_socket_note(&table, STR("/a"), STR("slow"), 5);
	kept_socket_note(&table, STR("/b"), STR("refused"), 6);
	kept_socket_note(&table, STR("/a"), STR("slower"), 70);
	kept_load(&table, &arena, save(&table, 100, &out));
	assert_int_equal(kept_socket_find(&table, STR("/a"))->failures, 2);
	assert_int_equal(kept_socket_find(&table, STR("/a"))->asked, 70);
	assert_text(kept_socket_find(&table, STR("/a"))->why, "slower");
	assert_text(kept_socket_find(&table, STR("/b"))->why, "refused");
	kept_socket_note(&table, STR("/a"), STR(""), 200);
	assert_null(kept_socket_find(&table, STR("/a")));
	assert_non_null(kept_socket_find(&table, STR("/b")));
	assert_true(table.changed);
}

static void test_due(void **state)
{
	(void)state;
	assert_true(kept_is_due(1000, 0, 1000));
	assert_false(kept_is_due(1000, 1, 1059));
	assert_true(kept_is_due(1000, 1, 1060));
	assert_false(kept_is_due(1000, 2, 1119));
	assert_true(kept_is_due(1000, 2, 1120));
	assert_false(kept_is_due(1000, 6, 1000 + 1919));
	assert_true(kept_is_due(1000, 6, 1000 + 1920));
	assert_false(kept_is_due(1000, UINT32_MAX, 1000 + 3599));
	assert_true(kept_is_due(1000, UINT32_MAX, 1000 + 3600));
	/* The clock was set back. */
	assert_true(kept_is_due(1000, 5, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),      cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_forgotten), cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_sockets),   cmocka_unit_test(test_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
