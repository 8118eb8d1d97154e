/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this program says of itself. It runs last, so that what the gate dropped in this very
 * cycle is in. Sources: getrusage(2), /proc/self/statm of the running kernel, and the state.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/file.h"
#include "collect/limits.h"
#include "config.h"

struct self {
	uint64_t user_ns, system_ns; /* already in the state */
};

static uint64_t nanoseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

/* Oneshots add up in the state what an agent counts in one life. */
static void add_cpu(struct collect *c)
{
	static const struct metric_desc desc = {
		"peekpush_cpu_seconds_total",
		"CPU time that peekpush itself used for pushing this host.",
		METRIC_COUNTER,
	};
	struct self *self = c->self;
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);

	uint64_t user = nanoseconds(usage.ru_utime), system = nanoseconds(usage.ru_stime);
	uint64_t user_sum = state_add(c->state, STR("self.user_ns"), user - self->user_ns);
	uint64_t system_sum = state_add(c->state, STR("self.system_ns"), system - self->system_ns);
	struct family *f = metrics_family(c->out, &desc);

	self->user_ns = user;
	self->system_ns = system;
	family_add(f, METRIC_LABELS(c->out, { STR("mode"), STR("user") }), (double)user_sum / 1e9);
	family_add(f, METRIC_LABELS(c->out, { STR("mode"), STR("system") }),
		   (double)system_sum / 1e9);
}

static int add_memory(struct collect *c)
{
	static const struct metric_desc desc = {
		"peekpush_resident_memory_bytes",
		"Memory of peekpush itself that is in RAM.",
		METRIC_GAUGE,
	};
	uint64_t size, resident;
	struct str text;
	int r = file_read(AT_FDCWD, "/proc/self/statm", 4096, c->scratch, &text);

	if (r < 0)
		return collect_fail(c, r, "/proc/self/statm: %s", strerror(-r));
	if (!num_take_u64(&text, &size) || !num_take_u64(&text, &resident))
		return collect_fail(c, -EBADMSG, "/proc/self/statm: fewer than two numbers");
	metrics_add(c->out, &desc, (double)resident * (double)sysconf(_SC_PAGESIZE));
	return 0;
}

static void add_drops(struct collect *c)
{
	static const struct metric_desc desc = {
		"peekpush_series_dropped_total",
		"Series kept out of a push because a gateway would have refused it.",
		METRIC_COUNTER,
	};
	struct family *f = metrics_family(c->out, &desc);

	for (int i = 0; i < DROP_REASONS; i++) {
		struct str reason = str_of(drop_reason_name((enum drop_reason)i));
		struct str key = arena_printf(c->scratch, "dropped.%s", reason.p);

		family_add(f, METRIC_LABELS(c->out, { STR("reason"), reason }),
			   (double)(state_u64(c->state, key, 0) + c->out->dropped[i]));
	}
}

/* "COLLECTOR.REASON": only what has ever had something dropped has a series. */
static void add_offender(void *arg, struct str key, struct str value)
{
	static const struct metric_desc desc = {
		"peekpush_collector_series_dropped_total",
		"Series of a collector that were kept out of pushes.",
		METRIC_COUNTER,
	};
	struct collect *c = arg;
	struct str reason = str_skip(key, sizeof(LIMITS_KEY) - 1), name;
	uint64_t n;

	if (num_u64(value, &n) < 0 || !str_cut(&reason, '.', &name))
		return;
	family_add(metrics_family(c->out, &desc),
		   METRIC_LABELS(c->out, { STR("collector"), name }, { STR("reason"), reason }),
		   (double)n);
}

static void add_push(void *arg, struct str key, struct str value)
{
	static const struct metric_desc desc = {
		"peekpush_pushes_total",
		"Deliveries of this host tried before this one, by what became of them.",
		METRIC_COUNTER,
	};
	struct collect *c = arg;
	uint64_t n;

	if (num_u64(value, &n) == 0)
		family_add(metrics_family(c->out, &desc),
			   METRIC_LABELS(c->out,
					 { STR("result"), str_skip(key, sizeof("pushes.") - 1) }),
			   (double)n);
}

static void add_duration(struct collect *c)
{
	static const struct metric_desc desc = {
		"peekpush_cycle_duration_seconds",
		"Time from the start of the last cycle to the end of its delivery.",
		METRIC_GAUGE,
	};
	uint64_t ns = state_u64(c->state, STR("cycle.duration_ns"), 0);

	if (ns)
		metrics_add(c->out, &desc, (double)ns / 1e9);
}

static int run(struct collect *c)
{
	static const struct metric_desc desc = {
		"peekpush_build_info",
		"Version of peekpush; always 1.",
		METRIC_GAUGE,
	};

	family_add(metrics_family(c->out, &desc),
		   METRIC_LABELS(c->out, { STR("version"), STR(PACKAGE_VERSION) }), 1);
	add_cpu(c);
	add_drops(c);
	state_each(c->state, STR(LIMITS_KEY), add_offender, c);
	state_each(c->state, STR("pushes."), add_push, c);
	add_duration(c);
	return add_memory(c);
}

const struct collector collector_self = {
	.name = "self",
	.help = "peekpush itself: version, cost, pushes, dropped series",
	.reads = "getrusage(2), /proc/self/statm, the state",
	/* How much a limit keeps out is told whatever it keeps out. */
	.unlimited = true,
	.on = true,
	.self_size = sizeof(struct self),
	.ours = true,
	.run = run,
};
