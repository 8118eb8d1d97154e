/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of Fibre Channel. Source: /sys/class/fc_host (drivers/scsi/scsi_transport_fc.c): counters
 * in hexadecimal, all ones where the adapter does not count.
 */
#include "collect/collector.h"

#include <unistd.h>

#define COUNTER(file, name, help)                                                                  \
	ROW_COUNTER("statistics/" file, "node_fibrechannel_" name "_total", help, .form = ROW_HEX, \
		    .or_zero = true)

/* clang-format off */
static const struct table_row rows[] = {
	COUNTER("dumped_frames", "dumped_frames", "Frames dropped for lack of buffers."),
	COUNTER("error_frames", "error_frames", "Frames with errors."),
	COUNTER("invalid_crc_count", "invalid_crc", "Frames with a wrong checksum."),
	COUNTER("rx_frames", "rx_frames", "Frames received."),
	COUNTER("rx_words", "rx_words", "Words received."),
	COUNTER("tx_frames", "tx_frames", "Frames sent."),
	COUNTER("tx_words", "tx_words", "Words sent."),
	COUNTER("seconds_since_last_reset", "seconds_since_last_reset",
		"Seconds since the counters began at 0."),
	COUNTER("invalid_tx_word_count", "invalid_tx_words", "Invalid words received."),
	COUNTER("link_failure_count", "link_failure", "Failures of the link."),
	COUNTER("loss_of_sync_count", "loss_of_sync", "Losses of synchronization."),
	COUNTER("loss_of_signal_count", "loss_of_signal", "Losses of signal."),
	COUNTER("nos_count", "nos", "Signals that the port is not operational."),
	COUNTER("fcp_packet_aborts", "fcp_packet_aborts", "SCSI commands that were aborted."),
};
/* clang-format on */

static void add_info(struct collect *c, int dir, struct str host)
{
	static const struct metric_desc desc = { "node_fibrechannel_info",
						 "What the port says of itself; always 1.",
						 METRIC_GAUGE };
	static const char *const files[] = {
		"speed",         "port_state",        "port_type",
		"port_id",       "port_name",         "fabric_name",
		"symbolic_name", "supported_classes", "supported_speeds",
		"dev_loss_tmo",
	};
	struct label v[ARRAY_SIZE(files) + 1] = { { STR("fc_host"), host } };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct str text = STR("");

		(void)host_attr(dir, files[i], c->scratch, &text);
		/* Names and numbers of ports stand without it. */
		if (str_starts(text, STR("0x")) && text.n > 2)
			text = str_skip(text, 2);
		v[i + 1] = (struct label){ str_of(files[i]), text };
	}
	family_add(metrics_family(c->out, &desc), metrics_labels(c->out, ARRAY_SIZE(v), v), 1);
}

static int add_host(struct collect *c, int dir, struct str host, void *arg)
{
	const struct labels *labels = METRIC_LABELS(c->out, { STR("fc_host"), host });

	(void)arg;
	add_info(c, dir, host);
	if (faccessat(dir, "statistics", F_OK, 0) == 0)
		(void)collect_attrs(c, dir, labels, rows, ARRAY_SIZE(rows));
	return 0;
}

static int run(struct collect *c)
{
	return collect_each(c, HOST_SYS, "class/fc_host", add_host, NULL);
}

const struct collector collector_fibrechannel = {
	.name = "fibrechannel",
	.help = "ports of Fibre Channel",
	.reads = "/sys/class/fc_host/*",
	.on = true,
	.run = run,
};
