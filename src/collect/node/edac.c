/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory errors that the hardware found. Source: /sys/devices/system/edac/mc
 * (drivers/edac/edac_mc_sysfs.c). Errors that no row can be told for are counted in
 * *_noinfo_count, and are those of csrow="unknown". What there is to read is looked up now and
 * then; a cycle only reads the numbers.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

#include "host/attr.h"

enum { KEPT_OPEN_MAX = 128, RUNS_BETWEEN_LOOKS = 20 };

static const struct metric_desc controller_ce = { "node_edac_correctable_errors_total",
						  "Memory errors that were corrected.",
						  METRIC_COUNTER };
static const struct metric_desc controller_ue = { "node_edac_uncorrectable_errors_total",
						  "Memory errors that could not be corrected.",
						  METRIC_COUNTER };
static const struct metric_desc csrow_ce = { "node_edac_csrow_correctable_errors_total",
					     "Memory errors of a row that were corrected.",
					     METRIC_COUNTER };
static const struct metric_desc csrow_ue = {
	"node_edac_csrow_uncorrectable_errors_total",
	"Memory errors of a row that could not be corrected.",
	METRIC_COUNTER,
};
static const struct metric_desc channel_ce = { "node_edac_channel_correctable_errors_total",
					       "Memory errors of a channel that were corrected.",
					       METRIC_COUNTER };
static const struct metric_desc channel_ue = {
	"node_edac_channel_uncorrectable_errors_total",
	"Memory errors of a channel that could not be corrected.",
	METRIC_COUNTER,
};

struct counter {
	struct counter *next;
	const struct metric_desc *desc;
	struct label labels[4];
	size_t n_labels;
	struct attr_file source;
};

struct dir {
	struct dir *next;
	int fd;
};

struct self {
	struct arena arena; /* of all below */
	struct attr_pool pool;
	struct counter *first, **last;
	struct dir *dirs;
	size_t controllers;
	unsigned int runs;
};

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

static struct str replace(struct self *self, struct str text, struct str from, struct str to)
{
	char *p = arena_alloc(&self->arena, text.n * (to.n + 1) + 1), *end = p;

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
static struct str dimm_label(struct self *self, int dir, struct str channel)
{
	struct str file = arena_printf(&self->arena, "ch%.*s_dimm_label", STR_ARG(channel)), text;

	if (host_attr(dir, file.p, &self->arena, &text) < 0)
		return STR("unknown");
	text = replace(self, text, STR("#"), STR(""));
	text = replace(self, text, STR("csrow"), STR("_csrow"));
	return replace(self, text, STR("channel"), STR("_channel"));
}

/* A file name of a csrow, "ch1_ce_count", names a channel. */
static bool is_channel(struct str name, struct str *ret_number)
{
	if (!str_ends(name, STR("_ce_count")))
		return false;
	name.n -= STR("_ce_count").n;
	return numbered(name, STR("ch"), ret_number);
}

static void plan(struct self *self, int dir, struct str file, const struct metric_desc *desc,
		 const struct label *labels, size_t n)
{
	struct counter *counter = arena_zalloc(&self->arena, 1, sizeof(*counter));

	counter->desc = desc;
	counter->n_labels = n;
	memcpy(counter->labels, labels, n * sizeof(*labels));
	counter->source = (struct attr_file){ dir, file.p, -1 };
	*self->last = counter;
	self->last = &counter->next;
}

/* Opens a directory that stays open as long as there are counters in it. */
static int open_dir(struct self *self, int parent, const char *name, struct str **ret_names,
		    size_t *ret_n)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dir *dir = arena_alloc(&self->arena, sizeof(*dir));

	if (fd < 0)
		return -errno;
	*dir = (struct dir){ self->dirs, fd };
	self->dirs = dir;

	int r = host_list_dir(fd, &self->arena, ret_names, ret_n);

	return r < 0 ? r : fd;
}

static void learn_csrow(struct self *self, int parent, const char *name, struct label controller,
			struct str number)
{
	struct label labels[4] = { controller, { STR("csrow"), number } };
	struct str *names, channel;
	size_t n;
	int dir = open_dir(self, parent, name, &names, &n);

	if (dir < 0)
		return;
	plan(self, dir, STR("ce_count"), &csrow_ce, labels, 2);
	plan(self, dir, STR("ue_count"), &csrow_ue, labels, 2);
	for (size_t i = 0; i < n; i++) {
		if (!is_channel(names[i], &channel))
			continue;
		labels[2] = (struct label){ STR("channel"), channel };
		labels[3] = (struct label){ STR("dimm_label"), dimm_label(self, dir, channel) };
		plan(self, dir, names[i], &channel_ce, labels, 4);
		plan(self, dir, arena_printf(&self->arena, "ch%.*s_ue_count", STR_ARG(channel)),
		     &channel_ue, labels, 4);
	}
}

static void learn_controller(struct self *self, int parent, const char *name, struct str number)
{
	const struct label labels[] = { { STR("controller"), number },
					{ STR("csrow"), STR("unknown") } };
	struct str *names, csrow;
	size_t n;
	int dir = open_dir(self, parent, name, &names, &n);

	if (dir < 0)
		return;
	self->controllers++;
	plan(self, dir, STR("ce_count"), &controller_ce, labels, 1);
	plan(self, dir, STR("ue_count"), &controller_ue, labels, 1);
	plan(self, dir, STR("ce_noinfo_count"), &csrow_ce, labels, 2);
	plan(self, dir, STR("ue_noinfo_count"), &csrow_ue, labels, 2);
	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("csrow"), &csrow))
			learn_csrow(self, dir, names[i].p, labels[0], csrow);
}

static void forget(struct self *self)
{
	for (struct counter *counter = self->first; counter; counter = counter->next)
		attr_close(&self->pool, &counter->source);
	for (const struct dir *dir = self->dirs; dir; dir = dir->next)
		(void)close(dir->fd);
	self->first = NULL;
	self->last = &self->first;
	self->dirs = NULL;
	self->controllers = 0;
	arena_reset(&self->arena);
}

static int learn(struct collect *c)
{
	struct self *self = c->self;
	struct str *names, number;
	size_t n;
	int r = host_list(c->host, HOST_SYS, "devices/system/edac/mc", c->scratch, &names, &n);

	forget(self);
	self->runs = 0;
	attr_pool_allow(&self->pool, c->host, KEPT_OPEN_MAX);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return collect_list(c, HOST_SYS, "devices/system/edac/mc", &names, &n);

	_cleanup_fd_ int mc = host_open_dir(c->host, HOST_SYS, "devices/system/edac/mc");

	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("mc"), &number))
			learn_controller(self, mc, names[i].p, arena_str(&self->arena, number));
	return 0;
}

static int run(struct collect *c)
{
	struct self *self = c->self;
	int r = 0;

	if (!self->controllers || self->runs >= RUNS_BETWEEN_LOOKS)
		r = learn(c);
	if (r < 0)
		return r;
	self->runs++;
	for (struct counter *counter = self->first; counter; counter = counter->next) {
		char text[ATTR_TEXT_MAX];
		struct str value;
		uint64_t number;

		r = attr_read(&self->pool, &counter->source, text, &value);
		/* The driver went, and may be back already. */
		if (r == -ENODEV)
			self->runs = RUNS_BETWEEN_LOOKS;
		if (r < 0 || num_u64(str_trim(value), &number) < 0)
			continue;
		family_add(metrics_family(c->out, counter->desc),
			   metrics_labels(c->out, counter->n_labels, counter->labels),
			   (double)number);
	}
	if (!self->controllers)
		return collect_fail(c, 0, "no memory controller that reports errors");
	return 0;
}

static void close_edac(struct collect *c)
{
	struct self *self = c->self;

	forget(self);
	arena_release(&self->arena);
}

const struct collector collector_edac = {
	.name = "edac",
	.help = "memory errors that the hardware found",
	.reads = "/sys/devices/system/edac/mc/*",
	.on = true,
	.self_size = sizeof(struct self),
	.run = run,
	.close = close_edac,
};
