/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks. Spans and schedules come from the boot clock or the monotonic one; the wall's, which
 * may jump by a day either way, is for time stamps only.
 */
#pragma once

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Unix time. */
static inline double clock_wall_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
