/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which group a process belongs to. A rule is a line of words KEY=VALUE that must all hold:
 *
 *	comm=bash,zsh  exe=/usr/bin/python3*  user=www-data  unit=nginx.service  container=4f2a*
 *	cmdline='-jar ([^ ]+)[.]jar'  cgroup='^/user[.]slice'  name='java:{1}'
 *
 * Lists are of shell patterns, any of which may match; cmdline and cgroup are regular expressions,
 * found anywhere, and may stand more than once. A value with blanks stands between ' and '. The
 *name is a template; without one it is the rule's own name.
 */
#pragma once

#include "base/opt.h"
#include "collect/process/identity.h"

struct rule_term;

struct rule {
	struct str name;  /* template */
	bool wants_files; /* asks for what only a living process can tell */
	size_t n;
	struct rule_term *terms;
};

struct rules {
	size_t n;
	struct rule *v;
	uint64_t hash; /* of their text: other rules, other groups */
};

/* What opt->check calls. 0, or -EINVAL with ret_why. */
int rules_check(struct str text, struct arena *arena, struct str *ret_why);

/* From checked rules, by name. Without any: one that groups by name of the process. */
void rules_init(struct rules *rules, const struct opt_map *map, struct arena *arena);
void rules_release(struct rules *rules);
void rules_each_regex(const struct rules *rules, regex_fn *fn, void *arg);

/* The first rule that holds gives the group's name; false when none does. */
bool rules_match(const struct rules *rules, struct identity *who, struct str *ret_name);
