/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: tabs in a pipe, columns on a terminal, and nothing that paints it. */
#include "unit.h"

#include <pty.h>
#include <termios.h>

#include "base/buf.h"
#include "cmd/table.h"

static void add(struct table *table, const char *a, const char *b)
{
	const struct str cells[] = { str_of(a), str_of(b) };

	table_add(table, cells);
}

static struct str printed(const struct table *table, struct arena *arena)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	struct str got;

	assert_non_null(to);
	table_print(table, to);
	assert_int_equal(fclose(to), 0);
	got = arena_str(arena, (struct str){ text, n });
	free(text);
	return got;
}

static void test_pipe(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct table table;

	(void)state;
	table_init(&table, 2);
	assert_text(printed(&table, &arena), "");
	add(&table, "NAME", "WHY");
	add(&table, "", "");
	add(&table, "cpu", "a b");
	assert_text(printed(&table, &arena), "NAME\tWHY\n\t\ncpu\ta b\n");
	table_release(&table);
}

/* Cells are copies, however many rows there are. */
static void test_growth(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf want = { 0 };
	struct table table;
	char cell[16];

	(void)state;
	table_init(&table, 2);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(cell, sizeof(cell), "row%d", i);
		add(&table, cell, "x");
		buf_printf(&want, "row%d\tx\n", i);
	}
	memset(cell, 'z', sizeof(cell));
	assert_int_equal(table.rows, 1000);
	assert_true(str_eq(printed(&table, &arena), buf_view(&want)));
	table_release(&table);
}

static void test_masked(void **state)
{
	static const struct {
		const char *cell, *want;
	} rows[] = {
		{ "a\tb\nc", "a?b?c" },
		{ "\033[2Jx", "?[2Jx" },
		{ "x\177", "x?" },
		{ "\302\233"
		  "1m",
		  "??1m" }, /* CSI as one character */
		{ "\233"
		  "1m",
		  "?1m" }, /* and as one byte */
		{ "caf\303\251", "caf\303\251" },
		{ "\303", "?" },
		{ "\302\240", "\302\240" },
		{ "\342\202\254", "\342\202\254" },
	};
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct table table;

		table_init(&table, 2);
		add(&table, rows[i].cell, "");
		assert_text(printed(&table, &arena),
			    arena_printf(&arena, "%s\t\n", rows[i].want).p);
		table_release(&table);
	}
}

/* On a terminal columns are as wide as their widest cell, in characters. */
static void test_terminal(void **state)
{
	struct termios raw = { 0 };
	struct table table;
	char text[256];
	int main_fd, fd;
	ssize_t n = 0, got;
	FILE *to;

	(void)state;
	assert_int_equal(openpty(&main_fd, &fd, NULL, &raw, NULL), 0);
	to = fdopen(fd, "w");
	assert_non_null(to);
	table_init(&table, 2);
	add(&table, "N", "WHY");
	add(&table, "caf\303\251", "x");
	add(&table, "", "y");
	table_print(&table, to);
	assert_int_equal(fflush(to), 0);
	/* The kernel hands over what it has, not what was written at once. */
	for (size_t lines = 0; lines < 3; n += got) {
		got = read(main_fd, text + n, sizeof(text) - (size_t)n);
		assert_true(got > 0);
		for (ssize_t i = n; i < n + got; i++)
			lines += text[i] == '\n';
	}
	assert_text(((struct str){ text, (size_t)n }), "N     WHY\ncaf\303\251  x\n      y\n");
	(void)fclose(to);
	(void)close(main_fd);
	table_release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_terminal),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
