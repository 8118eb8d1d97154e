/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/table.h"

#include <unistd.h>

void table_init(struct table *table, size_t columns)
{
	*table = (struct table){ .columns = columns };
}

void table_release(struct table *table)
{
	arena_release(&table->arena);
}

void table_add(struct table *table, const struct str *cells)
{
	if (table->rows == table->cap) {
		size_t cap = table->cap ? table->cap * 2 : 64;
		struct str *more = arena_alloc(&table->arena, cap * table->columns * sizeof(*more));

		if (table->rows)
			memcpy(more, table->cells, table->rows * table->columns * sizeof(*more));
		table->cells = more;
		table->cap = cap;
	}
	for (size_t i = 0; i < table->columns; i++) {
		struct str cell = arena_str(&table->arena, cells[i]);

		str_mask((char *)(uintptr_t)cell.p, cell.n);
		table->cells[table->rows * table->columns + i] = cell;
	}
	table->rows++;
}

/* Columns on the screen: characters, not bytes. */
static size_t width(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

void table_print(const struct table *table, FILE *to)
{
	size_t widest[TABLE_COLUMNS_MAX] = { 0 };
	bool aligned = isatty(fileno(to));

	for (size_t i = 0; i < table->rows * table->columns; i++)
		if (width(table->cells[i]) > widest[i % table->columns])
			widest[i % table->columns] = width(table->cells[i]);
	for (size_t i = 0; i < table->rows * table->columns; i++) {
		struct str cell = table->cells[i];
		size_t column = i % table->columns;

		(void)fwrite(cell.p, 1, cell.n, to);
		if (column == table->columns - 1)
			(void)fputc('\n', to);
		else if (aligned)
			(void)fprintf(to, "%*s", (int)(widest[column] - width(cell) + 2), "");
		else
			(void)fputc('\t', to);
	}
}
