/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling systemd how the agent fares. libsystemd is loaded only under a service manager that
 * asked for it (NOTIFY_SOCKET); elsewhere every call does nothing.
 */
#pragma once

#include "base/str.h"

struct notify {
	int (*sd_notify)(int unset_environment, const char *state);
	int64_t watchdog_ns; /* say something at least this often; 0: nobody watches */
};

/* Returns 0, or -ENOENT with a static reason when libsystemd is wanted but not there. */
int notify_open(struct notify *notify, const char **ret_why);
void notify_say(const struct notify *notify, const char *state);
