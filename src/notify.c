/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/lib.h"

struct systemd {
	__typeof__(&sd_notify) notify;
	__typeof__(&sd_watchdog_enabled) watchdog_enabled;
};

int notify_open(struct notify *notify, const char **ret_why)
{
	static const struct lib_symbol symbols[] = {
		{ "sd_notify", offsetof(struct systemd, notify) },
		{ "sd_watchdog_enabled", offsetof(struct systemd, watchdog_enabled) },
		{ 0 },
	};
	struct systemd systemd;
	uint64_t usec = 0;

	*notify = (struct notify){ 0 };
	if (!getenv("NOTIFY_SOCKET"))
		return 0;

	int r = lib_open("libsystemd.so.0", symbols, &systemd, ret_why);

	if (r < 0)
		return r;
	notify->sd_notify = systemd.notify;
	/* Half of the time allowed, as sd_watchdog_enabled(3) advises. */
	if (systemd.watchdog_enabled(0, &usec) > 0)
		notify->watchdog_ns = (int64_t)usec * 1000 / 2;
	return 0;
}

void notify_say(const struct notify *notify, const char *state)
{
	if (notify->sd_notify)
		(void)notify->sd_notify(0, state);
}
