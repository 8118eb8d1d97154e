/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of who has a place under a limit. Input: the file. Whatever can be loaded is saved, and
 * loads again as the same; and a cycle with it keeps its limit.
 * runner: -runs=60000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "metric/places.h"
#include "metric/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void flood(struct metrics *m, struct arena *arena)
{
	const struct metrics_filter filter = { .series = 7 };
	struct metrics_source source = { .name = STR("flood"), .filter = &filter };
	static const struct metric_desc desc = { "f", "Flood.", METRIC_GAUGE };

	metrics_reset(m);
	metrics_enter(m, &source);
	for (int i = 0; i < 20; i++)
		family_add(metrics_family(m, &desc),
			   METRIC_LABELS(m, { STR("n"), arena_printf(arena, "%d", i) }), i);
	metrics_leave(m);
	must(m->series <= 3);
	must(m->series + m->dropped[DROP_LIMIT] == 20);
	(void)places_settle(m->places, m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct places_book book = { 0 }, again = { 0 };
	struct metrics m;

	places_load(&book, (struct str){ (const char *)data, size });

	struct str saved = places_save(&book, &arena);

	must(saved.n <= size + 8);
	places_load(&again, saved);
	must(again.n == book.n);
	for (size_t i = 0; i < book.n; i++)
		must(again.v[i].id == book.v[i].id && again.v[i].n == book.v[i].n);
	places_release(&again);
	metrics_init(&m, (struct metrics_limits){ .series = 5, .series_per_family = 3 });
	m.places = &book;
	for (int i = 0; i < 3; i++)
		flood(&m, &arena);
	must(m.series == 3);
	metrics_release(&m);
	places_release(&book);
	return 0;
}
