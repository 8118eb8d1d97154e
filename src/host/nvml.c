/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nvml.h"

#include <errno.h>

int nvml_of_cycle(struct host *host, uint32_t want, const struct nvml_snapshot **ret)
{
	(void)host;
	(void)want;
	(void)ret;
	return -ENODATA;
}

const char *nvml_why(struct host *host)
{
	(void)host;
	return "there is no NVIDIA driver";
}

int nvml_energy(struct host *host, bool fresh, const struct nvml_energy **ret, size_t *ret_n)
{
	(void)host;
	(void)fresh;
	*ret = NULL;
	*ret_n = 0;
	return 0;
}

int nvml_uses(struct host *host, const struct nvml_use **ret, size_t *ret_n)
{
	(void)host;
	*ret = NULL;
	*ret_n = 0;
	return 0;
}

int32_t nvml_busy_ppm(struct host *host, uint32_t gpu)
{
	(void)host;
	(void)gpu;
	return -1;
}
