/* SPDX-License-Identifier: Apache-2.0 */
#include "host/logind.h"

#include <errno.h>

#define PATH "/org/freedesktop/login1"

static const char *const types[LOGIND_TYPES] = { "other",   "unspecified", "tty", "x11",
						 "wayland", "mir",         "web" };
static const char *const classes[LOGIND_CLASSES] = { "other", "user", "greeter", "lock-screen",
						     "background" };

struct logind_kind logind_kind(size_t kind)
{
	return (struct logind_kind){
		.remote = kind < LOGIND_KINDS / 2 ? "true" : "false",
		.type = types[kind / LOGIND_CLASSES % LOGIND_TYPES],
		.class = classes[kind % LOGIND_CLASSES],
	};
}

static size_t index_of(struct str word, const char *const *words, size_t n)
{
	while (--n && !str_eq(word, str_of(words[n])))
		;
	return n;
}

static void add_seat(struct arena *arena, struct logind *logind, const char *name)
{
	logind->seats = arena_grow(arena, logind->seats, logind->n, sizeof(*logind->seats));
	logind->seats[logind->n++] = (struct logind_seat){ .name = arena_str(arena, str_of(name)) };
}

static int read_seats(struct bus *bus, struct arena *arena, struct logind *logind)
{
	sd_bus_message *list = NULL;
	const char *id, *path;
	int r = bus_list(bus, PATH, "Manager", "ListSeats", "(so)", &list);

	if (r < 0)
		return r;
	while ((r = bus->calls.read(list, "(so)", &id, &path)) > 0)
		add_seat(arena, logind, id);
	add_seat(arena, logind, "");
	bus->calls.unref(list);
	return r < 0 ? bus_fail(bus, r, "the list of seats: %s", strerror(-r)) : 0;
}

static void add_session(struct bus *bus, struct arena *arena, const char *seat, const char *path,
			const struct logind *logind)
{
	struct str type, class;
	size_t kind;
	int remote;

	if (bus_property(bus, path, "Session", "Remote", 'b', &remote) < 0)
		return;
	type = bus_string(bus, path, "Session", "Type", arena);
	class = bus_string(bus, path, "Session", "Class", arena);
	if (!type.p || !class.p)
		return;
	kind = ((remote ? 0 : LOGIND_TYPES) + index_of(type, types, LOGIND_TYPES)) *
		       LOGIND_CLASSES +
	       index_of(class, classes, LOGIND_CLASSES);
	for (size_t i = 0; i < logind->n; i++)
		if (str_eq(logind->seats[i].name, str_of(seat)))
			logind->seats[i].sessions[kind]++;
}

static int read_sessions(struct bus *bus, struct arena *arena, struct logind *logind)
{
	sd_bus_message *list = NULL;
	const char *id, *user, *seat, *path;
	uint32_t uid;
	int r = bus_list(bus, PATH, "Manager", "ListSessions", "(susso)", &list);

	if (r < 0)
		return r;
	while (!bus_out_of_time(bus) &&
	       (r = bus->calls.read(list, "(susso)", &id, &uid, &user, &seat, &path)) > 0)
		add_session(bus, arena, seat, path, logind);
	bus->calls.unref(list);
	if (bus_out_of_time(bus))
		r = -ETIMEDOUT;
	return r < 0 ? bus_fail(bus, r, "the list of sessions: %s", strerror(-r)) : 0;
}

int logind_read(const struct host *host, int64_t limit_ns, struct arena *arena, struct bus *ret_bus,
		struct logind *ret)
{
	struct logind logind = { 0 };
	int r = bus_init(ret_bus, "org.freedesktop.login1", limit_ns);

	if (r < 0)
		return r;
	r = bus_connect(ret_bus, host, BUS_SYSTEM, true);
	if (r == -ENOENT)
		r = bus_fail(ret_bus, -ENODATA, "there is no system bus: no /" BUS_SYSTEM);
	else if (r < 0)
		r = bus_fail(ret_bus, r, "the system bus cannot be asked: %s", strerror(-r));
	if (r == 0)
		r = read_seats(ret_bus, arena, &logind);
	if (r == 0)
		r = read_sessions(ret_bus, arena, &logind);
	bus_close(ret_bus);
	if (r == 0)
		*ret = logind;
	return r;
}
