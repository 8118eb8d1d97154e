/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets by state and the counters of TCP, for each network namespace, when they are asked for.
 * Source: net/ipv4/tcp_ipv4.c, net/ipv4/udp.c, net/ipv4/proc.c. Each socket is a line that the
 * kernel has to write and we to read, so none of it is on by itself.
 */
#include "collect/container/network.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "collect/container/settings.h"

enum { PIECE = 65536, TCP_STATES = 11 };

/* In the kernel's order, from 1 (include/net/tcp_states.h). */
static const char *const tcp_states[TCP_STATES] = {
	"established", "synsent",   "synrecv", "finwait1", "finwait2", "timewait",
	"close",       "closewait", "lastack", "listen",   "closing",
};

struct sums {
	uint64_t states[TCP_STATES];
	uint64_t sockets, dropped, tx_queue, rx_queue;
};

/* One line: "sl local remote st tx:rx tr:when retrnsmt uid timeout inode ... drops". */
static void count_line(struct str line, struct sums *sums)
{
	struct str word, first, last = { 0 };
	uint64_t state, tx, rx, drops;

	if (!str_word(&line, &first) || !str_ends(first, STR(":")))
		return;
	if (!str_word(&line, &word) || !str_word(&line, &word) || !str_word(&line, &word) ||
	    num_hex(word, &state) < 0 || !str_word(&line, &word) || !str_cut(&word, ':', &first) ||
	    num_hex(first, &tx) < 0 || num_hex(word, &rx) < 0)
		return;
	while (str_word(&line, &word))
		last = word;
	sums->sockets++;
	sums->tx_queue += tx;
	sums->rx_queue += rx;
	if (num_u64(last, &drops) == 0)
		sums->dropped += drops;
	if (state >= 1 && state <= TCP_STATES)
		sums->states[state - 1]++;
}

/* Piece by piece: a busy namespace has many lines, and none is needed twice. */
static int count_file(struct collect *c, int process, const char *path, struct sums *sums)
{
	_cleanup_fd_ int fd = openat(process, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *piece = arena_alloc(c->scratch, PIECE);
	size_t kept = 0;

	*sums = (struct sums){ 0 };
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, piece + kept, PIECE - kept);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;

		struct str rest = { piece, kept + (size_t)n }, line;

		while (str_find(rest, '\n') < rest.n && str_line(&rest, &line))
			count_line(line, sums);
		kept = rest.n < PIECE ? rest.n : 0;
		memmove(piece, rest.p, kept);
	}
}

static void add(struct collect *c, const struct container *container,
		const struct metric_desc *desc, const char *label, struct str value,
		uint64_t number)
{
	const struct label more = { str_of(label), value };

	family_add(metrics_family(c->out, desc), container_labels(c, container, 1, &more),
		   (double)number);
}

static void add_tcp(struct collect *c, const struct container *container, int process)
{
	static const struct metric_desc descs[] = {
		{ "container_network_tcp_usage_total",
		  "Sockets of TCP over IPv4 in the container's namespace, by state.",
		  METRIC_GAUGE },
		{ "container_network_tcp6_usage_total",
		  "Sockets of TCP over IPv6 in the container's namespace, by state.",
		  METRIC_GAUGE },
	};
	static const char *const paths[] = { "net/tcp", "net/tcp6" };
	struct sums sums;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (count_file(c, process, paths[i], &sums) < 0)
			continue;
		for (size_t state = 0; state < TCP_STATES; state++)
			add(c, container, &descs[i], "tcp_state", str_of(tcp_states[state]),
			    sums.states[state]);
	}
}

static void add_udp(struct collect *c, const struct container *container, int process)
{
	static const struct metric_desc descs[] = {
		{ "container_network_udp_usage_total",
		  "Sockets of UDP over IPv4 in the container's namespace, and what they queue and "
		  "drop.",
		  METRIC_GAUGE },
		{ "container_network_udp6_usage_total",
		  "Sockets of UDP over IPv6 in the container's namespace, and what they queue and "
		  "drop.",
		  METRIC_GAUGE },
	};
	static const char *const paths[] = { "net/udp", "net/udp6" };
	struct sums sums;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (count_file(c, process, paths[i], &sums) < 0)
			continue;
		add(c, container, &descs[i], "udp_state", STR("listen"), sums.sockets);
		add(c, container, &descs[i], "udp_state", STR("dropped"), sums.dropped);
		add(c, container, &descs[i], "udp_state", STR("rxqueued"), sums.rx_queue);
		add(c, container, &descs[i], "udp_state", STR("txqueued"), sums.tx_queue);
	}
}

static struct str lower(struct collect *c, struct str text)
{
	char *copy = arena_alloc(c->scratch, text.n + 1);

	for (size_t i = 0; i < text.n; i++)
		copy[i] =
			(char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] | 0x20 : text.p[i]);
	return (struct str){ copy, text.n };
}

/* "Tcp: NAME NAME ..." and below it "Tcp: VALUE VALUE ...". */
static void add_counters(struct collect *c, const struct container *container, int process,
			 const char *path, struct str heading)
{
	static const struct metric_desc desc = {
		"container_network_advance_tcp_stats_total",
		"Counters of TCP in the container's namespace, by the kernel's names for them.",
		METRIC_GAUGE,
	};
	struct str text, names, values, first, name;

	if (file_read(process, path, FILE_MAX, c->scratch, &text) < 0)
		return;
	while (str_line(&text, &names)) {
		if (!str_word(&names, &first) || !str_eq(first, heading))
			continue;
		if (!str_line(&text, &values) || !str_word(&values, &first) ||
		    !str_eq(first, heading))
			return;
		while (str_word(&names, &name)) {
			int64_t value;

			if (!num_take_i64(&values, &value))
				return;
			/* -1 for "no limit" of MaxConn. */
			if (value >= 0)
				add(c, container, &desc, "tcp_state", lower(c, name),
				    (uint64_t)value);
		}
		return;
	}
}

void container_network_details(struct collect *c, const struct container *container, int process,
			       const struct cgroup_conf *conf)
{
	for (size_t i = 0; i < conf->network_details.n; i++) {
		struct str word = conf->network_details.v[i];

		if (str_eq(word, STR("tcp"))) {
			add_tcp(c, container, process);
		} else if (str_eq(word, STR("udp"))) {
			add_udp(c, container, process);
		} else {
			add_counters(c, container, process, "net/netstat", STR("TcpExt:"));
			add_counters(c, container, process, "net/snmp", STR("Tcp:"));
		}
	}
}
