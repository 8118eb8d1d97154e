/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What endpoints of this host tell, relayed. They are asked by processes of their own, at
 * intervals of their own; a cycle takes the newest answer that is there.
 */
#include "collect/source/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "collect/source/relabel.h"
#include "collect/source/relay.h"

#define SECOND INT64_C(1000000000)

struct endpoint {
	struct relabel relabel;
	struct feed_hook hook;
	struct metrics_filter filter;
	struct relay relay;
};

struct scrape_self {
	struct arena arena, text; /* text: of one target at a time */
	struct keeper keeper;
	size_t n;
	struct keeper_source *sources;
	struct endpoint *endpoints;
};

static const struct relay_kind kind = {
	.label = "target",
	.timestamps = true,
	.success = {
		"peekpush_scrape_success",
		"1 when the target's newest answer could be taken, and all of it be read.",
		METRIC_GAUGE,
	},
	.duration = {
		"peekpush_scrape_duration_seconds",
		"Time that the target took for its newest answer.",
		METRIC_GAUGE,
	},
	.timestamp = {
		"peekpush_scrape_timestamp_seconds",
		"When the target was asked for its newest answer, in seconds since 1970.",
		METRIC_GAUGE,
	},
	.samples = {
		"peekpush_scrape_samples",
		"Samples of the target's newest page, before filters and limits.",
		METRIC_GAUGE,
	},
};

/* In a process of its own. */
static int fetch(const struct keeper_source *source)
{
	struct arena arena = { 0 };
	struct str why;

	if (scrape_fetch(source->arg, STDOUT_FILENO, &arena, &why) == 0)
		return 0;
	(void)fprintf(stderr, "%.*s\n", STR_ARG(why));
	(void)fflush(stderr);
	return 1;
}

/* Of what decides what is asked, and where. */
static uint64_t version_of(const struct scrape_target *t, struct arena *arena)
{
	struct str text =
		ARENA_CONCAT(arena, t->url, STR("\n"), t->unix_socket, STR("\n"), t->user,
			     STR("\n"), t->password_file, STR("\n"), t->bearer_token_file);

	return str_hash(text);
}

static void set_up(struct collect *c, size_t i, const struct scrape_target *t)
{
	struct scrape_self *self = c->self;
	struct endpoint *endpoint = &self->endpoints[i];
	bool filtered;
	int64_t interval_ns = t->interval_ns < 0 ? c->host->interval_ns : t->interval_ns;
	int64_t longest_ns =
		interval_ns > c->host->interval_ns ? interval_ns : c->host->interval_ns;

	self->sources[i] = (struct keeper_source){
		.name = arena_printf(&self->arena, "scrape.%.*s", STR_ARG(t->name)),
		.version = version_of(t, &self->arena),
		.interval_ns = interval_ns,
		/* A little more than it takes to say what is wrong. */
		.timeout_ns = t->timeout_ns + SECOND,
		.max_age_ns = t->max_age_ns < 0 ? 3 * longest_ns + t->timeout_ns : t->max_age_ns,
		.max_size = t->max_size,
		.fetch = fetch,
		.arg = t,
	};
	endpoint->relabel = (struct relabel){
		.rules = &t->relabel,
		.labels = t->labels,
		.owned = &t->target_label_for,
		.owner = { STR("target"), t->name },
	};
	endpoint->hook = (struct feed_hook){ relabel_sample, &endpoint->relabel, true };
	filtered = metrics_filter_open(&t->filter, &self->arena, &endpoint->filter);
	endpoint->relay = (struct relay){
		.kind = &kind,
		.name = t->name,
		.reads = t->url,
		.hook = &endpoint->hook,
		.filter = filtered ? &endpoint->filter : NULL,
	};
}

static int open_scrape(struct collect *c)
{
	const struct scrape_conf *conf = c->conf;
	const struct scrape_target *targets = conf->targets.v;
	struct scrape_self *self = c->self;

	self->n = conf->targets.n;
	self->sources = arena_zalloc(&self->arena, self->n + 1, sizeof(*self->sources));
	self->endpoints = arena_zalloc(&self->arena, self->n + 1, sizeof(*self->endpoints));
	for (size_t i = 0; i < self->n; i++)
		set_up(c, i, &targets[i]);
	keeper_open(&self->keeper, c, "scrape.", self->sources, self->n);
	return 0;
}

static void begin(struct collect *c)
{
	struct scrape_self *self = c->self;

	keeper_start(&self->keeper);
}

static int run(struct collect *c)
{
	struct scrape_self *self = c->self;

	if (!self->n)
		return collect_fail(c, -ENODATA, "scrape.targets: none");
	keeper_wait(&self->keeper);
	for (size_t i = 0; i < self->n; i++)
		relay_result(c, &self->endpoints[i].relay, &self->keeper, i, &self->text);
	return 0;
}

static void close_scrape(struct collect *c)
{
	struct scrape_self *self = c->self;

	keeper_close(&self->keeper);
	for (size_t i = 0; i < self->n; i++)
		metrics_filter_close(&self->endpoints[i].filter);
	arena_release(&self->text);
	arena_release(&self->arena);
}

static bool on_by(const struct conf *settings)
{
	return ((const struct scrape_conf *)conf_get(settings, &section_scrape))->targets.n > 0;
}

const struct collector collector_scrape = {
	.name = "scrape",
	.help = "what endpoints of this host tell, relayed",
	.reads = "scrape.targets",
	.live_only = "scrape.targets",
	.on_by = on_by,
	.ours = true,
	.section = &section_scrape,
	.self_size = sizeof(struct scrape_self),
	.open = open_scrape,
	.begin = begin,
	.run = run,
	.close = close_scrape,
};
