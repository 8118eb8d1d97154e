/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd's manager answers on its own socket, for machines that it does not run:
 *
 *	manager SOCKET		serves until it is killed; says "ready" when it does
 *
 * Three units, one of which has failed, and a timer. Each connection has a process of its own.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#define SERVICE "org.freedesktop.systemd1"
#define ROOT "/org/freedesktop/systemd1"

static const struct unit {
	const char *name, *active, *path;
} units[] = {
	{ "cron.service", "active", ROOT "/unit/cron" },
	{ "report.service", "failed", ROOT "/unit/report" },
	{ "report.timer", "active", ROOT "/unit/timer" },
	{ "api.socket", "active", ROOT "/unit/socket" },
};

static int list_units(sd_bus_message *call, void *data, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(call, &reply);

	(void)data;
	(void)error;
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
	for (size_t i = 0; r >= 0 && i < sizeof(units) / sizeof(*units); i++)
		r = sd_bus_message_append(reply, "(ssssssouso)", units[i].name, units[i].name,
					  "loaded", units[i].active, "", "", units[i].path, 0, "",
					  "/");
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int text(sd_bus *bus, const char *path, const char *interface, const char *name,
		sd_bus_message *reply, void *data, sd_bus_error *error)
{
	(void)bus;
	(void)path;
	(void)interface;
	(void)data;
	(void)error;
	return sd_bus_message_append(reply, "s",
				     !strcmp(name, "Version")          ? "252.39-1~deb12u1"
				     : !strcmp(name, "SystemState")    ? "degraded"
				     : !strcmp(name, "Virtualization") ? "kvm"
								       : "simple");
}

static int number(sd_bus *bus, const char *path, const char *interface, const char *name,
		  sd_bus_message *reply, void *data, sd_bus_error *error)
{
	(void)bus;
	(void)path;
	(void)interface;
	(void)data;
	(void)error;
	/* Of microseconds, and of 32 bits where the interface has it so. */
	return !strcmp(name, "NRestarts") || name[0] == 'N'
		       ? sd_bus_message_append(reply, "u", 3)
		       : sd_bus_message_append(reply, "t", (uint64_t)1795282743000000);
}

static const sd_bus_vtable manager_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("ListUnits", "", "a(ssssssouso)", list_units, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Version", "s", text, 0, 0),
	SD_BUS_PROPERTY("SystemState", "s", text, 0, 0),
	SD_BUS_PROPERTY("Virtualization", "s", text, 0, 0),
	SD_BUS_VTABLE_END,
};
static const sd_bus_vtable unit_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("ActiveEnterTimestamp", "t", number, 0, 0),
	SD_BUS_VTABLE_END,
};
static const sd_bus_vtable service_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Type", "s", text, 0, 0),
	SD_BUS_PROPERTY("NRestarts", "u", number, 0, 0),
	SD_BUS_PROPERTY("TasksCurrent", "t", number, 0, 0),
	SD_BUS_PROPERTY("TasksMax", "t", number, 0, 0),
	SD_BUS_VTABLE_END,
};
static const sd_bus_vtable timer_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("LastTriggerUSec", "t", number, 0, 0),
	SD_BUS_VTABLE_END,
};
static const sd_bus_vtable socket_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("NAccepted", "u", number, 0, 0),
	SD_BUS_PROPERTY("NConnections", "u", number, 0, 0),
	SD_BUS_PROPERTY("NRefused", "u", number, 0, 0),
	SD_BUS_VTABLE_END,
};

static int serve(int fd)
{
	static const sd_id128_t id =
		SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd, ef);
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r < 0 || (r = sd_bus_set_fd(bus, fd, fd)) < 0 ||
	    (r = sd_bus_set_server(bus, 1, id)) < 0 || (r = sd_bus_set_anonymous(bus, 1)) < 0 ||
	    (r = sd_bus_add_object_vtable(bus, NULL, ROOT, SERVICE ".Manager", manager_table,
					  NULL)) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		const char *path = units[i].path;

		(void)sd_bus_add_object_vtable(bus, NULL, path, SERVICE ".Unit", unit_table, NULL);
		(void)sd_bus_add_object_vtable(bus, NULL, path, SERVICE ".Service", service_table,
					       NULL);
		(void)sd_bus_add_object_vtable(bus, NULL, path, SERVICE ".Timer", timer_table,
					       NULL);
		(void)sd_bus_add_object_vtable(bus, NULL, path, SERVICE ".Socket", socket_table,
					       NULL);
	}
	if (sd_bus_start(bus) < 0)
		return 1;
	for (;;) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
		if (r < 0)
			return 0;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
	(void)signal(SIGCHLD, SIG_IGN);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 8) < 0) {
		perror(argv[1]);
		return 1;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			(void)close(listener);
			_exit(serve(fd));
		}
		(void)close(fd);
	}
	return 1;
}
