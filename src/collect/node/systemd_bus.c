/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/node/systemd_bus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lib.h"

#define SERVICE "org.freedesktop.systemd1"

static int load(struct collect *c, struct bus_calls *ret)
{
	static const struct lib_symbol symbols[] = {
		{ "sd_bus_new", offsetof(struct bus_calls, new) },
		{ "sd_bus_set_address", offsetof(struct bus_calls, set_address) },
		{ "sd_bus_set_bus_client", offsetof(struct bus_calls, set_bus_client) },
		{ "sd_bus_start", offsetof(struct bus_calls, start) },
		{ "sd_bus_is_ready", offsetof(struct bus_calls, is_ready) },
		{ "sd_bus_process", offsetof(struct bus_calls, process) },
		{ "sd_bus_wait", offsetof(struct bus_calls, wait) },
		{ "sd_bus_set_method_call_timeout", offsetof(struct bus_calls, set_timeout) },
		{ "sd_bus_close", offsetof(struct bus_calls, close) },
		{ "sd_bus_unref", offsetof(struct bus_calls, unref_bus) },
		{ "sd_bus_call_method", offsetof(struct bus_calls, call_method) },
		{ "sd_bus_get_property_trivial", offsetof(struct bus_calls, get_trivial) },
		{ "sd_bus_get_property", offsetof(struct bus_calls, get_property) },
		{ "sd_bus_message_enter_container", offsetof(struct bus_calls, enter) },
		{ "sd_bus_message_read", offsetof(struct bus_calls, read) },
		{ "sd_bus_message_unref", offsetof(struct bus_calls, unref) },
		{ "sd_bus_error_free", offsetof(struct bus_calls, error_free) },
		{ 0 },
	};
	const char *why = "";
	int r = lib_open("libsystemd.so.0", symbols, ret, &why);

	return r < 0 ? collect_fail(c, r, "libsystemd.so.0 cannot be loaded: %s", why) : 0;
}

static bool out_of_time(const struct manager *manager)
{
	return clock_ns(CLOCK_MONOTONIC) > manager->until;
}

/*
 * Until both sides know each other. The limit of calls begins only then, and who takes connections
 * and never says a word, as a manager that has frozen, would be waited for a minute and a half.
 */
static int await_ready(struct manager *manager)
{
	int r;

	while ((r = manager->calls.is_ready(manager->bus)) == 0) {
		int64_t left = manager->until - clock_ns(CLOCK_MONOTONIC);

		if (left <= 0)
			return -ETIMEDOUT;
		r = manager->calls.process(manager->bus, NULL);
		if (r == 0)
			r = manager->calls.wait(manager->bus, (uint64_t)left / 1000 + 1);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return r;
}

/* The socket may be below --rootfs: the path that sd-bus gets is that of a descriptor. */
static int connect_to(struct manager *manager, const struct host *host, const char *path,
		      bool daemon, int64_t limit_ns)
{
	_cleanup_fd_ int fd = -1;
	char address[64];
	int r;

	fd = openat(host->dir[HOST_ROOT], path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)snprintf(address, sizeof(address), "unix:path=/proc/self/fd/%d", fd);
	r = manager->calls.new(&manager->bus);
	if (r >= 0)
		r = manager->calls.set_address(manager->bus, address);
	if (r >= 0 && daemon)
		r = manager->calls.set_bus_client(manager->bus, 1);
	if (r >= 0)
		r = manager->calls.start(manager->bus);
	if (r >= 0)
		r = manager->calls.set_timeout(manager->bus, (uint64_t)limit_ns / 1000);
	if (r >= 0)
		r = await_ready(manager);
	return r;
}

/* Whether it lets us ask: it refuses a connection by closing it only after the first words. */
static int try_out(struct manager *manager)
{
	sd_bus_message *reply = NULL;
	int r = manager->calls.get_property(manager->bus, SERVICE, MANAGER_PATH, SERVICE ".Manager",
					    "Version", NULL, &reply, "s");

	manager->calls.unref(reply);
	return r;
}

int manager_open(struct collect *c, int64_t limit_ns, struct manager *ret)
{
	static const struct {
		const char *path;
		bool daemon;
	} ways[] = { { "run/systemd/private", false }, { "run/dbus/system_bus_socket", true } };
	int root = c->host->dir[HOST_ROOT], r;

	*ret = (struct manager){ 0 };
	if (root < 0 || faccessat(root, "run/systemd/system", F_OK, 0) < 0)
		return collect_fail(c, -ENODATA, "systemd does not run: no /run/systemd/system");
	r = load(c, &ret->calls);
	if (r < 0)
		return r;
	ret->until = clock_ns(CLOCK_MONOTONIC) + limit_ns;
	r = -EACCES;
	/* The manager talks to root only on its own socket. */
	for (size_t i = geteuid() ? 1 : 0; r < 0 && i < ARRAY_SIZE(ways); i++) {
		manager_close(ret);
		if (out_of_time(ret))
			return collect_fail(c, -ETIMEDOUT, "systemd does not answer");
		r = connect_to(ret, c->host, ways[i].path, ways[i].daemon, limit_ns);
		if (r >= 0)
			r = try_out(ret);
	}
	if (r < 0) {
		manager_close(ret);
		return collect_fail(c, r, "systemd cannot be asked: %s", strerror(-r));
	}
	return 0;
}

/* Nothing that is still to be sent matters: a flush would wait for who does not answer. */
void manager_close(struct manager *manager)
{
	if (!manager->bus)
		return;
	manager->calls.close(manager->bus);
	manager->bus = manager->calls.unref_bus(manager->bus);
}

int manager_units(struct collect *c, struct manager *manager, sd_bus_message **ret)
{
	sd_bus_error error = { 0 };
	sd_bus_message *reply = NULL;
	int r = manager->calls.call_method(manager->bus, SERVICE, MANAGER_PATH, SERVICE ".Manager",
					   "ListUnits", &error, &reply, NULL);

	if (r >= 0)
		r = manager->calls.enter(reply, 'a', "(ssssssouso)");
	if (r < 0) {
		r = collect_fail(c, r, "ListUnits: %s",
				 error.message ? error.message : strerror(-r));
		manager->calls.unref(reply);
	} else {
		*ret = reply;
	}
	manager->calls.error_free(&error);
	return r < 0 ? r : 0;
}

int manager_next(struct collect *c, struct manager *manager, sd_bus_message *units,
		 struct unit *ret)
{
	const char *name, *load_state, *active, *path, *skip;
	uint32_t job;
	int r = out_of_time(manager)
			? -ETIMEDOUT
			: manager->calls.read(units, "(ssssssouso)", &name, &skip, &load_state,
					      &active, &skip, &skip, &path, &job, &skip, &skip);

	if (r < 0)
		return collect_fail(c, r, "the list of units: %s", strerror(-r));
	if (r > 0)
		*ret = (struct unit){ str_of(name), str_of(load_state), str_of(active), path };
	return r > 0;
}

static int trivial(struct manager *manager, const char *path, const char *interface,
		   const char *name, char type, void *ret)
{
	char full[64];

	(void)snprintf(full, sizeof(full), SERVICE ".%s", interface);
	if (out_of_time(manager))
		return -ETIMEDOUT;
	return manager->calls.get_trivial(manager->bus, SERVICE, path, full, name, NULL, type, ret);
}

int manager_u32(struct manager *manager, const char *path, const char *interface, const char *name,
		uint32_t *ret)
{
	return trivial(manager, path, interface, name, 'u', ret);
}

int manager_u64(struct manager *manager, const char *path, const char *interface, const char *name,
		uint64_t *ret)
{
	return trivial(manager, path, interface, name, 't', ret);
}

struct str manager_string(struct manager *manager, const char *path, const char *interface,
			  const char *name, struct arena *arena)
{
	sd_bus_message *reply = NULL;
	struct str text = { 0 };
	const char *value;
	char full[64];

	(void)snprintf(full, sizeof(full), SERVICE ".%s", interface);
	if (!out_of_time(manager) &&
	    manager->calls.get_property(manager->bus, SERVICE, path, full, name, NULL, &reply,
					"s") >= 0 &&
	    manager->calls.read(reply, "s", &value) > 0)
		text = arena_str(arena, str_of(value));
	manager->calls.unref(reply);
	return text;
}
