/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "bpf/load_internal.h"

static int open_event(struct perf_event_attr *attr, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = (int)syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static long cpu_count(void)
{
	return sysconf(_SC_NPROCESSORS_CONF);
}

static int event_of(struct str text, struct perf_event_attr *ret)
{
	static const struct {
		const char *name;
		uint32_t type;
		uint64_t config;
	} events[] = {
		{ "hardware:cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
		{ "hardware:instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
		{ "hardware:cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES },
		{ "hardware:cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
		{ "hardware:branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS },
		{ "hardware:branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES },
		{ "software:page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
		{ "software:context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES },
		{ "software:cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS },
	};
	struct str type;

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (str_eq(text, str_of(events[i].name))) {
			*ret = (struct perf_event_attr){ .type = events[i].type,
							 .config = events[i].config };
			return 0;
		}
	/* As the kernel numbers them: "4:0x412e". */
	*ret = (struct perf_event_attr){ 0 };
	uint64_t number, config;

	if (!str_cut(&text, ':', &type) || num_u64(type, &number) < 0 ||
	    !str_starts(text, STR("0x")) || num_hex(str_skip(text, 2), &config) < 0)
		return -EINVAL;
	ret->type = (uint32_t)number;
	ret->config = config;
	return 0;
}

static const char *event_trouble(int r)
{
	switch (r) {
	case -ENOENT:
	case -EOPNOTSUPP:
		return "the processor does not count it (usual in virtual machines)";
	case -EACCES:
	case -EPERM:
		/* A level of Debian's and Android's, which upstream does not have. */
		return "not permitted; with kernel.perf_event_paranoid above 2 it takes "
		       "CAP_SYS_ADMIN";
	default:
		return strerror(-r);
	}
}

int attach_events(struct loader *l, struct bpf_map *map, struct str event, struct str *ret_why)
{
	int map_fd = l->lib.bpf_map__fd(map), opened = 0, r = -ENODEV;
	struct perf_event_attr attr;

	if (event_of(event, &attr) < 0) {
		*ret_why = arena_printf(l->arena, "there is no event \"%.*s\"", STR_ARG(event));
		return -EINVAL;
	}
	for (long cpu = 0; cpu < cpu_count(); cpu++) {
		_cleanup_fd_ int fd = open_event(&attr, (int)cpu);
		uint32_t slot = (uint32_t)cpu;

		/* -ENODEV: this one is offline. */
		if (fd < 0) {
			r = fd == -ENODEV ? r : fd;
			continue;
		}
		if (l->lib.bpf_map_update_elem(map_fd, &slot, &fd, BPF_ANY) < 0)
			r = -errno;
		else
			opened++;
	}
	if (opened)
		return 0;
	*ret_why = arena_printf(l->arena, "perf event %.*s: %s", STR_ARG(event), event_trouble(r));
	return r;
}

/* Takes the link, whatever becomes of it: what is pinned stays. */
static int pin(struct loader *l, struct bpf_link *link, const char *prefix, struct str name,
	       struct str *ret_why)
{
	int r;

	if (!link) {
		r = -errno;
		*ret_why = ARENA_CONCAT(l->arena, STR("cannot be attached: "),
					load_why(l, r, STR("")));
		return r;
	}
	r = pins_add(&l->pins, prefix, name, l->lib.bpf_link__fd(link), l->arena);
	/* Or the perf event behind it would be disabled. */
	if (r == 0)
		l->lib.bpf_link__disconnect(link);
	(void)l->lib.bpf_link__destroy(link);
	if (r < 0)
		*ret_why = arena_printf(l->arena, "its link cannot be pinned: %s", strerror(-r));
	return r;
}

/* "type=0,config=2,frequency=1" */
static int sampling_event(struct str text, struct perf_event_attr *ret)
{
	struct str part, key;

	*ret = (struct perf_event_attr){ .freq = 1 };
	while (str_cut(&text, ',', &part)) {
		uint64_t value;

		if (!str_cut(&part, '=', &key) || num_u64(part, &value) < 0)
			return -EINVAL;
		if (str_eq(key, STR("type")))
			ret->type = (uint32_t)value;
		else if (str_eq(key, STR("config")))
			ret->config = value;
		else if (str_eq(key, STR("frequency")))
			ret->sample_freq = value;
		else
			return -EINVAL;
	}
	return ret->sample_freq ? 0 : -EINVAL;
}

static int attach_sampling(struct loader *l, struct bpf_program *program, struct str event,
			   struct str name, struct str *ret_why)
{
	struct perf_event_attr attr;
	int r = sampling_event(event, &attr), attached = 0;

	for (long cpu = 0; r == 0 && cpu < cpu_count(); cpu++) {
		int fd = open_event(&attr, (int)cpu);
		struct str pinned = arena_printf(l->arena, "%.*s_%ld", STR_ARG(name), cpu);

		if (fd == -ENODEV)
			continue;
		if (fd < 0) {
			r = fd;
			break;
		}
		/* The link takes the event with it. */
		r = pin(l, l->lib.bpf_program__attach_perf_event(program, fd), "link_", pinned,
			ret_why);
		if (r < 0)
			return r;
		attached++;
	}
	if (r == 0 && attached)
		return 0;
	r = r < 0 ? r : -ENODEV;
	*ret_why = arena_printf(l->arena, "perf event %.*s: %s", STR_ARG(event), strerror(-r));
	return r;
}

/* What stands between us and the numbers of tracepoints; empty when nothing does. */
static struct str tracefs_trouble(void)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events",
		"/sys/kernel/debug/tracing/events",
	};
	bool denied = false;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (faccessat(AT_FDCWD, paths[i], F_OK, AT_EACCESS) == 0)
			return STR("");
		denied |= errno == EACCES;
	}
	return denied ? STR("cannot be attached: tracefs is for root, or CAP_DAC_READ_SEARCH")
		      : STR("cannot be attached: tracefs is not mounted at /sys/kernel/tracing");
}

int attach_program(struct loader *l, struct bpf_program *program, struct str *ret_why)
{
	struct str hook = str_of(l->lib.bpf_program__section_name(program)),
		   name = str_of(l->lib.bpf_program__name(program));

	if (str_starts(hook, STR("perf_event/")))
		return attach_sampling(l, program, str_skip(hook, 11), name, ret_why);
	if (str_starts(hook, STR("xdp/"))) {
		unsigned index = if_nametoindex(arena_cstr(l->arena, str_skip(hook, 4)));

		if (!index) {
			*ret_why = ARENA_CONCAT(l->arena, STR("there is no interface "),
						str_skip(hook, 4));
			return -ENODEV;
		}
		return pin(l, l->lib.bpf_program__attach_xdp(program, (int)index), "link_", name,
			   ret_why);
	}
	if (str_starts(hook, STR("tracepoint/")) || str_starts(hook, STR("tp/"))) {
		struct str trouble = tracefs_trouble();

		if (trouble.n) {
			*ret_why = trouble;
			return -ENOENT;
		}
	}
	return pin(l, l->lib.bpf_program__attach(program),
		   str_starts(hook, STR("iter")) ? "iter_" : "link_", name, ret_why);
}
