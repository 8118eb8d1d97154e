/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading exposition text costs: CPU nanoseconds per line of walking over the lines with
 * memchr, of the parser, of parser and gate, and of writing it all as text again.
 * scan FILE
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "encode/encoder.h"
#include "metric/feed.h"
#include "metric/scan.h"

enum { ROUNDS = 15 };

struct bench {
	struct str text;
	struct arena arena;
	struct metrics metrics;
	struct buf out;
	size_t lines;
};

static double cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void walk(struct bench *b)
{
	struct str rest = b->text, line;

	b->lines = 0;
	while (str_cut(&rest, '\n', &line))
		b->lines++;
}

static void parse(struct bench *b)
{
	struct scan_item item;
	struct scan scan;
	size_t n = 0;

	arena_reset(&b->arena);
	scan_begin(&scan, b->text, &b->arena);
	while (scan_next(&scan, &item))
		n++;
	if (n > b->lines)
		abort();
}

static void feed(struct bench *b)
{
	struct feed_report report;

	arena_reset(&b->arena);
	metrics_reset(&b->metrics);
	feed_text(&b->metrics, b->text, STR("bench"), &b->arena, &report);
}

static void encode(struct bench *b)
{
	buf_reset(&b->out);
	encoder_text.encode(&b->metrics, &b->out);
}

/* The best of some rounds: what else runs on the machine is not to be measured. */
static double best(struct bench *b, void (*step)(struct bench *))
{
	double least = 1e18;

	for (int i = 0; i < ROUNDS; i++) {
		double begin = cpu_ns(), took;

		step(b);
		took = cpu_ns() - begin;
		least = took < least ? took : least;
	}
	return least / (double)b->lines;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*step)(struct bench *);
	} steps[] = {
		{ "walk", walk },
		{ "scan", parse },
		{ "feed", feed },
		{ "encode", encode },
	};
	_cleanup_arena_ struct arena file = { 0 };
	struct bench b = { 0 };
	double floor_ns = 0;

	if (argc != 2 || file_read(AT_FDCWD, argv[1], 1 << 30, &file, &b.text) < 0) {
		(void)fprintf(stderr, "usage: scan FILE\n");
		return 2;
	}
	metrics_init(&b.metrics, (struct metrics_limits){ 0 });
	walk(&b);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		double ns = best(&b, steps[i].step);

		floor_ns = i ? floor_ns : ns;
		(void)printf("%-8s %7.1f ns/line %6.1f x walk %8.2f M lines/s\n", steps[i].name, ns,
			     ns / floor_ns, 1e3 / ns);
	}
	(void)printf("%zu lines, %zu bytes\n", b.lines, b.text.n);
	arena_release(&b.arena);
	metrics_release(&b.metrics);
	buf_release(&b.out);
	return 0;
}
