/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush list`: collectors and metrics of this host, and why something is not there. */
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/list.h"
#include "cycle.h"
#include "host/bpf.h"

static struct str state_word(const struct collector_slot *slot)
{
	if (!slot->enabled)
		return STR("off");
	if (slot->result == 0)
		return STR("ok");
	return slot->result == -ENODATA ? STR("absent") : STR("failed");
}

/* What --procfs and its like do not reach is named where one of them is given. */
static struct str remark(const struct collector_slot *slot, struct arena *arena)
{
	const struct collector *type = slot->type;

	if (slot->enabled && slot->c.why.n)
		return slot->c.why;
	if (slot->enabled && slot->result < 0)
		return str_of(strerror(-slot->result));
	if (slot->enabled && slot->c.n_notes)
		return slot->c.notes[0].text;
	if (type->live_only && !slot->c.host->same_kernel)
		return arena_printf(arena, "%s; not of the given tree: %s", type->help,
				    type->live_only);
	return str_of(type->help);
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
					 state_word(slot),
					 arena_printf(&arena, "%u", slot->series),
					 str_of(slot->type->reads),
					 remark(slot, &arena),
				 });
	}
	arena_release(&arena);
}

static void list_metrics(const struct metrics *metrics, struct table *table)
{
	struct arena arena = { 0 };

	table_add(table, (struct str[]){ STR("METRIC"), STR("TYPE"), STR("SERIES"), STR("HELP") });
	for (const struct family *f = metrics->first; f; f = f->next)
		if (f->series)
			table_add(table, (struct str[]){
						 f->name,
						 str_of(metric_type_name(f->type)),
						 arena_printf(&arena, "%u", f->series),
						 f->help,
					 });
	arena_release(&arena);
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

	if (status == 0) {
		/* The reasons stand in the table; on stderr they would be there twice. */
		app->log.max = LOG_LEVEL_ERROR;
		cycle_sample(&cycle);
		table_init(&table, metrics ? 4 : 5);
		if (metrics)
			list_metrics(&cycle.metrics, &table);
		else
			list_collectors(&cycle.collectors, &table);
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
	.details = "Collectors are ok, off, absent (this host has nothing of the kind) or failed. "
		   "`list bpf`\n"
		   "tells what the kernel lets this user do with BPF; `peekpush bpf list` which "
		   "programs are loaded.",
	.sections = sections_sample,
	.main = main_list,
};
