/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a gateway. The structure that the API shows comes first, because it tells
 * which group is to blame; complaints of /metrics that it does not explain come last.
 */
#include "push/gateway_internal.h"

#include <stdlib.h>

#include "push/visible.h"

/* Groups by a hash of their labels, in which each label is a term of its own. */
struct keyed {
	uint64_t hash;
	uint32_t group;
};

static uint64_t term(struct str name, struct str value)
{
	return str_hash(name) * UINT64_C(0x9e3779b97f4a7c15) ^ str_hash(value);
}

static uint64_t key_of(const struct gateway_group *group)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < group->n; i++)
		sum += term(group->labels[i].name, group->labels[i].value);
	return sum;
}

static int by_hash(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

static void index_groups(struct diagnosis *d)
{
	struct gateway *g = d->g;

	d->keys = arena_zalloc(&g->arena, g->n_groups + 1, sizeof(*d->keys));
	for (uint32_t i = 0; i < g->n_groups; i++)
		d->keys[i] = (struct keyed){ key_of(&g->groups[i]), i };
	qsort(d->keys, g->n_groups, sizeof(*d->keys), by_hash);
}

int64_t diagnosis_sibling(const struct diagnosis *d, uint32_t group, struct str name,
			  const struct str *value)
{
	const struct gateway_group *self = &d->g->groups[group];
	const struct str *own = gateway_label(self, name);
	struct keyed want = { key_of(self), 0 }, *found;

	if (own)
		want.hash -= term(name, *own);
	if (value)
		want.hash += term(name, *value);
	found = bsearch(&want, d->keys, d->g->n_groups, sizeof(want), by_hash);
	return found ? (int64_t)found->group : -1;
}

struct gateway_finding *diagnosis_add(struct diagnosis *d, enum gateway_severity severity,
				      const char *kind, const uint32_t *groups, size_t n)
{
	struct gateway_findings *out = d->out;
	uint32_t *kept = arena_zalloc(&d->g->arena, n + 1, sizeof(*kept));

	for (size_t i = 0; i < n; i++) {
		kept[i] = groups[i];
		d->blamed[groups[i]] |= severity == GATEWAY_ERROR;
	}
	out->v = arena_grow(&d->g->arena, out->v, out->n, sizeof(*out->v));
	out->v[out->n] = (struct gateway_finding){
		.severity = severity,
		.kind = kind,
		.groups = kept,
		.n = n,
	};
	return &out->v[out->n++];
}

/* Whether a metric with these labels can be of this group; the API spells values with losses. */
static bool can_be_of(struct gateway *g, const struct gateway_complaint *c,
		      const struct gateway_group *group)
{
	for (uint32_t i = 0; i < group->n; i++) {
		const struct label *own = &group->labels[i];
		bool found = false;

		g->compared += c->n;
		for (uint32_t k = 0; k < c->n && !found; k++)
			found = str_eq(c->labels[k].name, own->name) &&
				(str_eq(c->labels[k].value, own->value) ||
				 (!group->exact && str_eq(c->lossy[k].value, own->value)));
		if (!found || g->compared > COMPARED_MAX)
			return false;
	}
	return true;
}

static bool says(const struct gateway_complaint *c, const char *words)
{
	return c->why.n && memmem(c->why.p, c->why.n, words, strlen(words));
}

/* A group's times have its labels and no others, but for an empty instance. */
static uint32_t labels_without_instance(const struct gateway_complaint *c)
{
	uint32_t n = c->n;

	for (uint32_t i = 0; i < c->n; i++)
		n -= str_eq(c->labels[i].name, STR("instance")) && !c->labels[i].value.n;
	return n;
}

static void take_exact(struct gateway *g, struct gateway_group *group,
		       const struct gateway_complaint *c)
{
	struct label *labels = arena_zalloc(&g->arena, group->n + 1, sizeof(*labels));

	for (uint32_t i = 0; i < group->n; i++) {
		labels[i] = group->labels[i];
		for (uint32_t k = 0; k < c->n; k++)
			if (str_eq(c->labels[k].name, labels[i].name))
				labels[i].value = c->labels[k].value;
	}
	group->labels = labels;
	group->exact = true;
}

/* Each group has one push_time_seconds, so that of two that look the same each gets its own. */
static void make_exact(struct gateway *g)
{
	for (size_t i = 0; i < g->n_complaints; i++) {
		const struct gateway_complaint *c = &g->complaints[i];

		if (!str_eq(c->family, STR("push_time_seconds")))
			continue;
		for (size_t k = 0; k < g->n_groups; k++) {
			struct gateway_group *group = &g->groups[k];

			if (group->exact || !can_be_of(g, c, group) ||
			    (group->n != c->n && group->n != labels_without_instance(c)))
				continue;
			take_exact(g, group, c);
			break;
		}
	}
}

/* Where nothing tells the groups, at least those that are complained of. */
static void groups_of_complaints(struct gateway *g)
{
	for (size_t i = 0; i < g->n_complaints && g->n_groups < GATEWAY_GROUPS_MAX; i++) {
		const struct gateway_complaint *c = &g->complaints[i];
		bool twice = says(c, "collected before");
		struct gateway_group group = { .exact = true, .running = -1, .jobs = -1 };
		struct label *labels;

		if (!str_eq(c->family, STR("push_time_seconds")))
			continue;
		labels = arena_zalloc(&g->arena, c->n + 1, sizeof(*labels));
		for (uint32_t k = 0; k < c->n; k++)
			if (twice || c->labels[k].value.n ||
			    !str_eq(c->labels[k].name, STR("instance")))
				labels[group.n++] = c->labels[k];
		group.labels = labels;
		g->groups = arena_grow(&g->arena, g->groups, g->n_groups, sizeof(group));
		g->groups[g->n_groups++] = group;
	}
}

/* Whether the findings so far explain it: they name its family, or a group that it is of. */
static bool explained(struct diagnosis *d, const struct gateway_complaint *c)
{
	for (size_t i = 0; i < d->out->n; i++) {
		const struct gateway_finding *f = &d->out->v[i];

		if (f->severity != GATEWAY_ERROR)
			continue;
		if (f->family.p && str_eq(f->family, c->family))
			return true;
		if (gateway_own_time(c->family) && strcmp(f->kind, "spoofed") == 0)
			return true;
		if (f->wipe)
			return true;
		for (size_t k = 0; k < f->n; k++)
			if (can_be_of(d->g, c, &d->g->groups[f->groups[k]]))
				return true;
	}
	return false;
}

/* The groups it can be about: of those that have the same series, the one with fewest labels. */
static size_t culprits(struct diagnosis *d, const struct gateway_complaint *c, uint32_t **ret)
{
	bool twice = says(c, "collected before"),
	     times = gateway_own_time(c->family) || !d->g->known;
	size_t n_families, n = 0;
	const struct gateway_family *f = diagnosis_families(d->g, c->family, &n_families);
	size_t all = times ? d->g->n_groups : n_families;
	uint32_t *groups = arena_zalloc(&d->g->arena, all + 1, sizeof(*groups));

	for (size_t i = 0; i < all; i++) {
		uint32_t k = times ? (uint32_t)i : f[i].group;

		if (!can_be_of(d->g, c, &d->g->groups[k]))
			continue;
		/* Where nobody says which has the family it is the one that fits best. */
		if (n == 0 || (!twice && d->g->known))
			groups[n++] = k;
		else if ((d->g->groups[k].n < d->g->groups[groups[0]].n) == twice)
			groups[0] = k;
	}
	*ret = groups;
	return n;
}

static void diagnose_complaints(struct diagnosis *d)
{
	enum { LOOK_AT = 1000 };
	struct gateway *g = d->g;

	for (size_t i = 0; i < g->n_complaints && i < LOOK_AT; i++) {
		const struct gateway_complaint *c = &g->complaints[i];
		struct gateway_finding *f;
		uint32_t *groups;
		size_t n;

		if (explained(d, c))
			continue;
		n = culprits(d, c, &groups);
		f = diagnosis_add(d, GATEWAY_ERROR, "inconsistent", groups, n);
		f->family = c->family;
		f->wipe = n == 0;
		f->what = arena_printf(&g->arena, "every scrape fails: %.*s",
				       STR_ARG(visible(&g->arena, n ? c->why : c->text, 200)));
	}
}

static void look_at_scrape(struct diagnosis *d)
{
	enum { CHECKED_SERIES = 50000 };
	struct gateway *g = d->g;
	struct gateway_finding *f;
	bool errors = false;

	for (size_t i = 0; i < d->out->n; i++)
		errors |= d->out->v[i].severity == GATEWAY_ERROR;
	if (!g->known) {
		f = diagnosis_add(d, GATEWAY_ERROR, "unreadable", NULL, 0);
		f->what = arena_printf(&g->arena, "/api/v1/metrics: %.*s", STR_ARG(g->unknown));
	}
	if (!g->ready) {
		f = diagnosis_add(d, GATEWAY_ERROR, "not-ready", NULL, 0);
		f->what = arena_printf(&g->arena, "/-/ready: %.*s", STR_ARG(g->unready));
	}
	if (g->known && !g->unchecked && g->n_series > CHECKED_SERIES) {
		f = diagnosis_add(d, GATEWAY_NOTE, "many-series", NULL, 0);
		f->what = STR("each push is compared with more than 50,000 series: pushes begin to "
			      "wait for one another");
	}
	if (g->scrape_cut) {
		f = diagnosis_add(d, GATEWAY_WARNING, "too-large", NULL, 0);
		f->what = STR("a scrape has more than 100 MB: have more gateways, or fewer series");
	}
	if (g->scrape_status != 200 && !errors) {
		f = diagnosis_add(d, GATEWAY_ERROR, "unscrapable", NULL, 0);
		f->what = arena_printf(&g->arena, "%.*s: %.*s", STR_ARG(g->telemetry),
				       STR_ARG(g->scrape));
		f->wipe = g->scrape_status == 500;
	} else if (g->scrape_status == 200 && !errors &&
		   (!g->scrape_series || (!g->scrape_utf8 && !g->scrape_cut))) {
		f = diagnosis_add(d, GATEWAY_ERROR, "unscrapable", NULL, 0);
		f->what = g->scrape_series ? STR("the scrape is not UTF-8: Prometheus refuses it")
					   : STR("the scrape is empty");
		f->wipe = true;
	}
}

/* It dies of what it wants to log of a refused push, and with it the answer; mended in 1.11.1. */
static void look_at_version(struct diagnosis *d)
{
	struct gateway_finding *f;

	if (!str_eq(d->g->version, STR("1.11.0")))
		return;
	f = diagnosis_add(d, GATEWAY_NOTE, "version", NULL, 0);
	f->what = STR(
		"1.11.0 closes the connection instead of saying why it refuses a push: 1.11.1 has "
		"that mended");
}

static void look_at_clock(struct diagnosis *d)
{
	int64_t apart = d->g->skew < 0 ? -d->g->skew : d->g->skew;
	struct gateway_finding *f;

	if (!apart)
		return;
	f = diagnosis_add(d, GATEWAY_NOTE, "clock", NULL, 0);
	f->what = arena_printf(&d->g->arena, "the gateway's is %lld s %s this host's",
			       (long long)apart, d->g->skew < 0 ? "behind" : "ahead of");
}

/* Stable: within one severity they stay as they were found. */
static void sort(struct gateway *g, struct gateway_findings *all)
{
	struct gateway_finding *sorted = arena_zalloc(&g->arena, all->n + 1, sizeof(*sorted));
	size_t n = 0;

	for (int severity = GATEWAY_ERROR; severity <= GATEWAY_NOTE; severity++)
		for (size_t i = 0; i < all->n; i++)
			if ((int)all->v[i].severity == severity)
				sorted[n++] = all->v[i];
	all->v = sorted;
}

void gateway_diagnose(struct gateway *g, int64_t stale_s, struct gateway_findings *ret)
{
	struct diagnosis d = { .g = g, .out = ret, .stale_s = stale_s };

	*ret = (struct gateway_findings){ 0 };
	if (g->known)
		make_exact(g);
	else if (!g->n_groups)
		groups_of_complaints(g);
	d.broken = g->scrape_status != 200;
	d.blamed = arena_zalloc(&g->arena, g->n_groups + 1, sizeof(*d.blamed));
	index_groups(&d);
	diagnose_groups(&d);
	diagnosis_sort_families(g);
	diagnose_families(&d);
	diagnose_complaints(&d);
	look_at_scrape(&d);
	diagnose_times(&d);
	look_at_version(&d);
	look_at_clock(&d);
	sort(g, ret);
}
