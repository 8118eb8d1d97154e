/* SPDX-License-Identifier: Apache-2.0 */
/* A driver is played here: ioctl() answers for a network card of many modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <math.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "one-collector.h"

static const char *const strings[] = { "rx_bytes", "tx_busy", "rx-drop", "rx_drop", "[0]: Cols" };
static uint32_t n_values; /* what the kernel has by the time that values are asked for */

int ioctl(int fd, unsigned long request, ...)
{
	struct ethtool_drvinfo *info;
	struct ethtool_gstrings *names;
	struct ethtool_stats *stats;
	struct ethtool_cmd *link;
	struct ifreq *ifr;
	uint32_t command;
	va_list ap;

	(void)fd;
	va_start(ap, request);
	ifr = va_arg(ap, struct ifreq *);
	va_end(ap);
	assert_int_equal(request, SIOCETHTOOL);
	memcpy(&command, ifr->ifr_data, sizeof(command));
	if (strcmp(ifr->ifr_name, "eth0") != 0) {
		errno = strcmp(ifr->ifr_name, "odd") == 0 ? EIO : EOPNOTSUPP;
		return -1;
	}
	switch (command) {
	case ETHTOOL_GSET:
		link = (struct ethtool_cmd *)(void *)ifr->ifr_data;
		link->supported = 1u << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 13 | 1 << 15 |
				  1 << 20 | 1u << 31;
		link->advertising = 1 << 5 | 1 << 14;
		link->autoneg = AUTONEG_ENABLE;
		return 0;
	case ETHTOOL_GDRVINFO:
		info = (struct ethtool_drvinfo *)(void *)ifr->ifr_data;
		memcpy(info->driver, "igb", 4);
		memset(info->version, 'v', sizeof(info->version));
		memcpy(info->bus_info, "0000:01:00.0", 13);
		info->n_stats = ARRAY_SIZE(strings);
		return 0;
	case ETHTOOL_GSTRINGS:
		names = (struct ethtool_gstrings *)(void *)ifr->ifr_data;
		assert_int_equal(names->string_set, ETH_SS_STATS);
		names->len = ARRAY_SIZE(strings);
		for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
			memcpy(names->data + i * ETH_GSTRING_LEN, strings[i],
			       strlen(strings[i]) + 1);
		return 0;
	default:
		assert_int_equal(command, ETHTOOL_GSTATS);
		stats = (struct ethtool_stats *)(void *)ifr->ifr_data;
		stats->n_stats = n_values;
		for (size_t i = 0; i < n_values; i++)
			stats->data[i] = 100 + i;
		return 0;
	}
}

static struct arena memory;

static int start(void **state)
{
	static struct one one;
	const struct opt_section *section;
	struct str why;
	void *conf;

	one_start(&one, "ethtool", NULL, false);
	section = one.type->section;
	conf = arena_zalloc(&memory, 1, section->size);
	for (const struct opt *opt = section->opts; opt->name; opt++)
		assert_int_equal(opt_parse(opt, conf, str_of(opt->preset), true, &memory, &why), 0);
	opt_compile(section, conf);
	one.c.conf = conf;
	/* The tree stands for the kernel's own. */
	one.host.given[HOST_SYS] = false;
	one_write(&one, "sys/class/net/eth0/mtu", "1500\n");
	one_write(&one, "sys/class/net/lo/mtu", "65536\n");
	n_values = ARRAY_SIZE(strings);
	*state = &one;
	return 0;
}

static int stop(void **state)
{
	struct one *one = *state;

	opt_release(one->type->section, (void *)(uintptr_t)one->c.conf);
	one_stop(one);
	arena_release(&memory);
	return 0;
}

static void assert_value(const struct one *one, const char *family, const char *labels, double want)
{
	double got = one_value(one, family, labels);

	if (!(got == want) && !(isnan(got) && isnan(want)))
		fail_msg("%s{%s} is %f, not %f", family, labels, got, want);
}

static void test_modes(void **state)
{
	static const struct {
		const char *labels;
		double value;
	} modes[] = {
		{ "device=\"eth0\",duplex=\"half\",mode=\"1000baseT\"", 1e9 / 8 },
		{ "device=\"eth0\",duplex=\"full\",mode=\"1000baseT\"", 1e9 / 8 },
		{ "device=\"eth0\",duplex=\"full\",mode=\"10000baseR_FEC\"", 1e10 / 8 },
		{ "device=\"eth0\",duplex=\"full\",mode=\"25000baseCR\"", 25e9 / 8 },
		{ "device=\"eth0\",duplex=\"full\",mode=\"100baseT\"", (double)NAN },
	};
	struct one *one = *state;
	const char *eth0 = "device=\"eth0\"";

	assert_int_equal(one_run(one), 0);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		assert_value(one, "node_network_supported_speed_bytes", modes[i].labels,
			     modes[i].value);
	assert_value(one, "node_network_advertised_speed_bytes", modes[1].labels, 1e9 / 8);
	assert_value(one, "node_network_advertised_speed_bytes", modes[0].labels, (double)NAN);
	assert_value(one, "node_network_supported_port_info", "device=\"eth0\",type=\"TP\"", 1);
	assert_value(one, "node_network_supported_port_info", "device=\"eth0\",type=\"FIBRE\"", 1);
	assert_value(one, "node_network_supported_port_info", "device=\"eth0\",type=\"MII\"",
		     (double)NAN);
	assert_value(one, "node_network_autonegotiate_supported", eth0, 1);
	assert_value(one, "node_network_pause_supported", eth0, 1);
	assert_value(one, "node_network_asymmetricpause_supported", eth0, 0);
	assert_value(one, "node_network_autonegotiate_advertised", eth0, 0);
	assert_value(one, "node_network_pause_advertised", eth0, 0);
	assert_value(one, "node_network_asymmetricpause_advertised", eth0, 1);
	assert_value(one, "node_network_autonegotiate", eth0, 1);
	assert_value(one, "node_network_autonegotiate", "device=\"lo\"", (double)NAN);
}

static void test_counters(void **state)
{
	struct one *one = *state;
	const char *eth0 = "device=\"eth0\"";

	assert_int_equal(one_run(one), 0);
	assert_value(one, "node_ethtool_received_bytes_total", eth0, 100);
	assert_value(one, "node_ethtool_transmitted_busy", eth0, 101);
	/* Both would be this. */
	assert_value(one, "node_ethtool_received_drop", eth0, (double)NAN);
	assert_value(one, "node_ethtool_0_cols", eth0, 104);
	assert_true(str_eq(one_label(one, "node_ethtool_info", "driver"), STR("igb")));
	assert_true(str_eq(one_label(one, "node_ethtool_info", "bus_info"), STR("0000:01:00.0")));
	assert_int_equal(one_label(one, "node_ethtool_info", "version").n, ETHTOOL_BUSINFO_LEN);
}

/* The driver has more counters than a moment ago: names and values would not fit together. */
static void test_counters_that_change(void **state)
{
	struct one *one = *state;

	n_values = ARRAY_SIZE(strings) + 3;
	assert_int_equal(one_run(one), 0);
	assert_value(one, "node_ethtool_received_bytes_total", "device=\"eth0\"", (double)NAN);
	assert_value(one, "node_network_autonegotiate", "device=\"eth0\"", 1);
	assert_int_equal(one->c.n_notes, 1);
}

static void test_refused(void **state)
{
	struct one *one = *state;

	one_write(one, "sys/class/net/odd/mtu", "1500\n");
	assert_int_equal(one_run(one), 0);
	assert_int_equal(one->c.n_notes, 1);
	assert_value(one, "node_ethtool_transmitted_busy", "device=\"eth0\"", 101);
}

static void test_another_tree(void **state)
{
	struct one *one = *state;

	one->host.given[HOST_SYS] = true;
	assert_int_equal(one_run(one), -ENODATA);
	assert_int_equal(one->metrics.series, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes, start, stop),
		cmocka_unit_test_setup_teardown(test_counters, start, stop),
		cmocka_unit_test_setup_teardown(test_counters_that_change, start, stop),
		cmocka_unit_test_setup_teardown(test_refused, start, stop),
		cmocka_unit_test_setup_teardown(test_another_tree, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
