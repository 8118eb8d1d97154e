/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job's history may say, as lines of key and value: whatever that is, what is told of the
 * job can be encoded, and one more run does not make the history grow without end.
 * runner: -runs=2500
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "encode/encoder.h"
#include "job/job.h"
#include "job/typical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void tell(const struct book *book, struct arena *arena)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct feed_report inside;
	struct metrics metrics;

	metrics_init(&metrics, (struct metrics_limits){ 0 });
	job_metrics(book, NULL, &metrics, arena, &inside);
	encoder_text.encode(&metrics, &text);
	must(!text.err && text.n > 0);
	metrics_release(&metrics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str bounds[] = { STR("1s"), STR("1h") };
	struct job_conf conf = { .duration_buckets = { ARRAY_SIZE(bounds), bounds } };
	struct str rest = { (const char *)data, size }, line, key;
	/* No directory is ever looked at. */
	struct book book = { .dir = 0, .lock = -1, .conf = &conf };
	struct record run = { .dir = -1, .lock = -1 };
	size_t n = 0;

	while (str_line(&rest, &line))
		if (str_cut(&line, '=', &key) && key.n && !str_eq(key, STR("~")))
			state_set(&book.history, key, line);
	tell(&book, &arena);
	state_set(&run.facts, STR("result"), STR("success"));
	state_set_u64(&run.facts, STR("duration"), size);
	state_set(&run.facts, STR("energy.source"), STR("rapl"));
	state_set_u64(&run.facts, STR("energy.cpu.dynamic"), size);
	for (int i = 0; i < 3 * (TYPICAL_MAX + 1); i++) {
		book_settle(&book, &run);
		if (i == TYPICAL_MAX + 1)
			n = book.history.n;
	}
	must(book.history.n <= n);
	tell(&book, &arena);
	state_release(&run.facts);
	state_release(&book.history);
	arena_release(&book.arena);
	return 0;
}
