/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/run.h"

#include <errno.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "collect/limits.h"

static const struct opt collectors_opts[] = {
	{ OPT_ROW("enable", OPT_LIST, struct collectors_conf, enable, "default", "NAME,...",
		  "collectors to run: names, default, all; -NAME takes one out"),
	  .flag = "collectors" },
	{ OPT_ROW("disable", OPT_LIST, struct collectors_conf, disable, "", "NAME,...",
		  "collectors to take out of those") },
	{ 0 },
};

const struct opt_section section_collectors = {
	.path = "collectors",
	.help = "what is sampled",
	.opts = collectors_opts,
	.size = sizeof(struct collectors_conf),
};

static struct collector_slot *find_slot(struct collectors *all, struct str name)
{
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(str_of(all->slots[i].type->name), name))
			return &all->slots[i];
	return NULL;
}

static struct str unknown(struct arena *arena, struct str name)
{
	static const char *const groups[] = { "all", "default" };
	const char *nearest = NULL;
	size_t best = name.n / 3 + 1, n = collector_count();

	for (size_t i = 0; i < n + ARRAY_SIZE(groups); i++) {
		const char *known = i < n ? collector_registry[i]->name : groups[i - n];
		size_t d = str_distance(name, str_of(known));

		if (d <= best) {
			best = d;
			nearest = known;
		}
	}
	return nearest ? arena_printf(arena, "there is no collector \"%.*s\" (did you mean %s?)",
				      STR_ARG(name), nearest)
		       : arena_printf(arena, "there is no collector \"%.*s\"; see peekpush list",
				      STR_ARG(name));
}

static bool is_default(const struct collector_slot *slot)
{
	return slot->type->on || (slot->type->on_by && slot->type->on_by(slot->c.settings));
}

/* One word of enable or disable. */
static int select_word(struct collectors *all, struct str word, bool enable)
{
	if (str_starts(word, STR("-"))) {
		enable = !enable;
		word = str_skip(word, 1);
	}
	if (str_eq(word, STR("default")) || str_eq(word, STR("all"))) {
		for (size_t i = 0; i < all->n; i++)
			if (is_default(&all->slots[i]) || word.n == 3)
				all->slots[i].enabled = enable;
		return 0;
	}
	struct collector_slot *slot = find_slot(all, word);

	if (!slot)
		return -EINVAL;
	slot->enabled = enable;
	return 0;
}

static int select_words(struct collectors *all, const struct conf *conf,
			const struct opt_list *words, bool enable, struct arena *arena,
			struct str *ret_why)
{
	struct str origin = conf_origin(conf, &section_collectors, words);

	for (size_t i = 0; i < words->n; i++) {
		struct str word = words->v[i];

		if (select_word(all, word, enable) < 0) {
			word = unknown(arena, str_skip(word, str_starts(word, STR("-"))));
			*ret_why = arena_printf(arena, "%.*s: collectors.%s: %.*s", STR_ARG(origin),
						enable ? "enable" : "disable", STR_ARG(word));
			return -EINVAL;
		}
	}
	return 0;
}

int collectors_init(struct collectors *all, const struct conf *conf, struct host *host,
		    struct metrics *out, struct state *state, struct arena *arena,
		    struct str *ret_why)
{
	const struct collectors_conf *choice = conf_get(conf, &section_collectors);

	*all = (struct collectors){ .n = collector_count() };
	all->slots = arena_zalloc(&all->arena, all->n, sizeof(*all->slots));
	for (size_t i = 0; i < all->n; i++) {
		struct collector_slot *slot = &all->slots[i];
		const struct collector *type = collector_registry[i];
		const struct collector_filter *filter = conf_get(conf, &collector_filters[i]);
		bool filtered = metrics_filter_open(&filter->filter, &all->arena, &slot->filter);

		slot->type = type;
		slot->source = (struct metrics_source){
			.name = str_of(type->name),
			.filter = filtered ? &slot->filter : NULL,
			.free = type->unlimited,
		};
		slot->c = (struct collect){
			.host = host,
			.out = out,
			.scratch = &all->scratch,
			.state = state,
			.conf = type->section ? conf_get(conf, type->section) : NULL,
			.settings = conf,
			.self = type->self_size ? arena_zalloc(&all->arena, 1, type->self_size)
						: NULL,
			.why_arena = &slot->why,
		};
	}
	/* "-hwmon" alone means: all but that one. */
	if (choice->enable.n && str_starts(choice->enable.v[0], STR("-")))
		(void)select_word(all, STR("default"), true);

	int r = select_words(all, conf, &choice->enable, true, arena, ret_why);

	return r < 0 ? r : select_words(all, conf, &choice->disable, false, arena, ret_why);
}

/*
 * Hardware that was never there seldom appears: an agent looks for it once a minute, not in
 * each cycle. What it was told last still stands.
 */
enum { LOOK_AGAIN_SECONDS = 60 };

/* A failed open is tried again in the next cycle, on a block as fresh as the first time. */
static void open_one(struct collector_slot *slot)
{
	const struct collector *type = slot->type;

	slot->result = type->open ? type->open(&slot->c) : 0;
	slot->opened = slot->result == 0;
	if (slot->opened)
		return;
	if (type->close)
		type->close(&slot->c);
	if (type->self_size)
		memset(slot->c.self, 0, type->self_size);
}

/* What begins here has as long as the others take. */
static void begin_all(struct collectors *all)
{
	for (size_t i = 0; i < all->n; i++) {
		struct collector_slot *slot = &all->slots[i];

		if (!slot->enabled || !slot->type->begin)
			continue;
		arena_reset(&all->scratch);
		if (!slot->opened)
			open_one(slot);
		if (slot->opened)
			slot->type->begin(&slot->c);
	}
}

static void run_one(struct collector_slot *slot, struct arena *scratch)
{
	int64_t begin = clock_ns(CLOCK_MONOTONIC);
	uint32_t before = slot->c.out->series;

	memset(slot->source.dropped, 0, sizeof(slot->source.dropped));
	if (begin < slot->look_ns)
		return;
	arena_reset(scratch);
	arena_reset(&slot->why);
	slot->c.why = (struct str){ 0 };
	slot->c.notes = NULL;
	slot->c.n_notes = slot->c.more_notes = 0;
	slot->c.parts = NULL;
	slot->c.n_parts = 0;
	slot->result = 0;
	metrics_enter(slot->c.out, &slot->source);
	if (!slot->opened)
		open_one(slot);
	if (slot->opened)
		slot->result = slot->type->run(&slot->c);
	metrics_leave(slot->c.out);
	slot->seconds = (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9;
	slot->series = slot->c.out->series - before;
	slot->seen |= slot->series > 0;
	if (slot->c.host->keep && !slot->seen && !slot->type->begin &&
	    (slot->result == 0 || slot->result == -ENODATA))
		slot->look_ns = begin + LOOK_AGAIN_SECONDS * INT64_C(1000000000);
}

/* A collector has few expressions; its run has gone through the gate with those of its filter. */
static void note_slow_regexes(struct collector_slot *slot)
{
	struct collect *c = &slot->c;

	if (slot->type->section)
		opt_each_regex(slot->type->section, c->conf, collect_slow_regex, c);
	metrics_filter_each_regex(&slot->filter, collect_slow_regex, c);
}

/* The state holds a hash of what was said last: the same reason is said once, not each cycle. */
static void say_once(struct collector_slot *slot, const struct log *log)
{
	struct state *state = slot->c.state;
	char name[64];
	struct str key = { name, 0 };
	struct str why = slot->c.why;
	bool failed = slot->result < 0 && slot->result != -ENODATA;
	uint64_t said;

	key.n = (size_t)(stpcpy(stpcpy(name, "failed."), slot->type->name) - name);
	said = state_u64(state, key, 0);
	if (!failed) {
		if (said)
			state_unset(state, key);
		return;
	}
	if (!why.n)
		why = str_of(strerror(-slot->result));
	if (said == str_hash(why))
		return;
	state_set_u64(state, key, str_hash(why));
	/* What only root may read is no news to who is not root; `list` tells. */
	if (slot->result == -EACCES || slot->result == -EPERM)
		log_debug(log, "collector %s: %.*s", slot->type->name, STR_ARG(why));
	else
		log_warning(log, "collector %s: %.*s", slot->type->name, STR_ARG(why));
}

static bool has_word(struct str words, struct str wanted)
{
	struct str word;

	while (str_word(&words, &word))
		if (str_eq(word, wanted))
			return true;
	return false;
}

/* The state holds the hashes of all notes of the last cycle: those that are new are said. */
static void say_notes(struct collector_slot *slot, struct arena *scratch, const struct log *log)
{
	struct state *state = slot->c.state;
	struct str key = arena_printf(scratch, "noted.%s", slot->type->name);
	struct str before = arena_str(scratch, state_get(state, key));
	_cleanup_buf_ struct buf now = { 0 };
	bool said = false;

	for (uint32_t i = 0; i < slot->c.n_notes; i++) {
		const struct collect_note *note = &slot->c.notes[i];
		struct str word = arena_printf(scratch, "%016llx", (unsigned long long)note->hash);

		if (!has_word(buf_view(&now), word)) {
			buf_str(&now, word);
			buf_char(&now, ' ');
		}
		if (has_word(before, word))
			continue;
		said = true;
		log_warning(log, "collector %s: %.*s", slot->type->name, STR_ARG(note->text));
	}
	if (said && slot->c.more_notes)
		log_warning(log, "collector %s: %u more of the kind", slot->type->name,
			    slot->c.more_notes);
	if (now.err || str_eq(buf_view(&now), before))
		return;
	if (now.n)
		state_set(state, key, buf_view(&now));
	else
		state_unset(state, key);
}

/* How the collectors fared, by struct collector's `ours`. */
static const struct metric_desc fared_descs[][2] = {
	{
		{ "node_scrape_collector_duration_seconds",
		  "Time that the collector took in this cycle.", METRIC_GAUGE },
		{ "node_scrape_collector_success",
		  "1 when the collector had something to read and could read it.", METRIC_GAUGE },
	},
	{
		{ "peekpush_collector_duration_seconds",
		  "Time that the collector took in this cycle; node_exporter has none of the name.",
		  METRIC_GAUGE },
		{ "peekpush_collector_success",
		  "1 when the collector had something to read and could read it; node_exporter has "
		  "none of the name.",
		  METRIC_GAUGE },
	},
};

void collectors_run(struct collectors *all, const struct log *log)
{
	if (!all->n)
		return;

	struct metrics *out = all->slots[0].c.out;

	all->slots[0].c.host->cycle++;
	limits_begin(all);
	/* Now, lest a text of others' gives them another type. */
	for (size_t i = 0; i < 4; i++)
		metrics_claim(out, &fared_descs[i / 2][i % 2]);
	begin_all(all);
	for (size_t i = 0; i < all->n; i++)
		if (all->slots[i].enabled) {
			run_one(&all->slots[i], &all->scratch);
			note_slow_regexes(&all->slots[i]);
			say_once(&all->slots[i], log);
			say_notes(&all->slots[i], &all->scratch, log);
			limits_count(&all->slots[i], &all->scratch);
		}
	limits_end(all, log);

	const struct metrics_limits limits = out->limits;

	/* A source that fills the limit must not hide how the others fare. */
	out->limits = (struct metrics_limits){ 0 };
	out->own = true;
	for (size_t i = 0; i < all->n; i++) {
		const struct collector_slot *slot = &all->slots[i];

		if (!slot->enabled)
			continue;

		const struct metric_desc *fared = fared_descs[slot->type->ours];
		const struct labels *labels =
			METRIC_LABELS(out, { STR("collector"), str_of(slot->type->name) });

		family_add(metrics_family(out, &fared[0]), labels, slot->seconds);
		family_add(metrics_family(out, &fared[1]), labels, slot->result == 0);
	}
	out->limits = limits;
	out->own = false;
}

void collectors_close(struct collectors *all)
{
	for (size_t i = 0; i < all->n; i++) {
		struct collector_slot *slot = &all->slots[i];

		if (slot->opened && slot->type->close)
			slot->type->close(&slot->c);
		metrics_filter_close(&slot->filter);
		arena_release(&slot->why);
	}
	if (all->n)
		all->slots[0].c.out->places = NULL;
	places_release(&all->places);
	arena_release(&all->scratch);
	arena_release(&all->arena);
	*all = (struct collectors){ 0 };
}
