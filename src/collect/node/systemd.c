/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units of systemd. Source: the manager's D-Bus interface, org.freedesktop.systemd1(5). The state
 * of each unit is five series, most of them 0, so by default only units that have failed are told
 * of by name.
 */
#include "collect/collector.h"

#include "host/systemd_bus.h"

struct systemd_conf {
	struct opt_regex include, exclude;
	bool every, tasks, restarts, start_times;
	int64_t timeout_ns;
};

static const struct opt systemd_opts[] = {
	{ OPT_ROW("units", OPT_BOOL, struct systemd_conf, every, "false", NULL,
		  "every unit by name, with timers and sockets, as node_exporter has them; "
		  "else those that have failed") },
	{ OPT_ROW("unit_include", OPT_REGEX, struct systemd_conf, include, ".+", "REGEX",
		  "units to tell of by name") },
	{ OPT_ROW("unit_exclude", OPT_REGEX, struct systemd_conf, exclude,
		  ".+\\.(automount|device|mount|scope|slice)", "REGEX",
		  "units to leave out all the same") },
	{ OPT_ROW("task_metrics", OPT_BOOL, struct systemd_conf, tasks, "false", NULL,
		  "with units: tasks of services, and their limit") },
	{ OPT_ROW("restarts_metrics", OPT_BOOL, struct systemd_conf, restarts, "false", NULL,
		  "with units: how often services were restarted by systemd") },
	{ OPT_ROW("start_time_metrics", OPT_BOOL, struct systemd_conf, start_times, "false", NULL,
		  "with units: since when units are active") },
	{ OPT_ROW("timeout", OPT_DURATION, struct systemd_conf, timeout_ns, "2s", "TIME",
		  "how long to wait for systemd's answers in a cycle"),
	  .min = 100000000, .max = 60000000000 },
	{ 0 },
};

static const struct opt_section section_collector_systemd = {
	.path = "collectors.systemd",
	.help = "units of systemd",
	.opts = systemd_opts,
	.size = sizeof(struct systemd_conf),
};

static const struct str states[] = { { "activating", 10 },
				     { "active", 6 },
				     { "deactivating", 12 },
				     { "failed", 6 },
				     { "inactive", 8 } };
enum { STATES = ARRAY_SIZE(states) };

/* Properties that are numbers, of the units whose names end so. */
struct number_row {
	const char *suffix, *interface, *property;
	size_t when; /* the switch in systemd_conf, or SIZE_MAX: always */
	struct metric_desc desc;
	double divisor;
	bool wide, skip_max; /* 64 bits; the largest number stands for none */
};

/* clang-format off */
static const struct number_row numbers[] = {
	{ ".service", "Service", "NRestarts", offsetof(struct systemd_conf, restarts),
	  { "node_systemd_service_restart_total",
	    "How often systemd has restarted the service by itself.", METRIC_COUNTER },
	  .divisor = 1 },
	{ ".service", "Service", "TasksCurrent", offsetof(struct systemd_conf, tasks),
	  { "node_systemd_unit_tasks_current", "Tasks of the unit now.", METRIC_GAUGE },
	  .divisor = 1, .wide = true, .skip_max = true },
	{ ".service", "Service", "TasksMax", offsetof(struct systemd_conf, tasks),
	  { "node_systemd_unit_tasks_max", "How many tasks the unit may have.", METRIC_GAUGE },
	  .divisor = 1, .wide = true, .skip_max = true },
	{ ".timer", "Timer", "LastTriggerUSec", SIZE_MAX,
	  { "node_systemd_timer_last_trigger_seconds",
	    "When the timer last went off, in Unix time; 0 when it has not.", METRIC_GAUGE },
	  .divisor = 1e6, .wide = true },
	{ ".socket", "Socket", "NAccepted", SIZE_MAX,
	  { "node_systemd_socket_accepted_connections_total",
	    "Connections that the socket has accepted.", METRIC_COUNTER },
	  .divisor = 1 },
	{ ".socket", "Socket", "NConnections", SIZE_MAX,
	  { "node_systemd_socket_current_connections", "Connections of the socket now.",
	    METRIC_GAUGE },
	  .divisor = 1 },
	{ ".socket", "Socket", "NRefused", SIZE_MAX,
	  { "node_systemd_socket_refused_connections_total",
	    "Connections refused because there were too many.", METRIC_GAUGE },
	  .divisor = 1 },
};
/* clang-format on */

static void add_number(struct collect *c, struct bus *manager, const struct unit *unit,
		       const struct number_row *row)
{
	uint64_t value = 0;
	uint32_t narrow = 0;
	int r = row->wide ? bus_property(manager, unit->path, row->interface, row->property, 't',
					 &value)
			  : bus_property(manager, unit->path, row->interface, row->property, 'u',
					 &narrow);

	if (r < 0 || (row->skip_max && value == UINT64_MAX))
		return;
	family_add(metrics_family(c->out, &row->desc),
		   METRIC_LABELS(c->out, { STR("name"), unit->name }),
		   (row->wide ? (double)value : (double)narrow) / row->divisor);
}

static void add_numbers(struct collect *c, struct bus *manager, const struct unit *unit)
{
	static const struct metric_desc since_desc = {
		"node_systemd_unit_start_time_seconds",
		"Since when the unit is active, in Unix time; 0 when it is not.",
		METRIC_GAUGE,
	};
	const struct systemd_conf *conf = c->conf;
	uint64_t since = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct number_row *row = &numbers[i];
		bool on = row->when == SIZE_MAX || *(const bool *)((const char *)conf + row->when);

		if (on && str_ends(unit->name, str_of(row->suffix)))
			add_number(c, manager, unit, row);
	}
	if (!conf->start_times)
		return;
	if (str_eq(unit->active, STR("active")) &&
	    bus_property(manager, unit->path, "Unit", "ActiveEnterTimestamp", 't', &since) < 0)
		return;
	family_add(metrics_family(c->out, &since_desc),
		   METRIC_LABELS(c->out, { STR("name"), unit->name }), (double)since / 1e6);
}

static void add_state(struct collect *c, struct bus *manager, const struct unit *unit)
{
	static const struct metric_desc desc = {
		"node_systemd_unit_state",
		"1 for the state that the unit is in; which kind of service it is in type.",
		METRIC_GAUGE,
	};
	const struct systemd_conf *conf = c->conf;
	struct family *f = metrics_family(c->out, &desc);
	struct str type = { 0 };

	if (str_ends(unit->name, STR(".service")))
		type = bus_string(manager, unit->path, "Service", "Type", c->scratch);
	else if (str_ends(unit->name, STR(".mount")))
		type = bus_string(manager, unit->path, "Mount", "Type", c->scratch);
	for (size_t i = 0; i < STATES; i++) {
		bool is = str_eq(unit->active, states[i]);

		if (is || conf->every)
			family_add(f,
				   METRIC_LABELS(c->out, { STR("name"), unit->name },
						 { STR("state"), states[i] },
						 { STR("type"), type }),
				   is);
	}
}

static bool wanted(const struct systemd_conf *conf, const struct unit *unit)
{
	return str_eq(unit->load, STR("loaded")) && opt_regex_match(&conf->include, unit->name) &&
	       !opt_regex_match(&conf->exclude, unit->name) &&
	       (conf->every || str_eq(unit->active, STR("failed")));
}

static int add_units(struct collect *c, struct bus *manager)
{
	static const struct metric_desc desc = {
		"node_systemd_units",
		"Units that systemd has in memory, by state.",
		METRIC_GAUGE,
	};
	const struct systemd_conf *conf = c->conf;
	size_t counts[STATES] = { 0 };
	sd_bus_message *units = NULL;
	struct unit unit;
	int r = manager_units(manager, &units);

	if (r < 0)
		return r;
	while ((r = manager_next(manager, units, &unit)) > 0) {
		for (size_t i = 0; i < STATES; i++)
			counts[i] += str_eq(unit.active, states[i]);
		if (!wanted(conf, &unit))
			continue;
		add_state(c, manager, &unit);
		if (conf->every)
			add_numbers(c, manager, &unit);
	}
	manager->calls.unref(units);
	for (size_t i = 0; r == 0 && i < STATES; i++)
		family_add(metrics_family(c->out, &desc),
			   METRIC_LABELS(c->out, { STR("state"), states[i] }), (double)counts[i]);
	return r;
}

/* "252.39-1~deb12u1" is 252.39. */
static double version_number(struct str version)
{
	size_t begin = 0, end;
	double value;

	while (begin < version.n && (version.p[begin] < '0' || version.p[begin] > '9'))
		begin++;
	for (end = begin; end < version.n; end++)
		if ((version.p[end] < '0' || version.p[end] > '9') && version.p[end] != '.')
			break;
	return num_f64((struct str){ version.p + begin, end - begin }, &value) < 0 ? 0 : value;
}

static void add_manager(struct collect *c, struct bus *manager)
{
	static const struct metric_desc running_desc = {
		"node_systemd_system_running",
		"Whether the system is up and no unit has failed.",
		METRIC_GAUGE,
	};
	static const struct metric_desc version_desc = {
		"node_systemd_version",
		"The version of systemd, as far as it is a number.",
		METRIC_GAUGE,
	};
	static const struct metric_desc virtual_desc = {
		"node_systemd_virtualization_info",
		"What the system runs in, as systemd found; always 1.",
		METRIC_GAUGE,
	};
	struct str state = bus_string(manager, MANAGER_PATH, "Manager", "SystemState", c->scratch);
	struct str version = bus_string(manager, MANAGER_PATH, "Manager", "Version", c->scratch);
	struct str kind =
		bus_string(manager, MANAGER_PATH, "Manager", "Virtualization", c->scratch);

	if (state.n)
		metrics_add(c->out, &running_desc, str_eq(state, STR("running")));
	if (!version.n)
		return;
	family_add(metrics_family(c->out, &version_desc),
		   METRIC_LABELS(c->out, { STR("version"), version }), version_number(version));
	family_add(
		metrics_family(c->out, &virtual_desc),
		METRIC_LABELS(c->out, { STR("virtualization_type"), kind.n ? kind : STR("none") }),
		1);
}

static int run(struct collect *c)
{
	const struct systemd_conf *conf = c->conf;
	struct bus manager;
	int r = manager_open(c->host, conf->timeout_ns, &manager);

	if (r == 0) {
		add_manager(c, &manager);
		r = add_units(c, &manager);
	}
	bus_close(&manager);
	return r < 0 ? collect_fail(c, r, "%s", manager.why) : 0;
}

const struct collector collector_systemd = {
	.name = "systemd",
	.help = "units of systemd, those that failed by name",
	.reads = "org.freedesktop.systemd1 on /run/systemd/private or the system bus",
	.on = true,
	.section = &section_collector_systemd,
	.run = run,
};
