/* SPDX-License-Identifier: Apache-2.0 */
#include "host/edac.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { KEPT_OPEN_MAX = 128, RUNS_BETWEEN_LOOKS = 20 };

/* "mc3" with the prefix "mc" has the number 3. */
static bool numbered(struct str name, struct str prefix, struct str *ret_number)
{
	struct str number = str_skip(name, prefix.n);
	uint64_t value;

	if (!str_starts(name, prefix) || num_u64(number, &value) < 0)
		return false;
	*ret_number = number;
	return true;
}

static struct str replace(struct edac *edac, struct str text, struct str from, struct str to)
{
	char *p = arena_alloc(&edac->arena, text.n * (to.n + 1) + 1), *end = p;

	while (text.n) {
		bool here = str_starts(text, from);
		struct str piece = here ? to : (struct str){ text.p, 1 };

		if (piece.n)
			memcpy(end, piece.p, piece.n);
		end += piece.n;
		text = str_skip(text, here ? from.n : 1);
	}
	return str_between(p, end);
}

/* "mc#0csrow#1channel#0" becomes mc0_csrow1_channel0, as node_exporter has it. */
static struct str dimm_label(struct edac *edac, int dir, struct str channel)
{
	struct str file = arena_printf(&edac->arena, "ch%.*s_dimm_label", STR_ARG(channel)), text;

	if (host_attr(dir, file.p, &edac->arena, &text) < 0)
		return STR("unknown");
	text = replace(edac, text, STR("#"), STR(""));
	text = replace(edac, text, STR("csrow"), STR("_csrow"));
	return replace(edac, text, STR("channel"), STR("_channel"));
}

/* A file name of a csrow, "ch1_ce_count", names a channel. */
static bool is_channel(struct str name, struct str *ret_number)
{
	if (!str_ends(name, STR("_ce_count")))
		return false;
	name.n -= STR("_ce_count").n;
	return numbered(name, STR("ch"), ret_number);
}

static void plan(struct edac *edac, int dir, struct str file, bool corrected,
		 const struct edac_counter *of)
{
	struct edac_counter *counter = arena_zalloc(&edac->arena, 1, sizeof(*counter));

	*counter = *of;
	counter->corrected = corrected;
	counter->source = (struct attr_file){ dir, file.p, -1 };
	*edac->last = counter;
	edac->last = &counter->next;
}

/* Opens a directory that stays open as long as there are counters in it. */
static int open_dir(struct edac *edac, int parent, const char *name, struct str **ret_names,
		    size_t *ret_n)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct edac_dir *dir = arena_alloc(&edac->arena, sizeof(*dir));

	if (fd < 0)
		return -errno;
	*dir = (struct edac_dir){ edac->dirs, fd };
	edac->dirs = dir;

	int r = host_list_dir(fd, &edac->arena, ret_names, ret_n);

	return r < 0 ? r : fd;
}

static void learn_csrow(struct edac *edac, int parent, const char *name, struct edac_counter of)
{
	struct str *names;
	size_t n;
	int dir = open_dir(edac, parent, name, &names, &n);

	if (dir < 0)
		return;
	plan(edac, dir, STR("ce_count"), true, &of);
	plan(edac, dir, STR("ue_count"), false, &of);
	for (size_t i = 0; i < n; i++) {
		if (!is_channel(names[i], &of.channel))
			continue;
		of.dimm_label = dimm_label(edac, dir, of.channel);
		plan(edac, dir, names[i], true, &of);
		plan(edac, dir, arena_printf(&edac->arena, "ch%.*s_ue_count", STR_ARG(of.channel)),
		     false, &of);
	}
}

static void learn_controller(struct edac *edac, int parent, const char *name, struct str number)
{
	struct edac_counter of = { .controller = number };
	struct str *names;
	size_t n;
	int dir = open_dir(edac, parent, name, &names, &n);

	if (dir < 0)
		return;
	edac->controllers++;
	plan(edac, dir, STR("ce_count"), true, &of);
	plan(edac, dir, STR("ue_count"), false, &of);
	of.csrow = STR("unknown");
	plan(edac, dir, STR("ce_noinfo_count"), true, &of);
	plan(edac, dir, STR("ue_noinfo_count"), false, &of);
	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("csrow"), &of.csrow))
			learn_csrow(edac, dir, names[i].p, of);
}

static void forget(struct edac *edac)
{
	for (struct edac_counter *counter = edac->first; counter; counter = counter->next)
		attr_close(&edac->pool, &counter->source);
	for (const struct edac_dir *dir = edac->dirs; dir; dir = dir->next)
		(void)close(dir->fd);
	edac->first = NULL;
	edac->last = &edac->first;
	edac->dirs = NULL;
	edac->controllers = 0;
	arena_reset(&edac->arena);
}

int edac_look(struct edac *edac, struct host *host, struct arena *scratch)
{
	_cleanup_fd_ int mc = -1;
	struct str *names, number;
	size_t n;
	int r;

	if (edac->controllers && edac->runs++ < RUNS_BETWEEN_LOOKS)
		return 0;
	forget(edac);
	edac->runs = 1;
	attr_pool_allow(&edac->pool, host, KEPT_OPEN_MAX);
	mc = host_open_dir(host, HOST_SYS, "devices/system/edac/mc");
	r = mc < 0 ? mc : host_list_dir(mc, scratch, &names, &n);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("mc"), &number))
			learn_controller(edac, mc, names[i].p, arena_str(&edac->arena, number));
	return 0;
}

bool edac_read(struct edac *edac, struct edac_counter *counter, uint64_t *ret)
{
	char text[ATTR_TEXT_MAX];
	struct str value;
	int r = attr_read(&edac->pool, &counter->source, text, &value);

	/* The driver went, and may be back already. */
	if (r == -ENODEV)
		edac->runs = RUNS_BETWEEN_LOOKS;
	return r == 0 && num_u64(str_trim(value), ret) == 0;
}

void edac_release(struct edac *edac)
{
	forget(edac);
	arena_release(&edac->arena);
}
