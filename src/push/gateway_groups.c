/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a group by itself, or beside another: its labels, its times. */
#include "push/gateway_internal.h"

#include "push/visible.h"

/* "3 d", "5 min" */
static struct str age_text(struct arena *arena, double s)
{
	if (s < 120)
		return arena_printf(arena, "%.0f s", s > 0 ? s : 0);
	if (s < 7200)
		return arena_printf(arena, "%.0f min", s / 60);
	if (s < 172800)
		return arena_printf(arena, "%.0f h", s / 3600);
	return arena_printf(arena, "%.0f d", s / 86400);
}

static struct gateway_finding *add(struct diagnosis *d, enum gateway_severity severity,
				   const char *kind, uint32_t group)
{
	return diagnosis_add(d, severity, kind, &group, 1);
}

/* From 1.11 on such a label can come in a path, escaped; the gateway writes it without quotes. */
static bool look_at_colons(struct diagnosis *d, uint32_t i)
{
	struct gateway_group *group = &d->g->groups[i];

	for (uint32_t k = 0; k < group->n; k++) {
		struct str name = group->labels[k].name;

		if (!name.n || !memchr(name.p, ':', name.n))
			continue;
		add(d, GATEWAY_ERROR, "poisoned", i)->what =
			arena_printf(&d->g->arena, "a label is called %.*s: every scrape fails",
				     STR_ARG(visible(&d->g->arena, name, 100)));
		return true;
	}
	return false;
}

/* What is no UTF-8 fails everything; the group itself is all that is left of the refused push. */
static void look_at_bytes(struct diagnosis *d, uint32_t i)
{
	struct gateway_group *group = &d->g->groups[i];
	struct str name = { 0 };

	for (uint32_t k = 0; k < group->n; k++)
		if (!str_utf8_valid(group->labels[k].value))
			name = group->labels[k].name;
	if (name.n == 0 && look_at_colons(d, i))
		return;
	if (name.n == 0 && (group->exact || !d->broken))
		return;

	struct gateway_finding *f = add(d, GATEWAY_ERROR, "poisoned", i);

	if (name.n) {
		name = visible(&d->g->arena, name, 100);
		f->what = arena_printf(&d->g->arena,
				       "%.*s is not UTF-8: every scrape and everybody's push fails",
				       STR_ARG(name));
		return;
	}
	f->what =
		STR("has U+FFFD in a label, perhaps for bytes that are not UTF-8, which cannot be "
		    "known here");
	f->wipe = true;
	f->n = 0;
}

static void look_at_empty(struct diagnosis *d, uint32_t i)
{
	struct gateway_group *group = &d->g->groups[i];

	for (uint32_t k = 0; k < group->n; k++) {
		struct str name = group->labels[k].name;
		struct gateway_finding *f;
		bool twin, instance = str_eq(name, STR("instance"));

		if (group->labels[k].value.n)
			continue;
		twin = diagnosis_sibling(d, i, name, NULL) >= 0;
		name = visible(&d->g->arena, name, 100);
		f = add(d, twin && (instance || d->broken) ? GATEWAY_ERROR : GATEWAY_WARNING,
			twin && instance ? "poisoned" : "empty-label", i);
		if (twin && instance)
			f->what = STR("is the same to Prometheus as the group without instance: "
				      "every scrape and everybody's push fails");
		else if (twin)
			f->what =
				arena_printf(&d->g->arena,
					     "empty %.*s is the same to Prometheus as none, and a "
					     "group without it is there, too: each scrape loses "
					     "series of one of the two",
					     STR_ARG(name));
		else
			f->what = arena_printf(
				&d->g->arena,
				"empty %.*s is the same to Prometheus as none, but not "
				"to the gateway",
				STR_ARG(name));
		return;
	}
}

/* The API has them in the order of their names. */
static bool share_family(const struct gateway *g, const struct gateway_group *a,
			 const struct gateway_group *b)
{
	uint32_t i = 0, k = 0;

	while (i < a->n_families && k < b->n_families) {
		int order = str_cmp(g->families[a->first + i].name, g->families[b->first + k].name);

		if (order == 0)
			return true;
		i += order < 0;
		k += order > 0;
	}
	return false;
}

/* Series with `instance` in a group without: the group of that instance may have the same. */
static void look_at_instances(struct diagnosis *d, uint32_t i)
{
	struct gateway_group *group = &d->g->groups[i];

	if (gateway_label(group, STR("instance")))
		return;
	for (uint32_t k = 0; k < group->n_instances; k++) {
		int64_t other = diagnosis_sibling(d, i, STR("instance"), &group->instances[k]);

		if (other < 0 || !(d->g->groups[other].failed ||
				   share_family(d->g, group, &d->g->groups[other])))
			continue;

		struct gateway_finding *f =
			add(d, d->broken ? GATEWAY_ERROR : GATEWAY_WARNING, "conflict", i);
		struct str instance = visible(&d->g->arena, group->instances[k], 100);

		f->what =
			arena_printf(&d->g->arena,
				     "has series with instance=%.*s, which has a group of its own: "
				     "the same series twice is refused",
				     STR_ARG(instance));
		return;
	}
}

static void look_at_spoof(struct diagnosis *d, uint32_t i)
{
	struct gateway_group *group = &d->g->groups[i];
	struct gateway_finding *f;

	if (group->hidden) {
		f = add(d, GATEWAY_WARNING, "reserved-name", i);
		f->what =
			STR("has a family called labels or last_push_successful, which hides what "
			    "the gateway's API says of the group");
	}
	if (!group->spoofed)
		return;
	f = add(d, group->foreign_type ? GATEWAY_ERROR : GATEWAY_WARNING, "spoofed", i);
	f->what = group->foreign_type ? STR("pushes push_failure_time_seconds with a type of its "
					    "own: scrapes and "
					    "everybody's pushes fail once there is another")
				      : STR("pushes push_failure_time_seconds: nobody can see when "
					    "its pushes fail");
}

static void look_at_failure(struct diagnosis *d, uint32_t i)
{
	const struct gateway_group *group = &d->g->groups[i];
	struct gateway_finding *f;
	struct str age;

	if (!group->failed || group->spoofed || d->blamed[i])
		return;
	age = age_text(&d->g->arena, d->g->now - group->failed_at);
	f = add(d, GATEWAY_WARNING, "failed", i);
	f->what = arena_printf(
		&d->g->arena, "the last push was refused, %.*s ago%s; who pushes it was told why%s",
		STR_ARG(age), group->pushed > 0 ? "" : ", and none was accepted before",
		d->broken ? ", which may be the errors above" : "");
}

/* By the interval of whoever says one, as the alerts do; else by the time that was asked for. */
static void look_at_age(struct diagnosis *d, uint32_t i)
{
	const struct gateway_group *group = &d->g->groups[i];
	double now = d->g->now, age = now - group->pushed;
	bool late = group->interval > 0 && age > 3 * group->interval;
	struct arena *arena = &d->g->arena;
	struct str text = age_text(arena, age);
	struct gateway_finding *f;

	if (!(group->pushed > 0))
		return;
	if (group->running > 0 && group->interval > 0) {
		if (!late)
			return;
		f = add(d, GATEWAY_WARNING, "silent", i);
		f->what =
			arena_printf(arena,
				     "pushes every %.3g s, and last did so %.*s ago: the host, its "
				     "network or peekpush is dead",
				     group->interval, STR_ARG(text));
	} else if (group->running == 0) {
		if (!late)
			return;
		f = add(d, GATEWAY_NOTE, "stopped", i);
		f->what = arena_printf(arena, "peekpush was stopped there %.*s ago", STR_ARG(text));
	} else if (group->jobs > 0 && late) {
		f = add(d, GATEWAY_WARNING, "lost", i);
		f->what = arena_printf(arena,
				       "the job was running, and its last sign of life is %.*s old",
				       STR_ARG(text));
	} else if (group->expected > 0) {
		if (!(group->success > 0) || now - group->success <= 2 * group->expected)
			return;
		text = age_text(arena, now - group->success);
		f = add(d, GATEWAY_WARNING, "overdue", i);
		f->what = arena_printf(arena, "the job succeeded %.*s ago, and should every %.*s",
				       STR_ARG(text), STR_ARG(age_text(arena, group->expected)));
	} else if (age > (double)d->stale_s) {
		f = add(d, GATEWAY_WARNING, "stale", i);
		f->what = arena_printf(arena, "the last push was %.*s ago", STR_ARG(text));
	}
}

void diagnose_groups(struct diagnosis *d)
{
	for (uint32_t i = 0; i < d->g->n_groups; i++) {
		look_at_bytes(d, i);
		look_at_empty(d, i);
		look_at_instances(d, i);
		look_at_spoof(d, i);
	}
}

void diagnose_times(struct diagnosis *d)
{
	for (uint32_t i = 0; i < d->g->n_groups; i++) {
		look_at_failure(d, i);
		look_at_age(d, i);
	}
}
