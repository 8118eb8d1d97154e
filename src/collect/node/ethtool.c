/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drivers of network devices say: counters by whatever names they have, their version, and the
 * modes of the link, of which the old call knows the first 32. Source: SIOCETHTOOL.
 */
#include "host/ethtool.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/collector.h"
#include "collect/node/device_filter.h"

struct ethtool_conf {
	struct device_filter devices;
	struct opt_regex metrics;
};

static const struct opt opts[] = {
	DEVICE_FILTER_OPTS(struct ethtool_conf),
	{ OPT_ROW("counters_include", OPT_REGEX, struct ethtool_conf, metrics, ".*", "REGEX",
		  "counters to take, by the driver's names") },
	{ 0 },
};

const struct opt_section section_collector_ethtool = {
	.path = "collectors.ethtool",
	.help = "what drivers of network devices say",
	.opts = opts,
	.size = sizeof(struct ethtool_conf),
};

/* By bit: duplex, speed in Mbit/s and kind; "-" is none, or not told. */
static const char modes[] =
	"h10T f10T h100T f100T h1000T f1000T - - - - - - f10000T - - - - f1000KX f10000KX4 "
	"f10000KR f10000R_FEC f20000MLD2 f20000KR2 f40000KR4 f40000CR4 f40000SR4 f40000LR4 "
	"f56000KR4 f56000CR4 f56000SR4 f56000LR4 f25000CR";
static const char ports[] = "- - - - - - - TP AUI MII FIBRE BNC - - - - Backplane";
enum { AUTONEGOTIATE = 6, PAUSE = 13, ASYMMETRIC_PAUSE = 14 };

/* clang-format off */
#define GAUGE(name, help) { "node_network_" name, help, METRIC_GAUGE }
static const struct metric_desc link_descs[][5] = { {
	GAUGE("supported_speed_bytes", "Modes that the device can."),
	GAUGE("autonegotiate_supported", "Whether it can agree on one."),
	GAUGE("pause_supported", "Whether it can pause frames."),
	GAUGE("asymmetricpause_supported", "Whether it can in one direction."),
	GAUGE("supported_port_info", "Kinds of ports it has; always 1."),
}, {
	GAUGE("advertised_speed_bytes", "Modes that the device offers."),
	GAUGE("autonegotiate_advertised", "Whether it offers to agree on one."),
	GAUGE("pause_advertised", "Whether it offers to pause frames."),
	GAUGE("asymmetricpause_advertised", "Whether it does in one direction."),
} };
/* clang-format on */

static void add_modes(struct collect *c, const struct metric_desc *descs, struct str device,
		      uint32_t bits)
{
	static const uint8_t flags[] = { AUTONEGOTIATE, PAUSE, ASYMMETRIC_PAUSE };
	const struct labels *labels = METRIC_LABELS(c->out, { STR("device"), device });
	struct str rest = str_of(modes), word;

	for (unsigned bit = 0; str_word(&rest, &word); bit++) {
		struct str kind = str_skip(word, 1);
		uint64_t speed;

		if (!(bits >> bit & 1) || !num_take_u64(&kind, &speed))
			continue;
		family_add(metrics_family(c->out, &descs[0]),
			   METRIC_LABELS(
				   c->out, { STR("device"), device },
				   { STR("duplex"), word.p[0] == 'f' ? STR("full") : STR("half") },
				   { STR("mode"), arena_printf(c->scratch, "%ubase%.*s",
							       (unsigned)speed, STR_ARG(kind)) }),
			   (double)speed * 1e6 / 8);
	}
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		family_add(metrics_family(c->out, &descs[i + 1]), labels, bits >> flags[i] & 1);
	rest = str_of(ports);
	for (unsigned bit = 0; descs[4].name && str_word(&rest, &word); bit++)
		if (bits >> bit & 1 && !str_eq(word, STR("-")))
			family_add(metrics_family(c->out, &descs[4]),
				   METRIC_LABELS(c->out, { STR("device"), device },
						 { STR("type"), word }),
				   1);
}

struct named {
	struct str family;
	double value;
};

static int by_family(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return str_cmp(x->family, y->family);
}

/* Names that are alike once they are clean are left out, all of them. */
static void add_stats(struct collect *c, const struct labels *labels,
		      const struct ethtool_stat *stats, size_t n)
{
	const struct ethtool_conf *conf = c->conf;
	struct named *v = arena_zalloc(c->scratch, n, sizeof(*v));
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct str clean = ethtool_clean(stats[i].name, c->scratch);

		if (opt_regex_match(&conf->metrics, clean))
			v[kept++] = (struct named){ ARENA_CONCAT(c->scratch, STR("node_ethtool_"),
								 ethtool_words(clean, c->scratch)),
						    (double)stats[i].value };
	}
	qsort(v, kept, sizeof(*v), by_family);
	for (size_t i = 0, end; i < kept; i = end) {
		for (end = i + 1; end < kept && str_eq(v[end].family, v[i].family); end++)
			;
		if (end == i + 1)
			family_add(metrics_family_named(c->out, v[i].family,
							STR("A counter of the device's driver."),
							METRIC_UNTYPED),
				   labels, v[i].value);
	}
}

static int add_device(struct collect *c, int fd, struct str device)
{
	static const struct metric_desc info = { "node_ethtool_info",
						 "The device's driver; always 1.", METRIC_GAUGE };
	static const struct metric_desc negotiates = { "node_network_autonegotiate",
						       "Whether modes are agreed on.",
						       METRIC_GAUGE };
	const struct labels *labels = METRIC_LABELS(c->out, { STR("device"), device });
	struct ethtool_driver driver;
	struct ethtool_stat *stats;
	struct ethtool_link link;
	size_t n;
	int r = ethtool_link(fd, device, &link);

	if (r == 0) {
		add_modes(c, link_descs[0], device, link.supported);
		add_modes(c, link_descs[1], device, link.advertised);
		family_add(metrics_family(c->out, &negotiates), labels, link.autonegotiate);
	}
	r = ethtool_driver(fd, device, c->scratch, &driver);
	if (r < 0)
		return r;
	family_add(metrics_family(c->out, &info),
		   METRIC_LABELS(c->out, { STR("bus_info"), driver.bus }, { STR("device"), device },
				 { STR("driver"), driver.name },
				 { STR("expansion_rom_version"), driver.expansion_rom },
				 { STR("firmware_version"), driver.firmware },
				 { STR("version"), driver.version }),
		   1);
	r = ethtool_stats(fd, device, &driver, c->scratch, &stats, &n);
	if (r == 0)
		add_stats(c, labels, stats, n);
	return r;
}

static int run(struct collect *c)
{
	const struct ethtool_conf *conf = c->conf;
	struct str *names;
	size_t n;
	int r = collect_needs_live(c, HOST_SYS);

	if (r == 0)
		r = collect_list(c, HOST_SYS, "class/net", &names, &n);

	_cleanup_fd_ int fd = r < 0 ? r : ethtool_open();

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < n; i++) {
		int one = device_wanted(&conf->devices, names[i]) ? add_device(c, fd, names[i]) : 0;

		/* Gone meanwhile, of another namespace, no device at all; or it has no answer. */
		if (one < 0 && one != -EOPNOTSUPP && one != -ENODEV)
			collect_note(c, names[i], "ethtool: %.*s: %s", STR_ARG(names[i]),
				     strerror(-one));
	}
	return 0;
}

const struct collector collector_ethtool = {
	.name = "ethtool",
	.help = "what drivers of network devices say",
	.reads = "/sys/class/net, SIOCETHTOOL",
	.live_only = "SIOCETHTOOL",
	.section = &section_collector_ethtool,
	.run = run,
};
