/* SPDX-License-Identifier: Apache-2.0 */
/* Wireless devices and the stations that they talk to. Source: nl80211. */
#include "host/nl80211.h"

#include <errno.h>
#include <linux/nl80211.h>

#include "collect/collector.h"

static const struct metric_desc station_descs[] = {
	{ "node_wifi_station_connected_seconds_total", "Time that it is here.", METRIC_COUNTER },
	{ "node_wifi_station_inactive_seconds", "Time without a sign of it.", METRIC_GAUGE },
	{ "node_wifi_station_receive_bits_per_second", "Rate of receiving.", METRIC_GAUGE },
	{ "node_wifi_station_transmit_bits_per_second", "Rate of sending.", METRIC_GAUGE },
	{ "node_wifi_station_receive_bytes_total", "Bytes received from it.", METRIC_COUNTER },
	{ "node_wifi_station_transmit_bytes_total", "Bytes sent to it.", METRIC_COUNTER },
	{ "node_wifi_station_received_packets_total", "Packets received.", METRIC_COUNTER },
	{ "node_wifi_station_transmitted_packets_total", "Packets sent.", METRIC_COUNTER },
	{ "node_wifi_station_signal_dbm", "Strength of its signal.", METRIC_GAUGE },
	{ "node_wifi_station_transmit_retries_total", "Packets sent again.", METRIC_COUNTER },
	{ "node_wifi_station_transmit_failed_total", "Packets never sent.", METRIC_COUNTER },
	{ "node_wifi_station_beacon_loss_total", "Times that no beacon came.", METRIC_COUNTER },
};

static struct str mac(struct arena *arena, struct str bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;

	return bytes.n == 6 ? arena_printf(arena, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2],
					   p[3], p[4], p[5])
			    : STR("");
}

static void add_station(struct collect *c, struct str device, const struct wifi_station *s)
{
	const struct labels *labels =
		METRIC_LABELS(c->out, { STR("device"), device },
			      { STR("mac_address"), mac(c->scratch, s->address) });
	const double values[ARRAY_SIZE(station_descs)] = {
		s->connected_seconds,
		s->inactive_ms / 1000.0,
		(double)s->receive_rate,
		(double)s->send_rate,
		(double)s->received_bytes,
		(double)s->sent_bytes,
		(double)s->received_packets,
		(double)s->sent_packets,
		s->signal,
		s->retries,
		s->failed,
		s->beacon_loss,
	};

	for (size_t i = 0; i < ARRAY_SIZE(station_descs); i++)
		family_add(metrics_family(c->out, &station_descs[i]), labels, values[i]);
}

static void add_device(struct collect *c, const struct wifi_device *d)
{
	static const struct metric_desc frequency = { "node_wifi_interface_frequency_hertz",
						      "Frequency of a device.", METRIC_GAUGE };
	static const struct metric_desc info = { "node_wifi_station_info",
						 "The network of a device; always 1.",
						 METRIC_GAUGE };

	family_add(metrics_family(c->out, &frequency),
		   METRIC_LABELS(c->out, { STR("device"), d->name }), d->mhz * 1e6);
	if (d->bss.here)
		family_add(metrics_family(c->out, &info),
			   METRIC_LABELS(
				   c->out, { STR("bssid"), mac(c->scratch, d->bss.bssid) },
				   { STR("device"), d->name },
				   { STR("mode"), d->bss.status <= NL80211_BSS_STATUS_ASSOCIATED
							  ? STR("client")
						  : d->bss.status == NL80211_BSS_STATUS_IBSS_JOINED
							  ? STR("ad-hoc")
							  : STR("unknown") },
				   { STR("ssid"), d->bss.ssid }),
			   1);
	for (size_t i = 0; i < d->n_stations; i++)
		add_station(c, d->name, &d->stations[i]);
}

static int run(struct collect *c)
{
	struct wifi_device *devices;
	size_t n;
	int r = collect_needs_live(c, HOST_PROC);

	if (r == 0)
		r = nl80211_devices(c->scratch, &devices, &n);
	if (r < 0)
		return r == -ENOENT ? collect_fail(c, -ENODATA, "the kernel has no nl80211") : r;
	for (size_t i = 0; i < n; i++)
		add_device(c, &devices[i]);
	return 0;
}

const struct collector collector_wifi = {
	.name = "wifi",
	.help = "wireless devices and the stations they talk to",
	.reads = "netlink nl80211",
	.live_only = "netlink nl80211",
	.run = run,
};
