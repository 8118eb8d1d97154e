/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the state keeps of containers. What was read is written and read again as the same.
 * runner: -runs=800000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "collect/container/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* As if all of them were there now. */
static void save(struct kept_table *table, struct buf *out)
{
	for (size_t i = 0; i < table->n; i++)
		table->v[i].seen = true;
	table->changed = true;
	must(kept_save(table, 1000, out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf once = { 0 }, twice = { 0 };
	struct kept_table table;
	size_t n;

	kept_load(&table, &arena, (struct str){ (const char *)data, size });
	n = table.n;
	save(&table, &once);
	kept_load(&table, &arena, buf_view(&once));
	must(table.n == n && !table.changed);
	save(&table, &twice);
	must(str_eq(buf_view(&once), buf_view(&twice)));
	return 0;
}
