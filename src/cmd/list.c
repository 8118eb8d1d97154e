/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush list`: collectors and metrics of this host, and why something is not there. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/list.h"
#include "cycle.h"
#include "host/bpf.h"

static struct str state_word(int result)
{
	return result == 0 ? STR("ok") : result == -ENODATA ? STR("absent") : STR("failed");
}

/* What --procfs and its like do not reach is named where one of them is given. */
static struct str remark(const struct collector_slot *slot, struct arena *arena)
{
	const struct collector *type = slot->type;

	if (slot->enabled && slot->c.why.n)
		return slot->c.why;
	if (slot->enabled && slot->result < 0)
		return str_of(strerror(-slot->result));
	if (slot->enabled && slot->c.n_notes && !slot->c.n_parts)
		return slot->c.notes[0].text;
	if (type->live_only && !slot->c.host->same_kernel)
		return arena_printf(arena, "%s; not of the given tree: %s", type->help,
				    type->live_only);
	return str_of(type->help);
}

/* Commands and endpoints, each with a row of its own: "exec.raid". */
static void list_parts(const struct collector_slot *slot, struct table *table)
{
	struct arena arena = { 0 };

	for (size_t i = 0; i < slot->c.n_parts; i++) {
		const struct collect_part *part = &slot->c.parts[i];

		table_add(table, (struct str[]){
					 arena_printf(&arena, "%s.%.*s", slot->type->name,
						      STR_ARG(part->name)),
					 state_word(part->result),
					 arena_printf(&arena, "%u", part->series),
					 part->reads,
					 part->why,
				 });
	}
	arena_release(&arena);
}

void list_collectors(const struct collectors *all, struct table *table)
{
	struct arena arena = { 0 };

	table_add(table, (struct str[]){ STR("COLLECTOR"), STR("STATE"), STR("SERIES"),
					 STR("READS"), STR("REMARK") });
	for (size_t i = 0; i < all->n; i++) {
		const struct collector_slot *slot = &all->slots[i];

		table_add(table, (struct str[]){
					 str_of(slot->type->name),
					 slot->enabled ? state_word(slot->result) : STR("off"),
					 arena_printf(&arena, "%u", slot->series),
					 str_of(slot->type->reads),
					 remark(slot, &arena),
				 });
		list_parts(slot, table);
	}
	arena_release(&arena);
}

struct cost {
	const struct family *family;
	uint64_t series;
};

/* What a family is to whoever stores it: a histogram or summary is many series. */
static uint64_t cost_of(const struct family *f)
{
	uint64_t n = 0;

	if (f->type != METRIC_HISTOGRAM && f->type != METRIC_SUMMARY)
		return f->series;
	for (const struct block *b = f->first; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++) {
			const struct histogram *h = b->samples[i].histogram;

			/* _sum and _count, and the +Inf bucket that need not be given. */
			n += 2;
			if (f->type == METRIC_SUMMARY)
				n += b->samples[i].summary->n;
			else
				n += h->n +
				     !(h->n && h->buckets[h->n - 1].upper >= (double)INFINITY);
		}
	return n;
}

/* By what it costs; of the same, by name. */
static int by_cost(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return x->series != y->series ? (x->series > y->series ? 1 : -1)
				      : str_cmp(x->family->name, y->family->name);
}

/* The collectors that added to the family, in the order they ran; what is ours has none. */
static struct str collectors_of(const struct family *f, struct arena *arena)
{
	struct str names = { 0 };
	const struct metrics_source *later = NULL;
	uint32_t end = f->series;

	for (const struct family_part *part = f->parts; part; part = part->next) {
		const struct metrics_source *source = metrics_source_root(part->source);

		if (part->from < end && source != later) {
			names = names.n ? ARENA_CONCAT(arena, source->name, STR(","), names)
					: source->name;
			later = source;
		}
		end = part->from;
	}
	return names.n ? names : STR("-");
}

/* "612 metrics; dropped: limit 300" */
static struct str summary(const struct metrics *metrics, size_t n, struct arena *arena)
{
	struct str text = arena_printf(arena, "%zu metrics", n);
	const char *before = "; dropped: ";

	for (int i = 0; i < DROP_REASONS; i++) {
		if (!metrics->dropped[i])
			continue;
		text = arena_printf(arena, "%.*s%s%s %llu", STR_ARG(text), before,
				    drop_reason_name((enum drop_reason)i),
				    (unsigned long long)metrics->dropped[i]);
		before = ", ";
	}
	return text;
}

/* Those that cost most come last, where a terminal shows them. */
static void list_metrics(const struct metrics *metrics, struct table *table)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct cost *costs = arena_zalloc(&arena, metrics->families + 1, sizeof(*costs));
	uint64_t total = 0;
	size_t n = 0;

	for (const struct family *f = metrics->first; f; f = f->next)
		if (f->series)
			costs[n++] = (struct cost){ f, cost_of(f) };
	qsort(costs, n, sizeof(*costs), by_cost);
	table_add(table, (struct str[]){ STR("METRIC"), STR("TYPE"), STR("SERIES"),
					 STR("COLLECTOR"), STR("HELP") });
	for (size_t i = 0; i < n; i++) {
		const struct family *f = costs[i].family;

		total += costs[i].series;
		table_add(table,
			  (struct str[]){
				  f->name,
				  str_of(metric_type_name(f->type)),
				  arena_printf(&arena, "%llu", (unsigned long long)costs[i].series),
				  collectors_of(f, &arena),
				  f->help,
			  });
	}
	table_add(table, (struct str[]){
				 STR("TOTAL"),
				 STR("-"),
				 arena_printf(&arena, "%llu", (unsigned long long)total),
				 STR("-"),
				 summary(metrics, n, &arena),
			 });
}

static int list_bpf(struct app *app)
{
	static const char *const answers[] = {
		[BPF_YES] = "yes",
		[BPF_NO] = "no",
		[BPF_UNKNOWN] = "unknown",
	};
	struct arena arena = { 0 };
	struct bpf_feature *features;
	struct table table;
	const char *why;
	size_t n;

	if (bpf_probe(&arena, &features, &n, &why) < 0) {
		log_error(&app->log, "%s", why);
		arena_release(&arena);
		return EXIT_FAILED;
	}
	table_init(&table, 3);
	table_add(&table, (struct str[]){ STR("FEATURE"), STR("HERE"), STR("REMARK") });
	for (size_t i = 0; i < n; i++)
		table_add(&table,
			  (struct str[]){ str_of(features[i].name),
					  str_of(answers[features[i].answer]), features[i].why });
	table_print(&table, stdout);
	table_release(&table);
	arena_release(&arena);
	return 0;
}

static int list(struct app *app, bool metrics)
{
	struct cycle cycle;
	struct table table;
	int status = cycle_open(&cycle, app, false);

	if (status == 0 && metrics)
		status = cycle_open_target(&cycle);
	if (status == 0) {
		/* The reasons stand in the table; on stderr they would be there twice. */
		app->log.max = LOG_LEVEL_ERROR;
		table_init(&table, 5);
		if (metrics) {
			cycle_preview(&cycle);
			list_metrics(&cycle.metrics, &table);
		} else {
			cycle_sample(&cycle);
			list_collectors(&cycle.collectors, &table);
		}
		table_print(&table, stdout);
		table_release(&table);
	}
	cycle_close(&cycle);
	return status;
}

static int main_list(struct app *app, int argc, char *argv[])
{
	struct str what = argc ? str_of(argv[0]) : STR("collectors");

	if (argc > 1)
		return app_no_words(app, argc - 1, argv + 1);
	if (str_eq(what, STR("collectors")))
		return list(app, false);
	if (str_eq(what, STR("metrics")))
		return list(app, true);
	if (str_eq(what, STR("bpf")))
		return list_bpf(app);
	log_error(&app->log, "list: unknown word \"%.*s\"; there is: collectors, metrics, bpf",
		  STR_ARG(what));
	return EXIT_USAGE;
}

const struct command command_list = {
	.name = "list",
	.args = "[collectors|metrics|bpf]",
	.help = "what there is, on or off, and why not",
	.details =
		"Collectors are ok, off, absent (this host has nothing of the kind) or failed. "
		"`list bpf`\n"
		"tells what the kernel lets this user do with BPF; `peekpush bpf list` which "
		"programs are loaded.\n"
		"`list metrics` tells all that the next push would have, after filters and limits, "
		"and how\n"
		"many series each metric costs, the costliest last.",
	.sections = sections_sample,
	.main = main_list,
};
