/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that IPsec could not handle. Source: net/xfrm_stat (net/xfrm/xfrm_proc.c), a name and a
 * number a line. Kernels before 3.x lack some of them, newer ones have more.
 */
#include "collect/collector.h"

#define COUNTER(line, name, help) \
	ROW_COUNTER("Xfrm" line, "node_xfrm_" name "_packets_total", help, .column = 0)

static const struct table_row rows[] = {
	COUNTER("InError", "in_error", "Received: other errors."),
	COUNTER("InBufferError", "in_buffer_error", "Received: no buffer."),
	COUNTER("InHdrError", "in_hdr_error", "Received: error in the header."),
	COUNTER("InNoStates", "in_no_states",
		"Received: no state, wrong SPI, address or protocol."),
	COUNTER("InStateProtoError", "in_state_proto_error", "Received: error of the protocol."),
	COUNTER("InStateModeError", "in_state_mode_error", "Received: error of the mode."),
	COUNTER("InStateSeqError", "in_state_seq_error", "Received: number out of the window."),
	COUNTER("InStateExpired", "in_state_expired", "Received: state expired."),
	COUNTER("InStateMismatch", "in_state_mismatch", "Received: state with other options."),
	COUNTER("InStateInvalid", "in_state_invalid", "Received: state invalid."),
	COUNTER("InTmplMismatch", "in_tmpl_mismatch", "Received: no template for the state."),
	COUNTER("InNoPols", "in_no_pols", "Received: no policy for the state."),
	COUNTER("InPolBlock", "in_pol_block", "Received: dropped by policy."),
	COUNTER("InPolError", "in_pol_error", "Received: error in the policy."),
	COUNTER("OutError", "out_error", "To be sent: other errors."),
	COUNTER("OutBundleGenError", "out_bundle_gen_error", "To be sent: no bundle was made."),
	COUNTER("OutBundleCheckError", "out_bundle_check_error", "To be sent: bundle not good."),
	COUNTER("OutNoStates", "out_no_states", "To be sent: no state."),
	COUNTER("OutStateProtoError", "out_state_proto_error",
		"To be sent: error of the protocol."),
	COUNTER("OutStateModeError", "out_state_mode_error", "To be sent: error of the mode."),
	COUNTER("OutStateSeqError", "out_state_seq_error", "To be sent: numbers used up."),
	COUNTER("OutStateExpired", "out_state_expired", "To be sent: state expired."),
	COUNTER("OutPolBlock", "out_pol_block", "To be sent: dropped by policy."),
	COUNTER("OutPolDead", "out_pol_dead", "To be sent: policy dead."),
	COUNTER("OutPolError", "out_pol_error", "To be sent: error in the policy."),
	COUNTER("FwdHdrError", "fwd_hdr_error", "Forwarded: error in the header."),
	COUNTER("OutStateInvalid", "out_state_invalid", "To be sent: state invalid."),
	COUNTER("AcquireError", "acquire_error", "State that was not made before use."),
};

static int run(struct collect *c)
{
	struct str text;
	int r = collect_read(c, HOST_PROC, "net/xfrm_stat", &text);

	return r < 0 ? r
		     : collect_known_lines(c, "/proc/net/xfrm_stat", text,
					   metrics_no_labels(c->out), rows, ARRAY_SIZE(rows));
}

const struct collector collector_xfrm = {
	.name = "xfrm",
	.help = "packets that IPsec could not handle",
	.reads = "/proc/net/xfrm_stat",
	.run = run,
};
