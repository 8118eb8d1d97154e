/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush check`: what configuration is in force and where each value comes from, whether
 * the gateway answers, and what each collector sees. Sends nothing that is stored. With --gateway
 * all that the gateway holds is looked at instead (check_gateway.c).
 */
#include <errno.h>

#include "cmd/check.h"
#include "cmd/commands.h"
#include "cmd/list.h"
#include "cycle.h"

static void add_value(void *arg, const struct opt_section *section, const struct opt *opt,
		      struct str value, struct str origin)
{
	struct table *table = arg;
	struct arena arena = { 0 };

	table_add(table, (struct str[]){
				 arena_printf(&arena, "%s.%s", section->path, opt->name),
				 value.n ? value : STR("\"\""),
				 origin,
			 });
	arena_release(&arena);
}

static void print_conf(const struct app *app)
{
	struct table table;

	table_init(&table, 3);
	table_add(&table, (struct str[]){ STR("KEY"), STR("VALUE"), STR("FROM") });
	conf_each(app->conf, add_value, &table);
	table_print(&table, stdout);
	table_release(&table);
}

static bool check_collectors(const struct cycle *cycle)
{
	struct table table;
	bool good = true;

	for (size_t i = 0; i < cycle->collectors.n; i++) {
		const struct collector_slot *slot = &cycle->collectors.slots[i];
		int r = slot->result;

		for (size_t k = 0; k < slot->c.n_parts; k++)
			good &= slot->c.parts[k].result == 0;
		/* What only root may read is as it should be for who is not root. */
		good &= r == 0 || r == -ENODATA || r == -EACCES || r == -EPERM;
	}
	table_init(&table, 5);
	list_collectors(&cycle->collectors, &table);
	(void)fputc('\n', stdout);
	table_print(&table, stdout);
	table_release(&table);
	return good;
}

static bool check_gateway(struct cycle *cycle)
{
	struct arena arena = { 0 };
	struct delivery d;
	struct str group = group_text(&cycle->target.conf.group, &arena);
	struct str url = cycle->target.conf.sink.url;

	target_probe(&cycle->target, &arena, &d);
	(void)printf("\ngateway\t%.*s\t%.*s\ngroup\t%.*s\n", STR_ARG(url), STR_ARG(d.message),
		     STR_ARG(group));
	if (d.result != SINK_OK)
		log_error(&cycle->app->log, "%.*s: %.*s", STR_ARG(url), STR_ARG(d.message));
	arena_release(&arena);
	return d.result == SINK_OK;
}

static int main_check(struct app *app, int argc, char *argv[])
{
	const struct check_conf *conf = conf_get(app->conf, &section_check);
	struct cycle cycle;
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	if (conf->gateway)
		return check_groups(app);
	status = cycle_open(&cycle, app, false);
	if (status == 0)
		status = cycle_open_target(&cycle);
	if (status == 0) {
		print_conf(app);
		cycle_sample(&cycle);

		bool collectors_good = check_collectors(&cycle);
		bool gateway_good = check_gateway(&cycle);

		if (!collectors_good || !gateway_good)
			status = EXIT_FAILED;
	}
	cycle_close(&cycle);
	return status;
}

static const struct opt_section *const sections[] = {
	&section_check, &section_main,   &section_push,  &section_tls, &section_collectors,
	&section_host,  &section_limits, &section_state, NULL,
};

const struct command command_check = {
	.name = "check",
	.args = "",
	.help = "show the configuration, reach the gateway, try each collector",
	.details = "The exit status is 1 when the gateway does not answer or a collector fails.\n"
		   "With --gateway it is 1 when there are errors or warnings about any group that\n"
		   "the gateway has; nothing else is looked at then.",
	.sections = sections,
	.main = main_check,
};
