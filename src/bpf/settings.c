/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/settings.h"

#include <errno.h>

#include "base/cleanup.h"
#include "bpf/builtin.h"

static const struct opt ebpf_opts[] = {
	{ OPT_ROW("programs", OPT_LIST, struct ebpf_conf, programs, "default", "NAME,...",
		  "BPF programs to load: names, default, all; -NAME takes one out"),
	  .flag = "programs" },
	{ OPT_ROW("objects", OPT_STRING, struct ebpf_conf, objects, "", "DIR",
		  "where objects of your own lie, NAME.bpf.o; empty: " SYSCONFDIR
		  "/peekpush/bpf.d") },
	{ OPT_ROW("pins", OPT_STRING, struct ebpf_conf, pins, "/run/peekpush/bpf", "DIR",
		  "BPF file system where what is loaded is found") },
	{ OPT_ROW("load", OPT_BOOL, struct ebpf_conf, load, "true", NULL,
		  "the agent loads by itself what is not loaded, where it may") },
	{ OPT_ROW("max_series", OPT_INT, struct ebpf_conf, max_series, "10000", "N",
		  "series of one metric of a BPF program"),
	  .min = 1, .max = 10000000 },
	{ OPT_ROW("measure", OPT_DURATION, struct ebpf_conf, measure_ns, "0", "TIME",
		  "`bpf list` has the kernel measure the programs for so long"),
	  .flag = "measure", .max = INT64_C(3600000000000) },
	{ 0 },
};

const struct opt_section section_ebpf = {
	.path = "ebpf",
	.help = "BPF programs",
	.opts = ebpf_opts,
	.size = sizeof(struct ebpf_conf),
};

struct str ebpf_objects(const struct ebpf_conf *conf)
{
	return conf->objects.n ? conf->objects : STR(SYSCONFDIR "/peekpush/bpf.d");
}

bool ebpf_wants(const struct ebpf_conf *conf, struct str name, bool on)
{
	const struct opt_list *words = &conf->programs;
	/* "-llc" alone means: all of the default but that one. */
	bool wanted = words->n && str_starts(words->v[0], STR("-")) && on;

	for (size_t i = 0; i < words->n; i++) {
		bool out = str_starts(words->v[i], STR("-"));
		struct str word = str_skip(words->v[i], out);

		if (str_eq(word, name) || str_eq(word, STR("all")) ||
		    (on && str_eq(word, STR("default"))))
			wanted = !out;
	}
	return wanted;
}

/* A name that was asked for, and the nearest of those there are. */
struct search {
	struct str word;
	bool found;
	struct str nearest;
	size_t best;
};

static void look_at(struct search *search, struct str name, struct arena *arena)
{
	size_t d = str_distance(search->word, name);

	search->found |= str_eq(search->word, name);
	if (d > search->best)
		return;
	search->best = d;
	search->nearest = arena_str(arena, name);
}

static void look_through(struct search *search, const struct ebpf_conf *conf, struct arena *arena)
{
	_cleanup_dir_ DIR *dir = opendir(ebpf_objects(conf).p);
	const struct dirent *entry;

	look_at(search, STR("default"), arena);
	look_at(search, STR("all"), arena);
	for (const struct builtin *b = builtin_programs; b->name; b++)
		look_at(search, str_of(b->name), arena);
	while (!search->found && dir && (entry = readdir(dir))) {
		struct str name = str_of(entry->d_name), suffix = STR(EBPF_OBJECT_SUFFIX);

		if (!str_ends(name, suffix))
			continue;
		name.n -= suffix.n;
		look_at(search, name, arena);
	}
}

int ebpf_check(const struct ebpf_conf *conf, struct arena *arena, struct str *ret_why)
{
	/* Built without BPF it knows no names, and a file made for others must do. */
	if (!builtin_programs->name)
		return 0;
	for (size_t i = 0; i < conf->programs.n; i++) {
		struct str word = conf->programs.v[i];
		struct search search = {
			.word = str_skip(word, str_starts(word, STR("-"))),
		};

		search.best = search.word.n / 3 + 1;
		look_through(&search, conf, arena);
		if (search.found)
			continue;
		*ret_why = arena_printf(
			arena, "ebpf.programs: there is no program \"%.*s\"%s%.*s%s",
			STR_ARG(search.word),
			search.nearest.n ? " (did you mean " : "; see peekpush bpf list",
			STR_ARG(search.nearest), search.nearest.n ? "?)" : "");
		return -EINVAL;
	}
	return 0;
}
