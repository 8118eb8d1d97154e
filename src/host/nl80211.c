/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/wireless/nl80211.c, include/uapi/linux/nl80211.h. A generic family has a number of its own on
 * each boot; a device without a name (a P2P device, say) has no network device.
 */
#include "host/nl80211.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/nl80211.h>

#include "host/netlink_internal.h"

enum { IE_SSID = 0, RATE_UNIT = 100000 };

static bool take_header(struct str *payload)
{
	struct genlmsghdr header;

	return netlink_take_body(payload, &header, sizeof(header));
}

bool nl80211_parse_family(struct str payload, struct str name, uint16_t *ret_id)
{
	bool named = false;
	uint16_t type, id = 0;
	struct str value;

	if (!take_header(&payload))
		return false;
	while (netlink_take_attribute(&payload, &type, &value)) {
		if (type == CTRL_ATTR_FAMILY_ID)
			id = (uint16_t)netlink_number(value);
		else if (type == CTRL_ATTR_FAMILY_NAME)
			named = str_eq((struct str){ value.p, str_find(value, '\0') }, name);
	}
	if (!named || !id)
		return false;
	*ret_id = id;
	return true;
}

bool nl80211_parse_device(struct str payload, struct arena *arena, struct wifi_device *ret)
{
	struct wifi_device device = { 0 };
	struct str value;
	uint16_t type;

	if (!take_header(&payload))
		return false;
	while (netlink_take_attribute(&payload, &type, &value)) {
		if (type == NL80211_ATTR_IFINDEX)
			device.index = (int32_t)netlink_number(value);
		else if (type == NL80211_ATTR_IFNAME)
			device.name = netlink_text(arena, value);
		else if (type == NL80211_ATTR_WIPHY_FREQ)
			device.mhz = (uint32_t)netlink_number(value);
	}
	if (!device.name.n)
		return false;
	*ret = device;
	return true;
}

/* Elements of a beacon: a byte of number, a byte of length, the rest. */
static struct str find_ssid(struct str elements, struct arena *arena)
{
	while (elements.n >= 2) {
		size_t n = (uint8_t)elements.p[1];

		if (n > elements.n - 2)
			break;
		if (elements.p[0] == IE_SSID)
			return arena_str(arena, (struct str){ elements.p + 2, n });
		elements = str_skip(elements, n + 2);
	}
	return STR("");
}

bool nl80211_parse_bss(struct str payload, struct arena *arena, struct wifi_bss *ret)
{
	struct str value, inner = { 0 };
	struct wifi_bss bss = { 0 };
	uint16_t type;

	if (!take_header(&payload))
		return false;
	while (netlink_take_attribute(&payload, &type, &value))
		if (type == NL80211_ATTR_BSS)
			inner = value;
	while (netlink_take_attribute(&inner, &type, &value)) {
		if (type == NL80211_BSS_BSSID) {
			bss.bssid = arena_str(arena, value);
		} else if (type == NL80211_BSS_STATUS) {
			bss.here = true;
			bss.status = (uint32_t)netlink_number(value);
		} else if (type == NL80211_BSS_INFORMATION_ELEMENTS) {
			bss.ssid = find_ssid(value, arena);
		}
	}
	/* The others are neighbours that a scan has seen. */
	if (!bss.here)
		return false;
	*ret = bss;
	return true;
}

static uint64_t parse_rate(struct str inner)
{
	uint64_t narrow = 0, wide = 0;
	struct str value;
	uint16_t type;

	while (netlink_take_attribute(&inner, &type, &value)) {
		if (type == NL80211_RATE_INFO_BITRATE32)
			wide = netlink_number(value);
		else if (type == NL80211_RATE_INFO_BITRATE)
			narrow = netlink_number(value);
	}
	return (wide ? wide : narrow) * RATE_UNIT;
}

static void take_station(struct wifi_station *s, uint16_t type, struct str value)
{
	uint64_t number = netlink_number(value);

	switch (type) {
	case NL80211_STA_INFO_CONNECTED_TIME:
		s->connected_seconds = (uint32_t)number;
		break;
	case NL80211_STA_INFO_INACTIVE_TIME:
		s->inactive_ms = (uint32_t)number;
		break;
	/* The long forms have come later, and stand behind the short ones. */
	case NL80211_STA_INFO_RX_BYTES:
	case NL80211_STA_INFO_RX_BYTES64:
		s->received_bytes = number;
		break;
	case NL80211_STA_INFO_TX_BYTES:
	case NL80211_STA_INFO_TX_BYTES64:
		s->sent_bytes = number;
		break;
	case NL80211_STA_INFO_RX_PACKETS:
		s->received_packets = number;
		break;
	case NL80211_STA_INFO_TX_PACKETS:
		s->sent_packets = number;
		break;
	case NL80211_STA_INFO_RX_BITRATE:
		s->receive_rate = parse_rate(value);
		break;
	case NL80211_STA_INFO_TX_BITRATE:
		s->send_rate = parse_rate(value);
		break;
	case NL80211_STA_INFO_SIGNAL:
		s->signal = (int8_t)number;
		break;
	case NL80211_STA_INFO_TX_RETRIES:
		s->retries = (uint32_t)number;
		break;
	case NL80211_STA_INFO_TX_FAILED:
		s->failed = (uint32_t)number;
		break;
	case NL80211_STA_INFO_BEACON_LOSS:
		s->beacon_loss = (uint32_t)number;
		break;
	default:
		break;
	}
}

bool nl80211_parse_station(struct str payload, struct arena *arena, struct wifi_station *ret)
{
	struct wifi_station station = { 0 };
	struct str value, inner = { 0 };
	uint16_t type;

	if (!take_header(&payload))
		return false;
	while (netlink_take_attribute(&payload, &type, &value)) {
		if (type == NL80211_ATTR_MAC)
			station.address = arena_str(arena, value);
		else if (type == NL80211_ATTR_STA_INFO)
			inner = value;
	}
	if (!station.address.n || !inner.n)
		return false;
	while (netlink_take_attribute(&inner, &type, &value))
		take_station(&station, type, value);
	*ret = station;
	return true;
}

static bool take_family(struct rows *rows, struct str payload)
{
	return nl80211_parse_family(payload, STR("nl80211"), rows->p);
}

static bool take_device(struct rows *rows, struct str payload)
{
	struct wifi_device device;

	if (!nl80211_parse_device(payload, rows->arena, &device))
		return false;
	*(struct wifi_device *)netlink_next_row(rows) = device;
	return true;
}

static bool take_bss(struct rows *rows, struct str payload)
{
	return nl80211_parse_bss(payload, rows->arena, rows->p);
}

static bool take_one_station(struct rows *rows, struct str payload)
{
	struct wifi_station station;

	if (!nl80211_parse_station(payload, rows->arena, &station))
		return false;
	*(struct wifi_station *)netlink_next_row(rows) = station;
	return true;
}

/* A dump of one command; of one device where `index` is not 0. */
static int ask(uint16_t family, uint8_t command, int32_t index,
	       bool (*take)(struct rows *rows, struct str payload), struct rows *rows)
{
	const struct {
		struct genlmsghdr header;
		struct nlattr attribute;
		int32_t index;
	} body = {
		.header = { .cmd = command, .version = 1 },
		.attribute = { .nla_len = NLA_HDRLEN + sizeof(index),
			       .nla_type = NL80211_ATTR_IFINDEX },
		.index = index,
	};

	return netlink_dump_once(NETLINK_GENERIC,
				 &(struct dump){ family, &body,
						 index ? sizeof(body) : sizeof(body.header), take,
						 rows });
}

int nl80211_devices(struct arena *arena, struct wifi_device **ret_devices, size_t *ret_n)
{
	struct rows devices = { .arena = arena, .size = sizeof(struct wifi_device) };
	uint16_t family = 0;
	struct rows id = { .p = &family };
	int r = ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, take_family, &id);

	if (r < 0)
		return r;
	if (!family)
		return -ENOENT;
	r = ask(family, NL80211_CMD_GET_INTERFACE, 0, take_device, &devices);
	for (size_t i = 0; r >= 0 && i < devices.n; i++) {
		struct wifi_device *d = (struct wifi_device *)devices.p + i;
		struct rows bss = { .arena = arena, .p = &d->bss };
		struct rows stations = { .arena = arena, .size = sizeof(struct wifi_station) };

		/* Not every kind of device has both. */
		(void)ask(family, NL80211_CMD_GET_SCAN, d->index, take_bss, &bss);
		(void)ask(family, NL80211_CMD_GET_STATION, d->index, take_one_station, &stations);
		d->stations = stations.p;
		d->n_stations = stations.n;
	}
	if (r < 0)
		return r;
	*ret_devices = devices.p;
	*ret_n = devices.n;
	return 0;
}
