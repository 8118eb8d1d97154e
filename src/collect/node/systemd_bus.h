/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking systemd's manager over D-Bus, by libsystemd, which is loaded when there is a systemd at
 * all. Root asks the manager by its own socket, which needs no D-Bus daemon; others ask through the
 * system bus.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "collect/collector.h"

struct manager {
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
	int64_t until; /* on the monotonic clock, in ns: nobody waits longer for an answer */
};

/* What ListUnits tells of a unit; the slices live as long as the reply. */
struct unit {
	struct str name, load, active;
	const char *path;
};

/*
 * -ENODATA where no systemd runs; else 0 or a failure, both with words for it. manager_close()
 * takes one that was not opened, too.
 */
int manager_open(struct collect *c, int64_t limit_ns, struct manager *ret);
void manager_close(struct manager *manager);

/* Starts the walk over all units that the manager has in memory. */
int manager_units(struct collect *c, struct manager *manager, sd_bus_message **ret);
/* 1 and the next one, 0 at the end, or a failure, with words for it. */
int manager_next(struct collect *c, struct manager *manager, sd_bus_message *units,
		 struct unit *ret);

/*
 * Properties of a unit, of the interface org.freedesktop.systemd1.INTERFACE. -errno where there is
 * none: a unit may be gone since it was listed. A string is "" then.
 */
int manager_u32(struct manager *manager, const char *path, const char *interface, const char *name,
		uint32_t *ret);
int manager_u64(struct manager *manager, const char *path, const char *interface, const char *name,
		uint64_t *ret);
struct str manager_string(struct manager *manager, const char *path, const char *interface,
			  const char *name, struct arena *arena);

#define MANAGER_PATH "/org/freedesktop/systemd1"
