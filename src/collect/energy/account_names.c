/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes by name: a few are told, and all others together. A name that gets among the first is
 * told from 0 on, and one that leaves them takes what it had to those that are gone: so the sum of
 * the others never falls, and never jumps.
 */
#include "collect/energy/account_internal.h"

enum { COOL_SECONDS = 600 }; /* in which heat becomes half of it */

static bool may_be_told(struct str name)
{
	/* These two stand for others. */
	return name.n && !str_eq(name, STR("other")) && !str_eq(name, STR("gone"));
}

static struct ledger_name *coldest(struct ledger_name *v, size_t n, bool shown)
{
	struct ledger_name *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (v[i].shown == shown && (!found || v[i].heat < found->heat))
			found = &v[i];
	return found;
}

static struct ledger_name *hottest(struct ledger_name *v, size_t n)
{
	struct ledger_name *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (!v[i].shown && v[i].heat && (!found || v[i].heat > found->heat))
			found = &v[i];
	return found;
}

static struct ledger_name *name_at(struct energy_ledger *l, struct str name, size_t room)
{
	struct ledger_name *place;

	for (size_t i = 0; i < l->n_names; i++)
		if (str_eq(l->names[i].name, name))
			return &l->names[i];
	place = l->n_names < room ? &l->names[l->n_names++] : coldest(l->names, l->n_names, false);
	if (place)
		*place = (struct ledger_name){ .name = name };
	return place;
}

static void hide(struct energy_ledger *l, struct ledger_name *name)
{
	l->gone_uj += name->uj;
	name->uj = 0;
	name->shown = false;
}

/* Who is among the first. It takes twice the heat to push another one out. */
static void choose(struct energy_ledger *l, size_t want)
{
	size_t shown = 0;
	struct ledger_name *out, *in;

	for (size_t i = 0; i < l->n_names; i++)
		shown += l->names[i].shown;
	for (; shown > want; shown--)
		hide(l, coldest(l->names, l->n_names, true));
	while (want && (in = hottest(l->names, l->n_names))) {
		if (shown == want) {
			out = coldest(l->names, l->n_names, true);
			if (in->heat / 2 <= out->heat)
				break;
			hide(l, out);
			shown--;
		}
		in->shown = true;
		shown++;
	}
}

void energy_charge_names(struct attribution *a, uint64_t nameless_uj, int64_t elapsed_ns)
{
	const struct energy_conf *conf = energy_settings(a->c->settings);
	struct energy_ledger *l = &a->ledger;
	size_t want = (size_t)conf->processes, room = want ? 4 * want + 64 : 0;
	uint64_t seconds = (uint64_t)(elapsed_ns > 0 ? elapsed_ns : 0) / 1000000000;
	struct ledger_name *grown = arena_zalloc(a->arena, l->n_names + room + 1, sizeof(*grown));

	if (l->n_names)
		memcpy(grown, l->names, l->n_names * sizeof(*grown));
	l->names = grown;
	for (size_t i = 0; i < l->n_names; i++)
		grown[i].heat = split_scale(grown[i].heat, COOL_SECONDS, COOL_SECONDS + seconds);
	l->other_uj += nameless_uj;
	for (size_t i = 0; i < a->n_users; i++) {
		const struct energy_user *user = &a->users[i];
		struct ledger_name *name =
			user->uj && may_be_told(user->name) ? name_at(l, user->name, room) : NULL;

		if (name)
			name->heat += user->uj;
		*(name && name->shown ? &name->uj : &l->other_uj) += user->uj;
	}
	choose(l, want);
	/* Fewer are wanted now than were. */
	while (l->n_names > room) {
		struct ledger_name *out = coldest(l->names, l->n_names, false);

		*out = l->names[--l->n_names];
	}
}
