/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tape drives. Source: /sys/class/scsi_tape/stN/stats (drivers/scsi/st.c). A drive has a name for
 * each of its modes (st0, nst0, st0a...), which all show the same.
 */
#include "collect/collector.h"
#include "collect/node/device_filter.h"

struct tapestats_conf {
	struct device_filter devices;
};

static const struct opt tapestats_opts[] = { DEVICE_FILTER_OPTS(struct tapestats_conf), { 0 } };

static const struct opt_section section_collector_tapestats = {
	.path = "collectors.tapestats",
	.help = "tape drives",
	.opts = tapestats_opts,
	.size = sizeof(struct tapestats_conf),
};

#define COUNTER(file, name, help, ...) \
	ROW_COUNTER("stats/" file, "node_tape_" name "_total", help, .or_zero = true, __VA_ARGS__)
/* From nanoseconds, rounded as node_exporter rounds them: to the last digit. */
#define SECONDS(file, name, help) COUNTER(file, name, help, .scale = 1e-9, .multiply = true)

/* clang-format off */
static const struct table_row rows[] = {
	ROW_GAUGE("stats/in_flight", "node_tape_io_now", "Requests that the drive has now.",
		  .or_zero = true),
	SECONDS("io_ns", "io_time_seconds", "Time spent on requests of all kinds."),
	COUNTER("other_cnt", "io_others", "Requests that neither read nor wrote."),
	COUNTER("read_byte_cnt", "read_bytes", "Bytes read."),
	COUNTER("read_cnt", "reads_completed", "Requests to read."),
	SECONDS("read_ns", "read_time_seconds", "Time spent on reading."),
	COUNTER("resid_cnt", "residual", "Requests that moved less than was asked for."),
	COUNTER("write_byte_cnt", "written_bytes", "Bytes written."),
	COUNTER("write_cnt", "writes_completed", "Requests to write."),
	SECONDS("write_ns", "write_time_seconds", "Time spent on writing."),
};
/* clang-format on */

static int add_drive(struct collect *c, int dir, struct str name, void *arg)
{
	const struct tapestats_conf *conf = c->conf;
	uint64_t number;

	(void)arg;
	if (str_starts(name, STR("st")) && num_u64(str_skip(name, 2), &number) == 0 &&
	    device_wanted(&conf->devices, name))
		(void)collect_attrs(c, dir, METRIC_LABELS(c->out, { STR("device"), name }), rows,
				    ARRAY_SIZE(rows));
	return 0;
}

static int run(struct collect *c)
{
	return collect_each(c, HOST_SYS, "class/scsi_tape", add_drive, NULL);
}

const struct collector collector_tapestats = {
	.name = "tapestats",
	.help = "tape drives",
	.reads = "/sys/class/scsi_tape/st*/stats/*",
	.on = true,
	.section = &section_collector_tapestats,
	.run = run,
};
