/* SPDX-License-Identifier: Apache-2.0 */
/*
 * InfiniBand and RoCE adapters, by port. Source: /sys/class/infiniband
 * (drivers/infiniband/core/sysfs.c). Data is counted in words of four bytes; before Linux 4.5 what
 * needs 64 bits is in counters_ext, elsewhere "N/A (no PMA)" may stand where there is no number.
 */
#include "collect/collector.h"

#include <errno.h>

#define NOW(file, name, ...) \
	ROW_COUNTER("counters/" file, "node_infiniband_" name "_total", __VA_ARGS__)
#define HW(file, name, ...) \
	ROW_COUNTER("hw_counters/" file, "node_infiniband_" name "_total", __VA_ARGS__)
#define OLD(file, name, ...) \
	ROW_COUNTER("counters_ext/port_" file, "node_infiniband_legacy_" name "_total", __VA_ARGS__)

/* clang-format off */
static const struct table_row rows[] = {
	NOW("VL15_dropped", "vl15_dropped", "Management packets without a buffer."),
	NOW("excessive_buffer_overrun_errors", "excessive_buffer_overrun_errors",
	    "Times that buffers overran again and again."),
	NOW("link_downed", "link_downed", "Times that the link went down for good."),
	NOW("link_error_recovery", "link_error_recovery", "Times that it recovered from an error."),
	NOW("local_link_integrity_errors", "local_link_integrity_errors",
	    "Times that there were too many errors of the wire."),
	NOW("multicast_rcv_packets", "multicast_packets_received", "Multicast packets received."),
	NOW("multicast_xmit_packets", "multicast_packets_transmitted", "Multicast packets sent."),
	NOW("port_rcv_constraint_errors", "port_constraint_errors_received",
	    "Packets that a switch's port refused to take."),
	NOW("port_rcv_data", "port_data_received_bytes", "Bytes received.", .scale = 4),
	NOW("port_rcv_discards", "port_discards_received", "Dropped on the way in."),
	NOW("port_rcv_errors", "port_errors_received", "Packets received with an error."),
	NOW("port_rcv_packets", "port_packets_received", "Packets received."),
	NOW("port_rcv_remote_physical_errors", "port_receive_remote_physical_errors",
	    "Packets received that another had marked as bad."),
	NOW("port_rcv_switch_relay_errors", "port_receive_switch_relay_errors", "Not forwarded."),
	NOW("port_xmit_constraint_errors", "port_constraint_errors_transmitted",
	    "Packets that a switch's port refused to send."),
	NOW("port_xmit_data", "port_data_transmitted_bytes", "Bytes sent.", .scale = 4),
	NOW("port_xmit_discards", "port_discards_transmitted", "Dropped on the way out."),
	NOW("port_xmit_packets", "port_packets_transmitted", "Packets sent."),
	NOW("port_xmit_wait", "port_transmit_wait", "Ticks in which data waited unsent."),
	NOW("symbol_error", "symbol_error", "Small errors of the wire."),
	NOW("unicast_rcv_packets", "unicast_packets_received", "Unicast packets received."),
	NOW("unicast_xmit_packets", "unicast_packets_transmitted", "Unicast packets sent."),
	OLD("multicast_rcv_packets", "multicast_packets_received", "Multicast packets received."),
	OLD("multicast_xmit_packets", "multicast_packets_transmitted", "Multicast packets sent."),
	OLD("rcv_data_64", "data_received_bytes", "Bytes received.", .scale = 4),
	OLD("rcv_packets_64", "packets_received", "Packets received."),
	OLD("unicast_rcv_packets", "unicast_packets_received", "Unicast packets received."),
	OLD("unicast_xmit_packets", "unicast_packets_transmitted", "Unicast packets sent."),
	OLD("xmit_data_64", "data_transmitted_bytes", "Bytes sent.", .scale = 4),
	OLD("xmit_packets_64", "packets_transmitted", "Packets sent."),
	HW("duplicate_request", "duplicate_requests_packets", "Requests received twice."),
	HW("implied_nak_seq_err", "implied_nak_seq_errors", "Answers out of their order."),
	HW("local_ack_timeout_err", "local_ack_timeout_errors", "Times that no ack came in time."),
	HW("np_cnp_sent", "np_cnp_packets_sent", "Notices of congestion sent."),
	HW("np_ecn_marked_roce_packets", "np_ecn_marked_roce_packets_received",
	   "Packets received with the mark of congestion."),
	HW("out_of_buffer", "out_of_buffer_drops", "Dropped for want of a receive buffer."),
	HW("out_of_sequence", "out_of_sequence_packets_received", "Received out of order."),
	HW("packet_seq_err", "packet_sequence_errors", "Refusals received: out of order."),
	HW("req_cqe_error", "req_cqes_errors", "Requests completed with an error."),
	HW("req_cqe_flush_error", "req_cqes_flush_errors", "Requests completed as flushed."),
	HW("req_remote_access_errors", "req_remote_access_errors",
	   "Requests that the other end did not let access its memory."),
	HW("req_remote_invalid_request", "req_remote_invalid_request_errors",
	   "Requests that the other end calls invalid."),
	HW("resp_cqe_error", "resp_cqes_errors", "Answers completed with an error."),
	HW("resp_cqe_flush_error", "resp_cqes_flush_errors", "Answers completed as flushed."),
	HW("resp_local_length_error", "resp_local_length_errors", "Answers of a wrong length."),
	HW("resp_remote_access_errors", "resp_remote_access_errors",
	   "Requests received that may not access our memory."),
	HW("rnr_nak_retry_err", "rnr_nak_retry_packets_received", "Refusals: not ready."),
	HW("roce_adp_retrans", "roce_adp_retransmits", "Adaptive retransmissions."),
	HW("roce_adp_retrans_to", "roce_adp_retransmits_timeout", "Those after a timeout."),
	HW("roce_slow_restart", "roce_slow_restart_used", "Uses of the slow restart."),
	HW("roce_slow_restart_cnps", "roce_slow_restart_cnps", "Congestion notices by it."),
	HW("roce_slow_restart_trans", "roce_slow_restart", "Changes into the slow restart."),
	HW("rp_cnp_handled", "rp_cnp_packets_handled", "Notices of congestion obeyed."),
	HW("rp_cnp_ignored", "rp_cnp_ignored_packets_received", "Those ignored."),
	HW("rx_atomic_requests", "rx_atomic_requests", "Atomic requests received."),
	HW("rx_dct_connect", "rx_dct_connect_requests", "Requests to connect received."),
	HW("rx_icrc_encapsulated", "rx_icrc_encapsulated_errors", "Wrong checksums (ICRC)."),
	HW("rx_read_requests", "rx_read_requests", "Read requests received."),
	HW("rx_write_requests", "rx_write_requests", "Write requests received."),
	ROW_GAUGE("hw_counters/lifespan", "node_infiniband_lifespan_seconds",
		  "How old the counters of the hardware may be.", .scale = 1e-3),
};
/* clang-format on */

/* "4: ACTIVE", "100 Gb/sec (4X EDR)": the number in front. */
static const struct table_row states[] = {
	ROW_GAUGE("state", "node_infiniband_state_id", "1 down, 2 init, 3 armed, 4 active.",
		  .form = ROW_REAL),
	ROW_GAUGE("phys_state", "node_infiniband_physical_state_id",
		  "1 sleep, 2 polling, 3 disabled, 4 training, 5 up, 6 recovery, 7 test.",
		  .form = ROW_REAL),
	ROW_GAUGE("rate", "node_infiniband_rate_bytes_per_second", "What the link can carry.",
		  .form = ROW_REAL, .scale = 1e9 / 8),
};

static int add_port(struct collect *c, int dir, struct str port, void *arg)
{
	const struct str device = *(const struct str *)arg;
	const struct labels *labels =
		METRIC_LABELS(c->out, { STR("device"), device }, { STR("port"), port });
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct str text, head;
		double value;

		if (host_attr(dir, states[i].at, c->scratch, &text) == 0 &&
		    str_word(&text, &head) &&
		    num_f64(str_ends(head, STR(":")) ? (struct str){ head.p, head.n - 1 } : head,
			    &value) == 0)
			family_add(metrics_family(c->out, &states[i].desc), labels,
				   value * (states[i].scale != 0 ? states[i].scale : 1));
		else
			result = collect_fail(c, -EBADMSG, "port %.*s of %.*s: no %s",
					      STR_ARG(port), STR_ARG(device), states[i].at);
	}
	(void)collect_attrs(c, dir, labels, rows, ARRAY_SIZE(rows));
	return result;
}

static int add_device(struct collect *c, int dir, struct str name, void *arg)
{
	static const struct metric_desc info = { "node_infiniband_info",
						 "What the adapter says of itself; always 1.",
						 METRIC_GAUGE };
	static const struct text_row texts[] = {
		{ "board_id", "board_id" },
		{ "fw_ver", "firmware_version" },
		{ "hca_type", "hca_type" },
	};

	(void)arg;
	collect_info(c, dir, &info, METRIC_LABELS(c->out, { STR("device"), name }), texts,
		     ARRAY_SIZE(texts));
	return collect_each_in(c, dir, "ports", add_port, &name);
}

static int run(struct collect *c)
{
	return collect_each(c, HOST_SYS, "class/infiniband", add_device, NULL);
}

const struct collector collector_infiniband = {
	.name = "infiniband",
	.help = "InfiniBand and RoCE adapters, by port",
	.reads = "/sys/class/infiniband/*/ports/*",
	.on = true,
	.run = run,
};
