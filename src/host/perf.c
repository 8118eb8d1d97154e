/* SPDX-License-Identifier: Apache-2.0 */
#include "host/perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { CPUS_MAX = 1 << 16 };

#define HARDWARE(profiler, config, name, what)                                            \
	{                                                                                 \
		profiler, PERF_KIND_HARDWARE, PERF_TYPE_HARDWARE, PERF_COUNT_HW_##config, \
			"node_perf_" name "_total", what                                  \
	}
#define SOFTWARE(profiler, config, name, what)                                            \
	{                                                                                 \
		profiler, PERF_KIND_SOFTWARE, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_##config, \
			"node_perf_" name "_total", what                                  \
	}
#define CACHE(profiler, cache, op, result, name, what)                                   \
	{                                                                                \
		profiler, PERF_KIND_CACHE, PERF_TYPE_HW_CACHE,                           \
			PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_##op << 8 | \
				PERF_COUNT_HW_CACHE_RESULT_##result << 16,               \
			"node_perf_cache_" name "_total", what                           \
	}

const struct perf_event perf_events[] = {
	HARDWARE("CpuCycles", CPU_CYCLES, "cpucycles", "Cycles of the processor."),
	HARDWARE("CpuInstr", INSTRUCTIONS, "instructions", "Instructions done."),
	HARDWARE("CacheRef", CACHE_REFERENCES, "cache_refs", "Accesses to the last cache."),
	HARDWARE("CacheMisses", CACHE_MISSES, "cache_misses", "Misses of the last cache."),
	HARDWARE("BranchInstr", BRANCH_INSTRUCTIONS, "branch_instructions", "Branches."),
	HARDWARE("BranchMisses", BRANCH_MISSES, "branch_misses", "Branches guessed wrong."),
	HARDWARE("StalledCyclesFrontend", STALLED_CYCLES_FRONTEND, "stalled_cycles_frontend",
		 "Cycles in which no instruction came in."),
	HARDWARE("StalledCyclesBackend", STALLED_CYCLES_BACKEND, "stalled_cycles_backend",
		 "Cycles in which no instruction could be done."),
	HARDWARE("RefCpuCycles", REF_CPU_CYCLES, "ref_cpucycles",
		 "Cycles of a clock that never changes its pace."),
	SOFTWARE("PageFault", PAGE_FAULTS, "page_faults", "Page faults."),
	SOFTWARE("ContextSwitch", CONTEXT_SWITCHES, "context_switches", "Context switches."),
	SOFTWARE("CpuMigration", CPU_MIGRATIONS, "cpu_migrations",
		 "Tasks that came from another processor."),
	SOFTWARE("MinorFault", PAGE_FAULTS_MIN, "minor_faults", "Page faults without I/O."),
	SOFTWARE("MajorFault", PAGE_FAULTS_MAJ, "major_faults", "Page faults with I/O."),
	CACHE("L1DataReadHit", L1D, READ, ACCESS, "l1d_read_hits", "Reads by the L1 data cache."),
	CACHE("L1DataReadMiss", L1D, READ, MISS, "l1d_read_misses", "Those it did not have."),
	CACHE("L1DataWriteHit", L1D, WRITE, ACCESS, "l1d_write_hits", "Writes to it."),
	CACHE("L1InstrReadMiss", L1I, READ, MISS, "l1_instr_read_misses",
	      "Instructions that the L1 cache did not have."),
	CACHE("LLReadHit", LL, READ, ACCESS, "ll_read_hits", "Reads by the last cache."),
	CACHE("LLReadMiss", LL, READ, MISS, "ll_read_misses", "Those it did not have."),
	CACHE("LLWriteHit", LL, WRITE, ACCESS, "ll_write_hits", "Writes to the last cache."),
	CACHE("LLWriteMiss", LL, WRITE, MISS, "ll_write_misses", "Those it had no line for."),
	CACHE("DataTLBReadHit", DTLB, READ, ACCESS, "tlb_data_read_hits",
	      "Addresses of reads looked up in the TLB."),
	CACHE("DataTLBReadMiss", DTLB, READ, MISS, "tlb_data_read_misses",
	      "Those it did not have."),
	CACHE("DataTLBWriteHit", DTLB, WRITE, ACCESS, "tlb_data_write_hits",
	      "Addresses of writes looked up in the TLB."),
	CACHE("DataTLBWriteMiss", DTLB, WRITE, MISS, "tlb_data_write_misses",
	      "Those it did not have."),
	CACHE("InstrTLBReadHit", ITLB, READ, ACCESS, "tlb_instr_read_hits",
	      "Addresses of instructions looked up in the TLB."),
	CACHE("InstrTLBReadMiss", ITLB, READ, MISS, "tlb_instr_read_misses",
	      "Those it did not have."),
	CACHE("BPUReadHit", BPU, READ, ACCESS, "bpu_read_hits", "Branches asked to be guessed."),
	CACHE("BPUReadMiss", BPU, READ, MISS, "bpu_read_misses", "Those guessed wrong."),
};

size_t perf_event_count(void)
{
	return ARRAY_SIZE(perf_events);
}

static void close_counter(struct perf_counter *counter)
{
	if (counter->fd >= 0)
		(void)close(counter->fd);
	counter->fd = -ENODEV;
}

void perf_add(struct perf_set *set, const struct perf_event *event, const uint32_t *cpus, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		set->counters =
			arena_grow(&set->arena, set->counters, set->n, sizeof(*set->counters));
		set->counters[set->n++] = (struct perf_counter){
			.event = event,
			.cpu = cpus[i],
			.fd = -ENODEV,
		};
	}
}

void perf_release(struct perf_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		close_counter(&set->counters[i]);
	arena_release(&set->arena);
}

void perf_open(struct perf_counter *counter)
{
	struct perf_event_attr attr = {
		.type = counter->event->type,
		.size = sizeof(attr),
		.config = counter->event->config,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.exclude_hv = 1,
	};

	if (counter->fd >= 0)
		return;
	counter->fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)counter->cpu, -1,
				   PERF_FLAG_FD_CLOEXEC);
	if (counter->fd < 0)
		counter->fd = -errno;
	counter->count = counter->enabled = counter->running = 0;
}

int perf_read(struct perf_counter *counter)
{
	struct {
		uint64_t count, enabled, running;
	} now;
	double more;

	if (counter->fd < 0)
		return counter->fd;

	ssize_t n = read(counter->fd, &now, sizeof(now));

	/* It ends where its CPU went offline. */
	if (n != sizeof(now)) {
		int r = n < 0 ? -errno : -ENODEV;

		close_counter(counter);
		return r;
	}
	more = (double)(now.count - counter->count);
	if (now.running > counter->running)
		more *= (double)(now.enabled - counter->enabled) /
			(double)(now.running - counter->running);
	counter->sum += more;
	counter->count = now.count;
	counter->enabled = now.enabled;
	counter->running = now.running;
	return 0;
}

int perf_tracepoint(const struct host *host, struct str name, struct arena *arena,
		    struct perf_event *ret)
{
	static const char *const places[] = { "kernel/tracing/events",
					      "kernel/debug/tracing/events" };
	struct str event = name, subsystem;
	int r = -ENOENT;

	if (!str_cut(&event, ':', &subsystem) || !subsystem.n || !event.n ||
	    str_find(event, ':') < event.n || memchr(name.p, '/', name.n) ||
	    memchr(name.p, '.', name.n))
		return -EINVAL;
	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(places); i++) {
		_cleanup_fd_ int dir = host_open_dir(host, HOST_SYS, places[i]);
		struct str path =
			arena_printf(arena, "%.*s/%.*s/id", STR_ARG(subsystem), STR_ARG(event));

		r = dir < 0 ? dir : host_attr_u64(dir, path.p, &ret->config);
	}
	if (r < 0)
		return r;
	ret->profiler = "";
	ret->kind = PERF_KIND_TRACEPOINT;
	ret->type = PERF_TYPE_TRACEPOINT;
	ret->name =
		arena_printf(arena, "node_perf_%.*s_%.*s", STR_ARG(subsystem), STR_ARG(event)).p;
	ret->what =
		arena_printf(arena, "How often the tracepoint %.*s was passed.", STR_ARG(name)).p;
	return 0;
}

int perf_cpus(struct str text, struct arena *arena, uint32_t **ret, size_t *ret_n)
{
	uint32_t *v = NULL;
	struct str part;
	size_t n = 0;

	while (str_cut(&text, ',', &part)) {
		uint64_t first, last, step = 1;

		if (!num_take_u64(&part, &first))
			return -EINVAL;
		last = first;
		if (str_starts(part, STR("-"))) {
			part = str_skip(part, 1);
			if (!num_take_u64(&part, &last))
				return -EINVAL;
		}
		if (str_starts(part, STR(":"))) {
			part = str_skip(part, 1);
			if (!num_take_u64(&part, &step) || !step || step >= CPUS_MAX)
				return -EINVAL;
		}
		if (str_trim(part).n || last >= CPUS_MAX)
			return -EINVAL;
		for (; first <= last; first += step) {
			if (n == CPUS_MAX)
				return -E2BIG;
			v = arena_grow(arena, v, n, sizeof(*v));
			v[n++] = (uint32_t)first;
		}
	}
	*ret = v;
	*ret_n = n;
	return n ? 0 : -EINVAL;
}
