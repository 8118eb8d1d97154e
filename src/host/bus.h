/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a service over D-Bus, by libsystemd, which is loaded when somebody asks. The socket may be
 * below another root.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "host/host.h"

struct bus {
	struct bus_calls {
		__typeof__(&sd_bus_new) new;
		__typeof__(&sd_bus_set_address) set_address;
		__typeof__(&sd_bus_set_bus_client) set_bus_client;
		__typeof__(&sd_bus_start) start;
		__typeof__(&sd_bus_is_ready) is_ready;
		__typeof__(&sd_bus_process) process;
		__typeof__(&sd_bus_wait) wait;
		__typeof__(&sd_bus_set_method_call_timeout) set_timeout;
		__typeof__(&sd_bus_close) close;
		__typeof__(&sd_bus_unref) unref_bus;
		__typeof__(&sd_bus_call_method) call_method;
		__typeof__(&sd_bus_get_property_trivial) get_trivial;
		__typeof__(&sd_bus_get_property) get_property;
		__typeof__(&sd_bus_message_enter_container) enter;
		__typeof__(&sd_bus_message_read) read;
		__typeof__(&sd_bus_message_unref) unref;
		__typeof__(&sd_bus_error_free) error_free;
	} calls;
	sd_bus *bus;
	const char *service; /* "org.freedesktop.systemd1" */
	int64_t limit_ns;    /* of a call */
	int64_t until;       /* on the monotonic clock: nobody waits longer for an answer */
	char why[192];       /* words for the last failure that was told of with them */
};

/* The system's message bus, below a root. */
#define BUS_SYSTEM "run/dbus/system_bus_socket"

/* Loads the library and begins the time limit; -ENOENT with words. `service` must stay. */
int bus_init(struct bus *bus, const char *service, int64_t limit_ns);

/*
 * Connects by a socket below the root, to a bus (`daemon`) or to the service itself. -errno without
 * words; -ETIMEDOUT also where no time is left. bus_close() may be called at any time.
 */
int bus_connect(struct bus *bus, const struct host *host, const char *path, bool daemon);
void bus_close(struct bus *bus);

bool bus_out_of_time(const struct bus *bus);

/* Writes bus->why and returns r. */
int bus_fail(struct bus *bus, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Calls a method without arguments that answers with an array of `contents`, "(ss)", and enters it.
 * The names of interfaces are those after the service's: "Manager". A failure has words for it.
 */
int bus_list(struct bus *bus, const char *path, const char *interface, const char *method,
	     const char *contents, sd_bus_message **ret);

/*
 * A property of a basic type; -errno without words: what has it may be gone since it was listed.
 * bus_string() is then an empty slice with p == NULL.
 */
int bus_property(struct bus *bus, const char *path, const char *interface, const char *name,
		 char type, void *ret);
struct str bus_string(struct bus *bus, const char *path, const char *interface, const char *name,
		      struct arena *arena);
