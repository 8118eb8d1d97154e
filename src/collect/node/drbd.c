/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replicated block devices. Source: /proc/drbd of DRBD 8 (drivers/block/drbd/drbd_proc.c), words
 * "key:value" below "N:"; DRBD 9 has only a heading there.
 */
#include "collect/collector.h"

#include <errno.h>

#define COUNTER(key, name, help, ...) \
	ROW_COUNTER(key, "node_drbd_" name "_total", help, __VA_ARGS__)
#define GAUGE(key, name, help, ...) ROW_GAUGE(key, "node_drbd_" name, help, __VA_ARGS__)

/* clang-format off */
static const struct table_row numbers[] = {
	COUNTER("ns", "network_sent_bytes", "Data sent to the peer.", .scale = 1024),
	/* KiB as well, but node_exporter does not multiply, and its history is to go on. */
	COUNTER("nr", "network_received_bytes", "Data received, in KiB as node_exporter has it."),
	COUNTER("dw", "disk_written_bytes", "Data written to the local disk.", .scale = 1024),
	COUNTER("dr", "disk_read_bytes", "Data read from the local disk.", .scale = 1024),
	COUNTER("al", "activitylog_writes", "Updates of the activity log."),
	COUNTER("bm", "bitmap_writes", "Updates of the bitmap."),
	GAUGE("lo", "local_pending", "Requests that the local disk has."),
	GAUGE("pe", "remote_pending", "Requests that the peer has not answered."),
	GAUGE("ua", "remote_unacknowledged", "Requests of the peer that are not answered."),
	GAUGE("ap", "application_pending", "Requests of applications that are not answered."),
	GAUGE("ep", "epochs", "Epochs in flight."),
	GAUGE("oos", "out_of_sync_bytes", "Data that differs from the peer's.", .scale = 1024),
};
/* clang-format on */

static const struct metric_desc primary = { "node_drbd_node_role_is_primary",
					    "1 when the node may write.", METRIC_GAUGE };
static const struct metric_desc up_to_date = { "node_drbd_disk_state_is_up_to_date",
					       "1 when the node's disk has all data.",
					       METRIC_GAUGE };
static const struct metric_desc connected = { "node_drbd_connected",
					      "1 when the peer is connected.", METRIC_GAUGE };

/* "Primary/Secondary": the local node's and the other's. */
static int add_pair(struct collect *c, const struct labels *labels, const struct metric_desc *desc,
		    struct str value, struct str good)
{
	struct family *f = metrics_family(c->out, desc);
	struct str local = STR("");

	if (!str_cut(&value, '/', &local) || !value.n)
		return collect_fail(c, -EBADMSG, "/proc/drbd: not a pair: %.*s", STR_ARG(local));
	family_add(f, collect_labels_and(c, labels, STR("node"), STR("local")),
		   str_eq(local, good));
	family_add(f, collect_labels_and(c, labels, STR("node"), STR("remote")),
		   str_eq(value, good));
	return 0;
}

static int add(struct collect *c, struct label device, struct str key, struct str value)
{
	const struct labels *labels = METRIC_LABELS(c->out, device);
	double number;

	if (str_eq(key, STR("ro")))
		return add_pair(c, labels, &primary, value, STR("Primary"));
	if (str_eq(key, STR("ds")))
		return add_pair(c, labels, &up_to_date, value, STR("UpToDate"));
	if (str_eq(key, STR("cs")))
		family_add(metrics_family(c->out, &connected), labels,
			   str_eq(value, STR("Connected")));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (!str_eq(key, str_of(numbers[i].at)))
			continue;
		if (num_f64(value, &number) < 0)
			return collect_fail(c, -EBADMSG, "/proc/drbd: %.*s is not a number",
					    STR_ARG(key));
		family_add(metrics_family(c->out, &numbers[i].desc), labels,
			   numbers[i].scale != 0 ? number * numbers[i].scale : number);
	}
	return 0;
}

static int run(struct collect *c)
{
	struct label device = { STR("device"), STR("unknown") };
	struct str text, word, key;
	uint64_t number;
	int r = collect_read(c, HOST_PROC, "drbd", &text);

	if (r < 0)
		return r;
	while (str_word(&text, &word)) {
		size_t colon = str_find(word, ':');
		struct str value = str_skip(word, colon + 1);

		key = (struct str){ word.p, colon };
		if (colon == word.n || str_find(value, ':') < value.n)
			continue;
		if (!value.n && num_u64(key, &number) == 0)
			device.value = ARENA_CONCAT(c->scratch, STR("drbd"), key);
		else if (add(c, device, key, value) < 0)
			r = -EBADMSG;
	}
	return r;
}

const struct collector collector_drbd = {
	.name = "drbd",
	.help = "replicated block devices (DRBD 8)",
	.reads = "/proc/drbd",
	.run = run,
};
