/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory errors that the hardware found. Source: /sys/devices/system/edac/mc
 * (drivers/edac/edac_mc_sysfs.c). Errors that no row can be told for are counted in
 * *_noinfo_count, and are those of csrow="unknown".
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

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

static void add(struct collect *c, int dir, const char *file, const struct metric_desc *desc,
		const struct labels *labels)
{
	uint64_t value;

	if (host_attr_u64(dir, file, &value) == 0)
		family_add(metrics_family(c->out, desc), labels, (double)value);
}

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

static struct str replace(struct collect *c, struct str text, struct str from, struct str to)
{
	char *p = arena_alloc(c->scratch, text.n * (to.n + 1) + 1), *end = p;

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
static struct str dimm_label(struct collect *c, int dir, struct str channel)
{
	struct str file = arena_printf(c->scratch, "ch%.*s_dimm_label", STR_ARG(channel)), text;

	if (host_attr(dir, file.p, c->scratch, &text) < 0)
		return STR("unknown");
	text = replace(c, text, STR("#"), STR(""));
	text = replace(c, text, STR("csrow"), STR("_csrow"));
	return replace(c, text, STR("channel"), STR("_channel"));
}

/* A file name of a csrow, "ch1_ce_count", names a channel. */
static bool is_channel(struct str name, struct str *ret_number)
{
	if (!str_ends(name, STR("_ce_count")))
		return false;
	name.n -= STR("_ce_count").n;
	return numbered(name, STR("ch"), ret_number);
}

static void add_csrow(struct collect *c, int parent, const char *name, struct label controller,
		      struct label csrow)
{
	_cleanup_fd_ int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct labels *labels = METRIC_LABELS(c->out, controller, csrow);
	struct str *names, channel;
	size_t n;

	add(c, dir, "ce_count", &csrow_ce, labels);
	add(c, dir, "ue_count", &csrow_ue, labels);
	if (dir < 0 || host_list_dir(dir, c->scratch, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (!is_channel(names[i], &channel))
			continue;
		labels = METRIC_LABELS(c->out, controller, csrow, { STR("channel"), channel },
				       { STR("dimm_label"), dimm_label(c, dir, channel) });
		add(c, dir, names[i].p, &channel_ce, labels);
		add(c, dir, arena_printf(c->scratch, "ch%.*s_ue_count", STR_ARG(channel)).p,
		    &channel_ue, labels);
	}
}

static void add_controller(struct collect *c, int parent, const char *name, struct str number)
{
	_cleanup_fd_ int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct label controller = { STR("controller"), number };
	const struct labels *labels = metrics_labels(c->out, 1, &controller);
	const struct labels *unknown =
		METRIC_LABELS(c->out, controller, { STR("csrow"), STR("unknown") });
	struct str *names, csrow;
	size_t n;

	if (dir < 0 || host_list_dir(dir, c->scratch, &names, &n) < 0)
		return;
	add(c, dir, "ce_count", &controller_ce, labels);
	add(c, dir, "ue_count", &controller_ue, labels);
	add(c, dir, "ce_noinfo_count", &csrow_ce, unknown);
	add(c, dir, "ue_noinfo_count", &csrow_ue, unknown);
	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("csrow"), &csrow))
			add_csrow(c, dir, names[i].p, controller,
				  (struct label){ STR("csrow"), csrow });
}

static int run(struct collect *c)
{
	struct str *names, number;
	size_t n = 0, found = 0;
	int r = host_list(c->host, HOST_SYS, "devices/system/edac/mc", c->scratch, &names, &n);

	if (r < 0 && r != -ENOENT)
		return collect_list(c, HOST_SYS, "devices/system/edac/mc", &names, &n);

	_cleanup_fd_ int mc = host_open_dir(c->host, HOST_SYS, "devices/system/edac/mc");

	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("mc"), &number)) {
			add_controller(c, mc, names[i].p, number);
			found++;
		}
	return found ? 0 : collect_fail(c, 0, "no memory controller that reports errors");
}

const struct collector collector_edac = {
	.name = "edac",
	.help = "memory errors that the hardware found",
	.reads = "/sys/devices/system/edac/mc/*",
	.on = true,
	.run = run,
};
