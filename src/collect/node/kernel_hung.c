/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks found hanging. Source: kernel/hung_task.c, which tells it since Linux 6.13. */
#include "collect/collector.h"

static int run(struct collect *c)
{
	static const struct metric_desc desc = {
		"node_kernel_hung_tasks_total",
		"Tasks that the kernel has found hanging in uninterruptible sleep.",
		METRIC_COUNTER,
	};

	return collect_number(c, HOST_PROC, "sys/kernel/hung_task_detect_count", &desc);
}

const struct collector collector_kernel_hung = {
	.name = "kernel_hung",
	.help = "tasks that the kernel has found hanging",
	.reads = "/proc/sys/kernel/hung_task_detect_count",
	.on = true,
	.run = run,
};
