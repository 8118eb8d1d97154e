/* SPDX-License-Identifier: Apache-2.0 */
#include "host/net_dev.h"

#include <errno.h>

#include "base/num.h"

enum { HEADINGS = 2, COLUMNS = 16 };

/* "  eth0: 1 2 ...": an alias of old kernels has a colon in its name, "eth0:1". */
static bool parse_line(struct str line, struct link *ret)
{
	const char *colon = line.n ? memrchr(line.p, ':', line.n) : NULL;
	uint64_t v[COLUMNS];

	if (!colon)
		return false;
	*ret = (struct link){
		.name = str_trim((struct str){ line.p, (size_t)(colon - line.p) }),
		.stats_size = offsetof(struct rtnl_link_stats64, rx_nohandler),
	};
	line = str_skip(line, (size_t)(colon - line.p) + 1);
	if (!ret->name.n)
		return false;
	for (size_t i = 0; i < COLUMNS; i++)
		if (!num_take_u64(&line, &v[i]))
			return false;
	ret->stats = (struct rtnl_link_stats64){
		.rx_bytes = v[0],
		.rx_packets = v[1],
		.rx_errors = v[2],
		.rx_dropped = v[3],
		.rx_fifo_errors = v[4],
		.rx_frame_errors = v[5],
		.rx_compressed = v[6],
		.multicast = v[7],
		.tx_bytes = v[8],
		.tx_packets = v[9],
		.tx_errors = v[10],
		.tx_dropped = v[11],
		.tx_fifo_errors = v[12],
		.collisions = v[13],
		.tx_carrier_errors = v[14],
		.tx_compressed = v[15],
	};
	return true;
}

int net_dev_parse(struct str text, struct arena *arena, const struct link **ret_links,
		  size_t *ret_n, size_t *ret_bad)
{
	size_t lines = 0, number = 0, n = 0, bad = 0;
	struct str rest = text, line;
	struct link *links;

	while (str_line(&rest, &line))
		lines++;
	links = arena_zalloc(arena, lines + 1, sizeof(*links));
	while (str_line(&text, &line)) {
		/* Two lines of headings, with bars between receive and transmit. */
		if (++number <= HEADINGS || !str_trim(line).n)
			continue;
		if (parse_line(line, &links[n]))
			n++;
		else if (!bad)
			bad = number;
	}
	*ret_links = links;
	*ret_n = n;
	*ret_bad = lines < HEADINGS ? lines + 1 : bad;
	return *ret_bad ? -EBADMSG : 0;
}
