/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that wait in UDP sockets, all added up. Sources: net/udp and net/udp6, whose fifth
 * column is "transmit:receive" in hexadecimal (net/ipv4/udp.c).
 */
#include "collect/collector.h"

#include <errno.h>

static const struct metric_desc desc = {
	"node_udp_queues",
	"Bytes waiting in the queues of UDP sockets.",
	METRIC_GAUGE,
};

static bool parse_line(struct str line, uint64_t *ret_tx, uint64_t *ret_rx)
{
	struct str word, tx;

	for (int i = 0; i < 5; i++)
		if (!str_word(&line, &word))
			return false;
	return str_find(word, ':') < word.n && str_cut(&word, ':', &tx) &&
	       num_hex(tx, ret_tx) == 0 && num_hex(word, ret_rx) == 0;
}

static int run_file(struct collect *c, const char *path, struct str ip)
{
	struct str text, line;
	uint64_t tx, rx, tx_sum = 0, rx_sum = 0;
	size_t number = 0, bad = 0;
	int r = collect_read(c, HOST_PROC, path, &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		if (++number == 1 || !str_trim(line).n)
			continue;
		if (!parse_line(line, &tx, &rx)) {
			bad = bad ? bad : number;
			continue;
		}
		tx_sum += tx;
		rx_sum += rx;
	}
	/* A sum of what could be read would be wrong, not partial. */
	if (!number)
		return collect_fail(c, -EBADMSG, "/proc/%s: there is no heading", path);
	if (bad)
		return collect_fail(c, -EBADMSG, "/proc/%s: line %zu is not a socket", path, bad);

	struct family *family = metrics_family(c->out, &desc);

	family_add(family, METRIC_LABELS(c->out, { STR("queue"), STR("tx") }, { STR("ip"), ip }),
		   (double)tx_sum);
	family_add(family, METRIC_LABELS(c->out, { STR("queue"), STR("rx") }, { STR("ip"), ip }),
		   (double)rx_sum);
	return 0;
}

static int run(struct collect *c)
{
	int r4 = run_file(c, "net/udp", STR("v4")), r6 = run_file(c, "net/udp6", STR("v6"));

	/* Either protocol may be absent from a kernel; both are not. */
	if (r4 == -ENODATA)
		return r6;
	return r6 == -ENODATA || r4 < 0 ? r4 : r6;
}

const struct collector collector_udp_queues = {
	.name = "udp_queues",
	.help = "bytes waiting in UDP sockets",
	.reads = "/proc/net/udp, /proc/net/udp6",
	.on = true,
	.run = run,
};
