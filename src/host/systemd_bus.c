/* SPDX-License-Identifier: Apache-2.0 */
#include "host/systemd_bus.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SERVICE "org.freedesktop.systemd1"
#define UNIT "(ssssssouso)"

/* Whether it lets us ask: it refuses a connection by closing it only after the first words. */
static int try_out(struct bus *manager)
{
	sd_bus_message *reply = NULL;
	int r = manager->calls.get_property(manager->bus, SERVICE, MANAGER_PATH, SERVICE ".Manager",
					    "Version", NULL, &reply, "s");

	manager->calls.unref(reply);
	return r;
}

int manager_open(const struct host *host, int64_t limit_ns, struct bus *ret)
{
	static const struct {
		const char *path;
		bool daemon;
	} ways[] = { { "run/systemd/private", false }, { BUS_SYSTEM, true } };
	int root = host->dir[HOST_ROOT], r;

	*ret = (struct bus){ 0 };
	if (root < 0 || faccessat(root, "run/systemd/system", F_OK, 0) < 0)
		return bus_fail(ret, -ENODATA, "systemd does not run: no /run/systemd/system");
	r = bus_init(ret, SERVICE, limit_ns);
	if (r < 0)
		return r;
	r = -EACCES;
	/* The manager talks to root only on its own socket. */
	for (size_t i = geteuid() ? 1 : 0; r < 0 && i < ARRAY_SIZE(ways); i++) {
		bus_close(ret);
		if (bus_out_of_time(ret))
			return bus_fail(ret, -ETIMEDOUT, "systemd does not answer");
		r = bus_connect(ret, host, ways[i].path, ways[i].daemon);
		if (r >= 0)
			r = try_out(ret);
	}
	if (r < 0) {
		bus_close(ret);
		return bus_fail(ret, r, "systemd cannot be asked: %s", strerror(-r));
	}
	return 0;
}

int manager_units(struct bus *manager, sd_bus_message **ret)
{
	return bus_list(manager, MANAGER_PATH, "Manager", "ListUnits", UNIT, ret);
}

int manager_next(struct bus *manager, sd_bus_message *units, struct unit *ret)
{
	const char *name, *load_state, *active, *path, *skip;
	uint32_t job;
	int r = bus_out_of_time(manager)
			? -ETIMEDOUT
			: manager->calls.read(units, UNIT, &name, &skip, &load_state, &active,
					      &skip, &skip, &path, &job, &skip, &skip);

	if (r < 0)
		return bus_fail(manager, r, "the list of units: %s", strerror(-r));
	if (r > 0)
		*ret = (struct unit){ str_of(name), str_of(load_state), str_of(active), path };
	return r > 0;
}
