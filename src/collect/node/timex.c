/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well the clock is disciplined. Source: adjtimex(2), kernel/time/ntp.c. Times are
 * microseconds, or nanoseconds while STA_NANO is set; frequencies are ppm with a 16 bit
 * fraction.
 */
#include "collect/collector.h"

#include <errno.h>
#include <sys/timex.h>

#define SCALED_PPM (65536.0 * 1e6)

static const struct {
	struct metric_desc desc;
	size_t offset;  /* of a long in struct timex */
	double divisor; /* 0: the unit that STA_NANO chooses */
} rows[] = {
#define ROW(field, divisor, name, help, type)                                              \
	{                                                                                  \
		{ "node_timex_" name, help, type }, offsetof(struct timex, field), divisor \
	}
	ROW(offset, 0, "offset_seconds", "Offset between the local clock and its reference.",
	    METRIC_GAUGE),
	ROW(maxerror, 1e6, "maxerror_seconds", "Largest error that the clock may have.",
	    METRIC_GAUGE),
	ROW(esterror, 1e6, "estimated_error_seconds", "Estimated error of the clock.",
	    METRIC_GAUGE),
	ROW(constant, 1, "loop_time_constant", "Time constant of the phase-locked loop.",
	    METRIC_GAUGE),
	ROW(tick, 1e6, "tick_seconds", "Seconds between two clock ticks.", METRIC_GAUGE),
	ROW(ppsfreq, SCALED_PPM, "pps_frequency_hertz", "Frequency of the pulse per second.",
	    METRIC_GAUGE),
	ROW(jitter, 0, "pps_jitter_seconds", "Jitter of the pulse per second.", METRIC_GAUGE),
	ROW(stabil, SCALED_PPM, "pps_stability_hertz", "Stability of the pulse per second.",
	    METRIC_GAUGE),
	ROW(jitcnt, 1, "pps_jitter_total", "Pulses whose jitter was over the limit.",
	    METRIC_COUNTER),
	ROW(calcnt, 1, "pps_calibration_total", "Calibration intervals of the pulse per second.",
	    METRIC_COUNTER),
	ROW(errcnt, 1, "pps_error_total", "Calibration errors of the pulse per second.",
	    METRIC_COUNTER),
	ROW(stbcnt, 1, "pps_stability_exceeded_total", "Pulses whose stability was over the limit.",
	    METRIC_COUNTER),
#undef ROW
};

enum { FREQUENCY, SHIFT, STATUS, SYNC, TAI };

static const struct metric_desc others[] = {
	[FREQUENCY] = { "node_timex_frequency_adjustment_ratio",
			"Correction of the local clock's frequency.", METRIC_GAUGE },
	[SHIFT] = { "node_timex_pps_shift_seconds", "Interval over which the pulses are averaged.",
		    METRIC_GAUGE },
	[STATUS] = { "node_timex_status", "Bits of the clock's status.", METRIC_GAUGE },
	[SYNC] = { "node_timex_sync_status", "1 when the clock is synchronised to a reference.",
		   METRIC_GAUGE },
	[TAI] = { "node_timex_tai_offset_seconds", "Offset between TAI and UTC.", METRIC_GAUGE },
};

static int run(struct collect *c)
{
	struct timex t = { 0 };
	int r = c->host->same_kernel ? 0 : collect_needs_live(c, HOST_PROC), clock_state;
	double unit;

	if (r < 0)
		return r;
	clock_state = adjtimex(&t);
	if (clock_state < 0)
		return collect_fail(c, -errno, "adjtimex: %s", strerror(errno));
	unit = t.status & STA_NANO ? 1e9 : 1e6;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		long value;

		memcpy(&value, (const char *)&t + rows[i].offset, sizeof(value));
		metrics_add(c->out, &rows[i].desc,
			    (double)value / (rows[i].divisor != 0 ? rows[i].divisor : unit));
	}
	metrics_add(c->out, &others[FREQUENCY], 1 + (double)t.freq / SCALED_PPM);
	metrics_add(c->out, &others[SHIFT], (double)t.shift);
	metrics_add(c->out, &others[STATUS], t.status);
	metrics_add(c->out, &others[SYNC], clock_state != TIME_ERROR);
	metrics_add(c->out, &others[TAI], t.tai);
	return 0;
}

const struct collector collector_timex = {
	.name = "timex",
	.help = "clock discipline",
	.reads = "adjtimex(2)",
	.live_only = "adjtimex(2)",
	.on = true,
	.run = run,
};
