/* SPDX-License-Identifier: Apache-2.0 */
#include "host/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/lib.h"

struct name {
	char text[96];
};

int bus_fail(struct bus *bus, int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(bus->why, sizeof(bus->why), format, ap);
	va_end(ap);
	return r;
}

int bus_init(struct bus *bus, const char *service, int64_t limit_ns)
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
	int r;

	*bus = (struct bus){ .service = service, .limit_ns = limit_ns };
	bus->until = clock_ns(CLOCK_MONOTONIC) + limit_ns;
	r = lib_open("libsystemd.so.0", symbols, &bus->calls, &why);
	return r < 0 ? bus_fail(bus, r, "libsystemd.so.0 cannot be loaded: %s", why) : 0;
}

bool bus_out_of_time(const struct bus *bus)
{
	return clock_ns(CLOCK_MONOTONIC) > bus->until;
}

/*
 * Until both sides know each other. The limit of calls begins only then, and who takes connections
 * and never says a word, as a manager that has frozen, would be waited for a minute and a half.
 */
static int await_ready(struct bus *bus)
{
	int r;

	while ((r = bus->calls.is_ready(bus->bus)) == 0) {
		int64_t left = bus->until - clock_ns(CLOCK_MONOTONIC);

		if (left <= 0)
			return -ETIMEDOUT;
		r = bus->calls.process(bus->bus, NULL);
		if (r == 0)
			r = bus->calls.wait(bus->bus, (uint64_t)left / 1000 + 1);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return r;
}

/* The path that sd-bus gets is that of a descriptor: the socket may be below --rootfs. */
int bus_connect(struct bus *bus, const struct host *host, const char *path, bool daemon)
{
	_cleanup_fd_ int fd = -1;
	char address[64];
	int r;

	if (host->dir[HOST_ROOT] < 0)
		return host->dir[HOST_ROOT];
	if (bus_out_of_time(bus))
		return -ETIMEDOUT;
	fd = openat(host->dir[HOST_ROOT], path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)snprintf(address, sizeof(address), "unix:path=/proc/self/fd/%d", fd);
	r = bus->calls.new(&bus->bus);
	if (r >= 0)
		r = bus->calls.set_address(bus->bus, address);
	if (r >= 0 && daemon)
		r = bus->calls.set_bus_client(bus->bus, 1);
	if (r >= 0)
		r = bus->calls.start(bus->bus);
	if (r >= 0)
		r = bus->calls.set_timeout(bus->bus, (uint64_t)bus->limit_ns / 1000);
	if (r >= 0)
		r = await_ready(bus);
	return r < 0 ? r : 0;
}

/* Nothing that is still to be sent matters: a flush would wait for who does not answer. */
void bus_close(struct bus *bus)
{
	if (!bus->bus)
		return;
	bus->calls.close(bus->bus);
	bus->bus = bus->calls.unref_bus(bus->bus);
}

static struct name full_name(const struct bus *bus, const char *interface)
{
	struct name name;

	(void)snprintf(name.text, sizeof(name.text), "%s.%s", bus->service, interface);
	return name;
}

int bus_list(struct bus *bus, const char *path, const char *interface, const char *method,
	     const char *contents, sd_bus_message **ret)
{
	struct name full = full_name(bus, interface);
	sd_bus_error error = { 0 };
	sd_bus_message *reply = NULL;
	int r = bus_out_of_time(bus)
			? -ETIMEDOUT
			: bus->calls.call_method(bus->bus, bus->service, path, full.text, method,
						 &error, &reply, NULL);

	if (r >= 0)
		r = bus->calls.enter(reply, 'a', contents);
	if (r < 0) {
		(void)bus_fail(bus, r, "%s: %s", method,
			       error.message ? error.message : strerror(-r));
		bus->calls.unref(reply);
	} else {
		*ret = reply;
	}
	bus->calls.error_free(&error);
	return r < 0 ? r : 0;
}

int bus_property(struct bus *bus, const char *path, const char *interface, const char *name,
		 char type, void *ret)
{
	struct name full = full_name(bus, interface);

	if (bus_out_of_time(bus))
		return -ETIMEDOUT;
	return bus->calls.get_trivial(bus->bus, bus->service, path, full.text, name, NULL, type,
				      ret);
}

struct str bus_string(struct bus *bus, const char *path, const char *interface, const char *name,
		      struct arena *arena)
{
	struct name full = full_name(bus, interface);
	sd_bus_message *reply = NULL;
	struct str text = { 0 };
	const char *value;

	if (!bus_out_of_time(bus) &&
	    bus->calls.get_property(bus->bus, bus->service, path, full.text, name, NULL, &reply,
				    "s") >= 0 &&
	    bus->calls.read(reply, "s", &value) > 0)
		text = arena_str(arena, str_of(value));
	bus->calls.unref(reply);
	return text;
}
