/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's entropy pool. Source: drivers/char/random.c; both are 256 since 5.18. */
#include "collect/collector.h"

static int run(struct collect *c)
{
	static const struct metric_desc available = { "node_entropy_available_bits",
						      "Bits of entropy in the pool.",
						      METRIC_GAUGE };
	static const struct metric_desc size = { "node_entropy_pool_size_bits",
						 "Bits that the pool holds at most.",
						 METRIC_GAUGE };
	int r = collect_number(c, HOST_PROC, "sys/kernel/random/entropy_avail", &available);

	return r < 0 ? r : collect_number(c, HOST_PROC, "sys/kernel/random/poolsize", &size);
}

const struct collector collector_entropy = {
	.name = "entropy",
	.help = "the kernel's entropy pool",
	.reads = "/proc/sys/kernel/random/{entropy_avail,poolsize}",
	.on = true,
	.run = run,
};
