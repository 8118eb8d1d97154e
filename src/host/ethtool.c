/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old calls of net/ethtool/ioctl.c, which every driver answers and everybody may make. The
 * kernel writes as many counters as there are by then, whatever room it was told of.
 */
#include "host/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { STATS_MAX = 16384, STATS_SPARE = 1024 };

int ethtool_open(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int ask(int fd, struct str device, void *command)
{
	struct ifreq request = { .ifr_data = command };

	if (!device.n || device.n >= sizeof(request.ifr_name))
		return -ENODEV;
	memcpy(request.ifr_name, device.p, device.n);
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

static struct str text(struct arena *arena, const char *p, size_t size)
{
	return arena_str(arena, (struct str){ p, strnlen(p, size) });
}

int ethtool_link(int fd, struct str device, struct ethtool_link *ret)
{
	struct ethtool_cmd command = { .cmd = ETHTOOL_GSET };
	int r = ask(fd, device, &command);

	if (r < 0)
		return r;
	*ret = (struct ethtool_link){ command.supported, command.advertising,
				      command.autoneg == AUTONEG_ENABLE };
	return 0;
}

int ethtool_driver(int fd, struct str device, struct arena *arena, struct ethtool_driver *ret)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	int r = ask(fd, device, &info);

	if (r < 0)
		return r;
	*ret = (struct ethtool_driver){
		.name = text(arena, info.driver, sizeof(info.driver)),
		.version = text(arena, info.version, sizeof(info.version)),
		.firmware = text(arena, info.fw_version, sizeof(info.fw_version)),
		.bus = text(arena, info.bus_info, sizeof(info.bus_info)),
		.expansion_rom = text(arena, info.erom_version, sizeof(info.erom_version)),
		.n_stats = info.n_stats,
	};
	return 0;
}

int ethtool_stats(int fd, struct str device, const struct ethtool_driver *driver,
		  struct arena *arena, struct ethtool_stat **ret_stats, size_t *ret_n)
{
	size_t n = driver->n_stats, room = n + STATS_SPARE;
	struct ethtool_gstrings *names;
	struct ethtool_stats *values;
	int r;

	if (!n)
		return -EOPNOTSUPP;
	if (n > STATS_MAX)
		return -E2BIG;
	names = arena_zalloc(arena, 1, sizeof(*names) + room * ETH_GSTRING_LEN);
	values = arena_zalloc(arena, 1, sizeof(*values) + room * sizeof(uint64_t));
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = (uint32_t)n;
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = (uint32_t)n;
	r = ask(fd, device, names);
	if (r == 0)
		r = ask(fd, device, values);
	if (r < 0)
		return r;
	/* Queues came or went between the two. */
	if (names->len != values->n_stats || values->n_stats > room)
		return -EAGAIN;
	n = values->n_stats;
	*ret_stats = arena_zalloc(arena, n, sizeof(**ret_stats));
	*ret_n = n;
	for (size_t i = 0; i < n; i++)
		(*ret_stats)[i] = (struct ethtool_stat){
			text(arena, (const char *)names->data + i * ETH_GSTRING_LEN,
			     ETH_GSTRING_LEN),
			values->data[i],
		};
	return 0;
}

/* "[0]: RX-bytes" is 0_RX_bytes: what is none of a name is one '_', with those around it. */
struct str ethtool_clean(struct str raw, struct arena *arena)
{
	char *to = arena_alloc(arena, raw.n + 1);
	bool strange = false;
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i];

		if (strange && c == '_')
			continue;
		strange = c != '_' && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
			  !(c >= '0' && c <= '9');
		while (strange && n && to[n - 1] == '_')
			n--;
		to[n++] = strange ? '_' : c;
	}
	return (struct str){ to, n };
}

/* A word rx is received, and tx transmitted; some names are told as the counters they are. */
struct str ethtool_words(struct str clean, struct arena *arena)
{
	static const char totals[] = " rx_bytes rx_dropped rx_errors rx_packets tx_bytes tx_errors "
				     "tx_packets ";
	struct str padded = ARENA_CONCAT(arena, STR(" "), clean, STR(" "));
	struct str whole = { 0 }, last = { 0 }, word;
	char *lower = arena_cstr(arena, clean);
	struct str rest = str_of(lower);

	for (char *p = lower; *p; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
	while (rest.n && rest.p[0] == '_')
		rest = str_skip(rest, 1);
	for (bool end = !rest.n; !end;) {
		end = str_find(rest, '_') == rest.n;
		if (!str_cut(&rest, '_', &word))
			word = STR("");
		/* "rx_rx" shares its '_', which only the first can have. */
		if (str_eq(word, last))
			last = STR("");
		else
			last = word;
		if (str_eq(last, STR("rx")))
			word = STR("received");
		else if (str_eq(last, STR("tx")))
			word = STR("transmitted");
		whole = ARENA_CONCAT(arena, whole, whole.p ? STR("_") : STR(""), word);
	}
	return strstr(totals, padded.p) ? ARENA_CONCAT(arena, whole, STR("_total")) : whole;
}
