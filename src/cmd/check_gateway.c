/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush check --gateway`: what the gateway holds, what is wrong with it, and the command that
 * mends each. A finding is one line with tabs in a pipe, and a paragraph on a terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/check.h"
#include "cmd/table.h"
#include "cycle.h"
#include "push/gateway.h"
#include "push/url.h"
#include "push/visible.h"

enum {
	SLOW = 6,         /* large answers may take so many times push.timeout */
	GROUPS_SHOWN = 3, /* of a finding */
	GROUPS_TOLD = 50, /* of a command: the line must fit into a shell */
	OF_A_KIND = 50,   /* findings of one kind */
	KINDS_MAX = 32,
	LARGEST = 3,
};

struct kinds {
	size_t n, count[KINDS_MAX];
	const char *name[KINDS_MAX];
};

struct view {
	struct app *app;
	const struct gateway *g;
	struct arena *arena;
	struct str url, prefix; /* "peekpush delete --url ..." */
	bool terminal;
};

/* A word for a shell. */
static void put_quoted(struct buf *out, struct str word)
{
	bool safe = word.n > 0;

	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];

		safe &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || memchr("_./:=,@%+-", c, 10);
	}
	if (safe) {
		buf_str(out, word);
		return;
	}
	buf_char(out, '\'');
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] == '\'')
			buf_cstr(out, "'\\''");
		else
			buf_char(out, word.p[i]);
	buf_char(out, '\'');
}

/* What this command was told on its command line of how to reach the gateway, `delete` must be,
 * too. */
static void add_option(void *arg, const struct opt_section *section, const struct opt *opt,
		       struct str value, struct str origin)
{
	struct buf *out = arg;
	bool config = section == &section_main && strcmp(opt->name, "config") == 0;
	struct buf word = { 0 };

	if (!str_starts(origin, STR("-")) || strcmp(opt->name, "url") == 0 ||
	    !(config || section == &section_push || section == &section_tls))
		return;
	if (config)
		buf_printf(&word, "--config=%.*s", STR_ARG(value));
	else
		buf_printf(&word, "--set=%s.%s=%.*s", section->path, opt->name, STR_ARG(value));
	buf_char(out, ' ');
	put_quoted(out, buf_view(&word));
	buf_release(&word);
}

static struct str delete_prefix(const struct app *app, struct str url, struct arena *arena)
{
	_cleanup_buf_ struct buf out = { 0 };

	buf_cstr(&out, "peekpush delete --url ");
	put_quoted(&out, url);
	conf_each(app->conf, add_option, &out);
	return arena_str(arena, buf_view(&out));
}

static struct str path_name(const struct view *r, struct str name)
{
	return r->g->utf8_names ? group_escaped_name(name, r->arena) : name;
}

/* job first, as `delete` wants it; the rest by name. */
static struct str group_option(const struct view *r, const struct gateway_group *group)
{
	const struct str *job = gateway_label(group, STR("job"));
	_cleanup_buf_ struct buf out = { 0 };

	group_put_item(&out, STR("job"), job ? *job : STR(""));
	for (uint32_t i = 0; i < group->n; i++) {
		if (str_eq(group->labels[i].name, STR("job")))
			continue;
		buf_char(&out, ',');
		group_put_item(&out, path_name(r, group->labels[i].name), group->labels[i].value);
	}
	return arena_str(r->arena, buf_view(&out));
}

static void put_shown(struct buf *out, const struct label *label, struct arena *arena)
{
	struct str name = visible(arena, label->name, 60);
	struct str value = label->value.n ? visible(arena, label->value, 100) : STR("\"\"");

	buf_printf(out, "%s%.*s=%.*s", out->n ? " " : "", STR_ARG(name), STR_ARG(value));
}

static struct str group_shown(const struct gateway_group *group, struct arena *arena)
{
	_cleanup_buf_ struct buf out = { 0 };

	for (int job = 1; job >= 0; job--)
		for (uint32_t i = 0; i < group->n; i++)
			if (str_eq(group->labels[i].name, STR("job")) == job)
				put_shown(&out, &group->labels[i], arena);
	return arena_str(arena, buf_view(&out));
}

/* What a finding is about: the family, and its groups. */
static struct str about(const struct view *r, const struct gateway_finding *f)
{
	_cleanup_buf_ struct buf out = { 0 };

	if (f->family.p) {
		struct str name = visible(r->arena, f->family, 100);

		buf_printf(&out, "%.*s", STR_ARG(name));
		if (!name.n)
			buf_cstr(&out, "\"\"");
	}
	for (size_t i = 0; i < f->n && i < GROUPS_SHOWN; i++) {
		struct str group = group_shown(&r->g->groups[f->groups[i]], r->arena);

		buf_printf(&out, "%s%.*s", i ? ", " : f->family.p ? " in " : "", STR_ARG(group));
	}
	if (f->n > GROUPS_SHOWN)
		buf_printf(&out, " and %zu more", f->n - GROUPS_SHOWN);
	return arena_str(r->arena, buf_view(&out));
}

/* A gateway that was started without names in UTF-8, and has some, takes no path to them. */
static bool can_delete(const struct view *r, const struct gateway_group *group)
{
	for (uint32_t i = 0; i < group->n; i++)
		if (!(r->g->utf8_names ? str_utf8_valid(group->labels[i].name)
				       : group_label_name(group->labels[i].name)))
			return false;
	return gateway_label(group, STR("job")) != NULL;
}

/* "" where none can be given. */
static struct str command(const struct view *r, const struct gateway_finding *f)
{
	_cleanup_buf_ struct buf out = { 0 };

	if (f->wipe && r->g->admin) {
		const struct push_conf *conf = conf_get(r->app->conf, &section_push);

		buf_cstr(&out, "curl -X PUT ");
		if (conf->user.n) {
			/* Without a password curl asks for it. */
			buf_cstr(&out, "-u ");
			put_quoted(&out, conf->user);
			buf_char(&out, ' ');
		}
		put_quoted(&out, ARENA_CONCAT(r->arena, r->url, STR("/api/v1/admin/wipe")));
	}
	for (size_t i = 0; i < f->n && i < GROUPS_TOLD; i++) {
		const struct gateway_group *group = &r->g->groups[f->groups[i]];

		if (!can_delete(r, group))
			continue;
		if (!out.n)
			buf_str(&out, r->prefix);
		buf_cstr(&out, " --group ");
		put_quoted(&out, group_option(r, group));
	}
	return arena_str(r->arena, buf_view(&out));
}

static void print_finding(const struct view *r, const struct gateway_finding *f)
{
	static const char *const severities[] = { "error", "warning", "note" };
	static const char *const colours[] = { "\033[1;31m", "\033[1;33m", "\033[1m" };
	struct str subject = about(r, f), mend = command(r, f);
	const char *rest = f->n > GROUPS_TOLD        ? "; the command is for the first 50"
			   : f->wipe && !r->g->admin ? "; restart it without its persistence file"
						     : "";

	if (!r->terminal) {
		(void)printf("%s\t%s\t%.*s\t%.*s%s\t%.*s\n", severities[f->severity], f->kind,
			     (int)subject.n, subject.p, STR_ARG(f->what), rest, (int)mend.n,
			     mend.p);
		return;
	}
	(void)printf("\n%s%s: %s\033[0m  %.*s\n    %.*s%s\n", colours[f->severity],
		     severities[f->severity], f->kind, (int)subject.n, subject.p, STR_ARG(f->what),
		     rest);
	if (mend.n)
		(void)printf("    mend: %.*s\n", (int)mend.n, mend.p);
}

static void add_fact(struct table *table, const char *name, struct str value)
{
	table_add(table, (struct str[]){ str_of(name), value });
}

static struct str bytes_text(struct arena *arena, size_t bytes)
{
	return bytes < 1 << 20 ? arena_printf(arena, "%zu kB", (bytes + 1023) >> 10)
			       : arena_printf(arena, "%.1f MB", (double)bytes / (1 << 20));
}

static int by_series(const void *a, const void *b)
{
	const struct gateway_group *const *x = a, *const *y = b;

	return ((*x)->series < (*y)->series) - ((*x)->series > (*y)->series);
}

static void size_facts(const struct view *r, struct table *table)
{
	const struct gateway *g = r->g;
	const struct gateway_group **order =
		arena_zalloc(r->arena, g->n_groups + 1, sizeof(*order));
	_cleanup_buf_ struct buf largest = { 0 };

	for (size_t i = 0; i < g->n_groups; i++)
		order[i] = &g->groups[i];
	qsort(order, g->n_groups, sizeof(*order), by_series);
	for (size_t i = 0; i < g->n_groups && i < LARGEST; i++) {
		struct str group = group_shown(order[i], r->arena);

		buf_printf(&largest, "%s%.*s (%u)", i ? ", " : "", STR_ARG(group),
			   order[i]->series);
	}
	if (g->known)
		add_fact(
			table, "size",
			arena_printf(r->arena, "%zu groups, %zu series", g->n_groups, g->n_series));
	if (g->known && g->n_groups)
		add_fact(table, "largest", arena_str(r->arena, buf_view(&largest)));
}

static void print_facts(const struct view *r)
{
	const struct gateway *g = r->g;
	struct str version = visible(r->arena, g->version, 60), size;
	struct str since = { g->start_time.p, g->start_time.n < 19 ? g->start_time.n : 19 };
	struct str file = visible(r->arena, g->persistence, 200);
	struct table table;

	table_init(&table, 2);
	add_fact(&table, "gateway", r->url);
	add_fact(&table, "version",
		 arena_printf(r->arena, "Pushgateway %.*s, started %.*s", STR_ARG(version),
			      STR_ARG(since)));
	add_fact(&table, "check",
		 g->unchecked ? STR("off: nobody but a scrape finds what does not fit together")
			      : STR("on: each push is compared with all that is there"));
	add_fact(&table, "persistence",
		 file.n ? file
			: STR("off: a restart loses what is not pushed again, results of jobs"));
	size_facts(r, &table);
	size = bytes_text(r->arena, g->scrape_bytes);
	add_fact(&table, "scrape",
		 g->scrape_status == 200 && !g->scrape_cut
			 ? arena_printf(r->arena, "%zu series, %.*s, in %.3f s", g->scrape_series,
					STR_ARG(size), (double)g->scrape_ns / 1e9)
			 : g->scrape);
	table_print(&table, stdout);
	table_release(&table);
}

/* How many of its kind there were before it. */
static size_t count_kind(const char *kind, struct kinds *kinds)
{
	size_t i = 0;

	while (i < kinds->n && strcmp(kinds->name[i], kind) != 0)
		i++;
	if (i == KINDS_MAX)
		return 0;
	if (i == kinds->n)
		kinds->name[kinds->n++] = kind;
	return kinds->count[i]++;
}

/* Returns whether anything is wrong. */
static bool print_findings(const struct view *r, const struct gateway_findings *found)
{
	size_t counts[3] = { 0 }, hidden = 0;
	struct kinds kinds = { 0 };

	if (found->n && !r->terminal)
		(void)fputc('\n', stdout);
	for (size_t i = 0; i < found->n; i++) {
		const struct gateway_finding *f = &found->v[i];

		counts[f->severity]++;
		if (count_kind(f->kind, &kinds) < OF_A_KIND)
			print_finding(r, f);
		else
			hidden++;
	}
	if (found->n == 0)
		(void)printf("\nnothing is wrong\n");
	else
		(void)printf("\nerrors: %zu, warnings: %zu, notes: %zu, not shown: %zu\n",
			     counts[GATEWAY_ERROR], counts[GATEWAY_WARNING], counts[GATEWAY_NOTE],
			     hidden);
	return counts[GATEWAY_ERROR] || counts[GATEWAY_WARNING];
}

static bool diagnose(struct app *app, struct target *target, struct arena *arena)
{
	const struct check_conf *check = conf_get(app->conf, &section_check);
	struct str url = target->conf.sink.url, why;
	int64_t timeout_ns = target->conf.timeout_ns;
	struct gateway_findings found;
	struct gateway g;
	bool bad = true;

	while (str_ends(url, STR("/")))
		url.n--;
	if (!target->sink.type->remote) {
		log_error(&app->log, "push.url: nobody to ask there");
		return false;
	}
	if (gateway_read(&g, &target->sink, timeout_ns, SLOW * timeout_ns, &why) == SINK_OK) {
		struct view r = {
			.app = app,
			.g = &g,
			.arena = arena,
			.url = url,
			.prefix = delete_prefix(app, url, arena),
			.terminal = isatty(STDOUT_FILENO),
		};

		gateway_diagnose(&g, check->stale_ns / 1000000000, &found);
		print_facts(&r);
		bad = print_findings(&r, &found);
	} else {
		log_error(&app->log, "%.*s: no groups to look at: %.*s", STR_ARG(url),
			  STR_ARG(why));
	}
	gateway_release(&g);
	return !bad;
}

int check_groups(struct app *app)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct state state = { 0 };
	struct target_conf conf;
	struct target target;
	struct str why = { 0 };
	bool good = false;

	cycle_target_conf(app, &arena, &conf);
	if (target_open(&target, &conf, &state, &why) < 0) {
		app_bad_value(app, why);
		return EXIT_USAGE;
	}
	good = diagnose(app, &target, &arena);
	target_close(&target);
	state_release(&state);
	return good ? 0 : EXIT_FAILED;
}
