/* SPDX-License-Identifier: Apache-2.0 */
/* Columns for people: as wide as the widest entry on a terminal, tab-separated in a pipe. */
#pragma once

#include <stdio.h>

#include "base/arena.h"

enum { TABLE_COLUMNS_MAX = 8 };

struct table {
	size_t columns, rows, cap;
	struct str *cells;
	struct arena arena;
};

void table_init(struct table *table, size_t columns);
/* Adds a row of `columns` cells; copies them. */
void table_add(struct table *table, const struct str *cells);
/* The first row is the heading. Control characters and broken UTF-8 are '?'. */
void table_print(const struct table *table, FILE *to);
void table_release(struct table *table);
