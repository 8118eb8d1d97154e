/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with families: by themselves, between groups, and beside the gateway's own. */
#include "push/gateway_internal.h"

#include <stdlib.h>

#include "push/visible.h"

static int compare(const void *a, const void *b)
{
	const struct gateway_family *x = a, *y = b;
	int r = str_cmp(x->name, y->name);

	return r ? r : (x->group > y->group) - (x->group < y->group);
}

void diagnosis_sort_families(struct gateway *g)
{
	if (g->n_families)
		qsort(g->families, g->n_families, sizeof(*g->families), compare);
}

const struct gateway_family *diagnosis_families(const struct gateway *g, struct str name,
						size_t *ret_n)
{
	size_t low = 0, high = g->n_families, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (str_cmp(g->families[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < g->n_families && str_eq(g->families[low + n].name, name))
		n++;
	*ret_n = n;
	return n ? g->families + low : NULL;
}

static struct gateway_finding *add(struct diagnosis *d, enum gateway_severity severity,
				   const char *kind, const struct gateway_family *family,
				   const uint32_t *groups, size_t n)
{
	struct gateway_finding *f = diagnosis_add(d, severity, kind, groups, n);

	f->family = family->name;
	return f;
}

static bool own_name(struct str name)
{
	return str_starts(name, STR("go_")) || str_starts(name, STR("process_")) ||
	       str_starts(name, STR("promhttp_")) || str_starts(name, STR("pushgateway_"));
}

bool gateway_legal_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
		      (i && c >= '0' && c <= '9')))
			return false;
	}
	return name.n > 0;
}

static bool known_type(struct str type)
{
	static const char *const types[] = {
		"COUNTER", "GAUGE", "UNTYPED", "SUMMARY", "HISTOGRAM", "GAUGE_HISTOGRAM",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(type, str_of(types[i])))
			return true;
	return false;
}

static bool lossy(struct str text)
{
	return text.n && memmem(text.p, text.n, "\xef\xbf\xbd", 3);
}

static struct str type_of(const struct gateway_family *f)
{
	return f->type;
}

static struct str help_of(const struct gateway_family *f)
{
	return f->help;
}

/* Groups of a family for which something holds. */
static uint32_t *select_groups(struct diagnosis *d, const struct gateway_family *f, size_t n,
			       bool (*holds)(const struct gateway_family *f), size_t *ret_n)
{
	uint32_t *groups = arena_zalloc(&d->g->arena, n, sizeof(*groups));

	*ret_n = 0;
	for (size_t i = 0; i < n; i++)
		if (holds(&f[i]))
			groups[(*ret_n)++] = f[i].group;
	return groups;
}

static bool wrong_type(const struct gateway_family *f)
{
	return !known_type(f->type);
}

static bool lossy_help(const struct gateway_family *f)
{
	return lossy(f->help);
}

static bool any(const struct gateway_family *f)
{
	(void)f;
	return true;
}

static bool colon_label(const struct gateway_family *f)
{
	return f->colon.n > 0;
}

static struct str first_colon(const struct gateway_family *f, size_t n)
{
	size_t i = 0;

	while (i + 1 < n && !f[i].colon.n)
		i++;
	return f[i].colon;
}

/*
 * Newer gateways write any name that is UTF-8 so that it can be read: in quotes to Prometheus 3,
 * with _ to older ones.
 */
static void look_at_name(struct diagnosis *d, const struct gateway_family *f, size_t n)
{
	bool readable = d->g->scrape_status == 200 && d->g->scrape_utf8 && !d->g->scrape_raw;
	struct gateway_finding *found;
	uint32_t *groups;
	size_t k;

	if (d->g->utf8_names && !lossy(f->name))
		return;
	groups = select_groups(d, f, n, any, &k);
	found = add(d, readable ? GATEWAY_WARNING : GATEWAY_ERROR, "bad-name", f, groups, k);
	found->what = readable
			      ? STR("no name to Prometheus before 3.0, which is given another one, "
				    "with _ in it")
			      : STR("not a name of a metric: Prometheus refuses the whole scrape");
}

static void look_at_each(struct diagnosis *d, const struct gateway_family *f, size_t n)
{
	struct gateway_finding *found;
	uint32_t *groups;
	size_t k;

	if (f->name.n == 0) {
		groups = select_groups(d, f, n, any, &k);
		found = add(d, GATEWAY_ERROR, "no-name", f, groups, k);
		found->what =
			STR("a family without a name: the scrape is empty, nobody has metrics");
	} else if (!gateway_legal_name(f->name)) {
		look_at_name(d, f, n);
	}
	groups = select_groups(d, f, n, colon_label, &k);
	if (k) {
		struct str label = visible(&d->g->arena, first_colon(f, n), 100);

		found = add(d, GATEWAY_ERROR, "bad-label", f, groups, k);
		found->what = arena_printf(&d->g->arena,
					   "%.*s has a colon, with which the gateway writes what "
					   "Prometheus refuses, and the whole scrape with it",
					   STR_ARG(label));
	}
	groups = select_groups(d, f, n, wrong_type, &k);
	if (k) {
		found = add(d, GATEWAY_ERROR, "bad-type", f, groups, k);
		found->what =
			STR("a type that nobody knows: the scrape ends there, what comes after "
			    "it in the alphabet is missing");
	}
	groups = select_groups(d, f, n, lossy_help, &k);
	if (k && (!d->g->scrape_utf8 || d->broken)) {
		found = add(d, GATEWAY_ERROR, "bad-help", f, groups, k);
		found->what =
			STR("the HELP text is not UTF-8: Prometheus refuses the whole scrape");
	}
}

/*
 * The value that most groups have; of two that are equally many, the one that the group has whose
 * last push is older: it was there before.
 */
static struct str majority(const struct gateway *g, const struct gateway_family *f, size_t n,
			   struct str (*of)(const struct gateway_family *f))
{
	enum { LOOK_AT = 64 };
	struct str seen[LOOK_AT] = { { 0 } };
	size_t count[LOOK_AT] = { 0 }, kinds = 0, best = 0;
	double since[LOOK_AT] = { 0 };

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < kinds && !str_eq(seen[k], of(&f[i])))
			k++;
		if (k == LOOK_AT)
			continue;
		if (k == kinds) {
			since[kinds] = g->groups[f[i].group].pushed;
			seen[kinds++] = of(&f[i]);
		}
		count[k]++;
	}
	for (size_t k = 1; k < kinds; k++)
		if (count[k] > count[best] || (count[k] == count[best] && since[k] < since[best]))
			best = k;
	return seen[best];
}

/* Groups that differ from most; 0 when all agree. */
static size_t minority(struct diagnosis *d, const struct gateway_family *f, size_t n,
		       struct str (*of)(const struct gateway_family *f), uint32_t **ret,
		       struct str *ret_usual)
{
	bool differ = false;
	size_t k = 0;

	for (size_t i = 1; i < n && !differ; i++)
		differ = !str_eq(of(&f[i]), of(f));
	if (!differ)
		return 0;
	*ret_usual = majority(d->g, f, n, of);
	*ret = arena_zalloc(&d->g->arena, n, sizeof(**ret));
	for (size_t i = 0; i < n; i++)
		if (!str_eq(of(&f[i]), *ret_usual))
			(*ret)[k++] = f[i].group;
	return k;
}

static void compare_groups(struct diagnosis *d, const struct gateway_family *f, size_t n)
{
	struct arena *arena = &d->g->arena;
	struct gateway_finding *found;
	uint32_t *groups;
	struct str usual;
	size_t k = minority(d, f, n, type_of, &groups, &usual);

	if (k) {
		usual = visible(arena, usual, 30);
		found = add(d, GATEWAY_ERROR, "type-conflict", f, groups, k);
		found->what = arena_printf(
			arena,
			"not a %.*s in %zu of %zu groups: every scrape fails, and pushes with it",
			STR_ARG(usual), k, n);
	}
	/* Of its own families the gateway knows the text. */
	k = own_name(f->name) ? 0 : minority(d, f, n, help_of, &groups, &usual);
	if (k) {
		usual = visible(arena, usual, 80);
		found = add(d, GATEWAY_WARNING, "help-conflict", f, groups, k);
		found->what = arena_printf(arena,
					   "another HELP text than \"%.*s\" in %zu of %zu groups: "
					   "each scrape takes longer, and writes both to the log",
					   STR_ARG(usual), k, n);
	}
}

/* A histogram x has x_count itself; another family of that name collides with it. */
static void look_for_collisions(struct diagnosis *d, const struct gateway_family *f)
{
	static const struct str suffixes[] = { { "_count", 6 }, { "_sum", 4 }, { "_bucket", 7 } };
	bool histogram = str_eq(f->type, STR("HISTOGRAM"));

	if (!histogram && !str_eq(f->type, STR("SUMMARY")))
		return;
	for (size_t i = 0; i < (histogram ? 3 : 2); i++) {
		_cleanup_arena_ struct arena scratch = { 0 };
		struct str name = ARENA_CONCAT(&scratch, f->name, suffixes[i]);
		struct gateway_finding *found;
		const struct gateway_family *other;
		uint32_t *groups;
		size_t n, k;

		other = diagnosis_families(d->g, name, &n);
		if (!n)
			continue;
		groups = select_groups(d, other, n, any, &k);
		found = add(d, d->broken ? GATEWAY_ERROR : GATEWAY_WARNING, "name-collision", other,
			    groups, k);
		found->what =
			arena_printf(&d->g->arena, "the name is that of a part of the %s %.*s",
				     histogram ? "histogram" : "summary",
				     STR_ARG(visible(&d->g->arena, f->name, 200)));
	}
}

static bool complained_of(struct gateway *g, struct str name)
{
	g->compared += g->n_complaints;
	for (size_t i = 0; i < g->n_complaints && g->compared < COMPARED_MAX; i++)
		if (str_eq(g->complaints[i].family, name))
			return true;
	return false;
}

static void look_at_own(struct diagnosis *d, const struct gateway_family *f, size_t n)
{
	bool wrong = complained_of(d->g, f->name);
	struct gateway_finding *found;
	uint32_t *groups;
	size_t k;

	if (!own_name(f->name))
		return;
	groups = select_groups(d, f, n, any, &k);
	found = add(d,
		    wrong                                      ? GATEWAY_ERROR
		    : str_starts(f->name, STR("pushgateway_")) ? GATEWAY_WARNING
							       : GATEWAY_NOTE,
		    "own-family", f, groups, k);
	found->what =
		wrong ? STR("the gateway has this family itself, with another type or help text: "
			    "every scrape fails")
		      : STR("the gateway has this family itself: sum() over it counts both, and "
			    "another type would be refused");
}

void diagnose_families(struct diagnosis *d)
{
	struct gateway *g = d->g;
	size_t n;

	for (size_t i = 0; i < g->n_families; i += n) {
		const struct gateway_family *f = &g->families[i];

		n = 1;
		while (i + n < g->n_families && str_eq(f[n].name, f->name))
			n++;
		look_at_each(d, f, n);
		compare_groups(d, f, n);
		look_at_own(d, f, n);
		for (size_t k = 0; k < n; k++)
			if (k == 0 || !str_eq(f[k].type, f[k - 1].type))
				look_for_collisions(d, &f[k]);
	}
}
