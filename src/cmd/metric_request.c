/* SPDX-License-Identifier: Apache-2.0 */
/* What `peekpush metric` is asked for, checked before any file is touched. */
#include "cmd/metric.h"

#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "cmd/commands.h"
#include "collect/source/textfile.h"

enum { WORDS_MAX = 3 };

const struct opt_section *const sections_metric[] = {
	&section_main,
	&section_metric,
	&section_textfile,
	NULL,
};

/* --- the command line --------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	enum metric_type type;
} verbs[] = {
	{ "set", METRIC_GAUGE },
	{ "inc", METRIC_COUNTER },
	{ "observe", METRIC_HISTOGRAM },
};

struct words {
	struct str v[WORDS_MAX];
	int n;
	bool help;
};

/* -5 is a value, not an option. */
static bool is_number(const char *word)
{
	double value;

	return num_f64(str_of(word), &value) == 0;
}

/* Takes one option off the front, with its value when it has one; returns how many words, or -1. */
static int take_option(struct conf *conf, int argc, char *argv[], bool *ret_help)
{
	int used = 0;

	/* A flag without value must not take the number behind it for an option. */
	if (argc > 1 && is_number(argv[1]) &&
	    conf_parse_args(conf, sections_metric, 1, argv, &used, ret_help) == 0)
		return used;
	return conf_parse_args(conf, sections_metric, argc > 1 ? 2 : 1, argv, &used, ret_help) == 0
		       ? used
		       : -1;
}

/* Options may stand before and behind any word. */
static int take_words(struct app *app, int argc, char *argv[], struct words *ret)
{
	bool ended = false;

	*ret = (struct words){ 0 };
	for (int i = 0; i < argc;) {
		const char *word = argv[i];

		if (!ended && word[0] == '-' && word[1] && !is_number(word)) {
			int used = take_option(app->conf, argc - i, argv + i, &ret->help);

			if (used < 0) {
				log_error(&app->log, "metric: %.*s",
					  STR_ARG(conf_error(app->conf)));
				return EXIT_USAGE;
			}
			ended = strcmp(word, "--") == 0;
			i += used;
			continue;
		}
		if (ret->n == WORDS_MAX)
			return app_no_words(app, argc - i, argv + i);
		ret->v[ret->n++] = str_of(word);
		i++;
	}
	return 0;
}

/* --- what is asked for -------------------------------------------------------------------- */

static int refuse(struct metric_request *q, struct str why)
{
	q->why = why;
	return -EINVAL;
}

static int check_name(struct metric_request *q)
{
	struct str name = q->amend.name;

	if (!metric_name_valid(name))
		return refuse(q, arena_printf(&q->arena,
					      "\"%.*s\" is no name for a metric: letters, digits, "
					      "_ and :, a digit not first",
					      STR_ARG(name)));
	if (str_starts(name, STR("peekpush_")))
		return refuse(q, arena_printf(&q->arena, "%.*s: names with peekpush_ are its own",
					      STR_ARG(name)));
	if (metric_name_reserved(name))
		return refuse(q, arena_printf(&q->arena,
					      "%.*s: the Pushgateway keeps this name for itself",
					      STR_ARG(name)));
	return 0;
}

static int check_value(struct metric_request *q, const struct verb *verb, const struct words *words)
{
	struct amend *a = &q->amend;

	a->value = 1;
	if (words->n < 3 && verb->type != METRIC_COUNTER)
		return refuse(q, arena_printf(&q->arena, "%s needs a value: metric %s NAME VALUE",
					      verb->name, verb->name));
	if (words->n == 3 && num_f64(words->v[2], &a->value) < 0)
		return refuse(
			q, arena_printf(&q->arena, "\"%.*s\" is no number", STR_ARG(words->v[2])));
	if (verb->type == METRIC_COUNTER && !(a->value >= 0 && isfinite(a->value)))
		return refuse(q, arena_printf(&q->arena,
					      "%.*s: a counter rises by 0 or more; for what can "
					      "fall there is metric set",
					      STR_ARG(words->v[2])));
	if (verb->type == METRIC_HISTOGRAM && !isfinite(a->value))
		return refuse(q, arena_printf(&q->arena, "%.*s: a histogram takes finite numbers",
					      STR_ARG(words->v[2])));
	return 0;
}

static int check_labels(struct metric_request *q, const struct metric_conf *conf)
{
	struct label *v = arena_zalloc(&q->arena, conf->labels.n + 1, sizeof(*v));

	for (size_t i = 0; i < conf->labels.n; i++) {
		struct str name = conf->labels.v[i].key, value = conf->labels.v[i].value;

		if (!label_name_valid(name) || str_starts(name, STR("__")))
			return refuse(q, arena_printf(&q->arena,
						      "\"%.*s\" is no name for a label: letters, "
						      "digits and _, a digit not first, no __ "
						      "first",
						      STR_ARG(name)));
		if (q->amend.type == METRIC_HISTOGRAM && str_eq(name, STR("le")))
			return refuse(q, STR("the label le is that of a histogram's buckets"));
		if (!str_utf8_valid(value))
			return refuse(q, arena_printf(&q->arena,
						      "the value of the label %.*s is not UTF-8",
						      STR_ARG(name)));
		v[i] = (struct label){ name, value };
	}
	q->amend.labels = v;
	q->amend.n = conf->labels.n;
	return 0;
}

static int check_buckets(struct metric_request *q, const struct app *app,
			 const struct metric_conf *conf)
{
	double *v = arena_zalloc(&q->arena, conf->buckets.n + 1, sizeof(*v));
	const char *why;
	size_t n = 0;

	for (size_t i = 0; i < conf->buckets.n; i++) {
		if (num_f64(conf->buckets.v[i], &v[n]) < 0)
			return refuse(q, arena_printf(&q->arena, "buckets: \"%.*s\" is no number",
						      STR_ARG(conf->buckets.v[i])));
		/* Everybody else writes it down, too. */
		if (i == 0 || i + 1 < conf->buckets.n || !(isinf(v[n]) && v[n] > 0))
			n++;
	}
	if (!amend_bounds_valid(n, v, &why))
		return refuse(q, arena_printf(&q->arena, "buckets: %s", why));
	q->amend.bounds = v;
	q->amend.n_bounds = n;
	/* What a file says is for new ones: changing it there must not break those there are. */
	q->amend.insist =
		str_starts(conf_origin(app->conf, &section_metric, &conf->buckets), STR("--"));
	return 0;
}

static int check(struct metric_request *q, const struct app *app, const struct words *words)
{
	const struct metric_conf *conf = conf_get(app->conf, &section_metric);
	const struct verb *verb = NULL;
	int r;

	for (size_t i = 0; words->n && i < ARRAY_SIZE(verbs); i++)
		if (str_eq(words->v[0], str_of(verbs[i].name)))
			verb = &verbs[i];
	if (!verb)
		return refuse(q, words->n ? arena_printf(&q->arena,
							 "unknown word \"%.*s\"; there is: set, "
							 "inc, observe",
							 STR_ARG(words->v[0]))
					  : STR("what to do is missing: set, inc or observe"));
	if (words->n < 2)
		return refuse(q, arena_printf(&q->arena, "%s needs the metric's name", verb->name));
	q->amend = (struct amend){ .type = verb->type, .name = words->v[1] };
	if (conf->help_text.n) {
		if (!str_utf8_valid(conf->help_text))
			return refuse(q, STR("the help text is not UTF-8"));
		q->amend.help = conf->help_text;
	}
	r = check_name(q);
	if (r == 0)
		r = check_value(q, verb, words);
	if (r == 0)
		r = check_labels(q, conf);
	if (r == 0 && verb->type == METRIC_HISTOGRAM)
		r = check_buckets(q, app, conf);
	return r;
}

int metric_request(struct app *app, int argc, char *argv[], struct metric_request *ret)
{
	const struct main_conf *conf = conf_get(app->conf, &section_main);
	const struct str file = conf->config;
	struct words words;

	*ret = (struct metric_request){ 0 };
	if (take_words(app, argc, argv, &words))
		return EXIT_USAGE;
	ret->wants_help = words.help;
	if (words.help)
		return 0;
	/* What was said behind the words comes too late for the file, not for these. */
	if (!str_eq(conf->config, file)) {
		log_error(&app->log, "metric: --config must stand before %.*s",
			  STR_ARG(words.n ? words.v[0] : STR("metric")));
		return EXIT_USAGE;
	}
	if (conf->quiet || conf->verbose)
		app->log.max = conf->quiet ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG;
	if (check(ret, app, &words) < 0) {
		log_error(&app->log, "metric: %.*s", STR_ARG(ret->why));
		return EXIT_USAGE;
	}
	return 0;
}
