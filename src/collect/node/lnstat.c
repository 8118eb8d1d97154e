/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of the network's caches by CPU. Source: the files of net/stat: a line of names, then a
 * line of hexadecimal numbers for each possible CPU.
 */
#include "collect/collector.h"

#include <errno.h>

static int add_file(struct collect *c, struct str name, struct str text)
{
	struct str heading, line, word, names;
	uint64_t value;

	if (!str_line(&text, &heading) || !str_trim(heading).n)
		return -EBADMSG;
	for (unsigned cpu = 0; str_line(&text, &line); cpu++) {
		const struct labels *labels =
			METRIC_LABELS(c->out, { STR("cpu"), arena_printf(c->scratch, "%u", cpu) },
				      { STR("subsystem"), name });
		struct str column;

		names = heading;
		while (str_word(&line, &word)) {
			if (!str_word(&names, &column) || num_hex(word, &value) < 0)
				return -EBADMSG;
			family_add(collect_familyf(c, METRIC_COUNTER,
						   "A counter of the network's caches.",
						   "node_lnstat_%.*s_total", STR_ARG(column)),
				   labels, (double)value);
		}
	}
	return 0;
}

static int run(struct collect *c)
{
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_PROC, "net/stat");
	struct str *names, text;
	size_t n;
	int result = collect_list(c, HOST_PROC, "net/stat", &names, &n);

	if (result < 0)
		return result == -ENODATA ? 0 : result;
	for (size_t i = 0; i < n; i++) {
		int r = host_attr(dir, names[i].p, c->scratch, &text);

		r = r < 0 ? r : add_file(c, names[i], text);
		if (r < 0)
			result = collect_fail(c, r, "/proc/net/stat/%.*s: %s", STR_ARG(names[i]),
					      strerror(-r));
	}
	return result;
}

const struct collector collector_lnstat = {
	.name = "lnstat",
	.help = "counters of the network's caches, by CPU",
	.reads = "/proc/net/stat/*",
	.run = run,
};
