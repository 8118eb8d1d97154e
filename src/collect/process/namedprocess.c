/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by groups, with process-exporter's names. */
#include "collect/process/namedprocess.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "collect/process/table.h"

/* A group without a process for so long makes room for another one, when there is no more. */
enum { IDLE_SECONDS = 3600 };

static const struct opt opts[] = {
	{ OPT_ROW("groups", OPT_MAP, struct named_conf, groups, "", "NAME=RULE",
		  "groups in the order they are tried; without any: one for each name"),
	  .check = rules_check },
	{ OPT_ROW("children", OPT_BOOL, struct named_conf, children, "true", NULL,
		  "processes that no rule wants are in the group of their parent") },
	{ OPT_ROW("other", OPT_BOOL, struct named_conf, other, "false", NULL,
		  "a group \"other\" for those that are in none") },
	{ OPT_ROW("kernel_threads", OPT_BOOL, struct named_conf, kernel_threads, "false", NULL,
		  "the kernel's own threads, too") },
	{ OPT_ROW("recheck", OPT_BOOL, struct named_conf, recheck, "false", NULL,
		  "apply the rules in each cycle, not only to new processes") },
	{ OPT_ROW("threads", OPT_BOOL, struct named_conf, threads, "false", NULL,
		  "threads by name and by where they sleep, too") },
	{ OPT_ROW("proportional", OPT_BOOL, struct named_conf, shares, "false", NULL,
		  "memory with what is shared divided among those who share it, too") },
	{ OPT_ROW("group_limit", OPT_INT, struct named_conf, group_limit, "200", "N",
		  "groups at most; what is over it is in \"other\""),
	  .min = 1, .max = 10000 },
	{ OPT_ROW("keep", OPT_DURATION, struct named_conf, keep_ns, "1d", "TIME",
		  "how long a group without a process is told of"),
	  .min = 0, .max = INT64_C(366) * 86400 * 1000000000 },
	{ 0 },
};

const struct opt_section section_namedprocess = {
	.path = "collectors.namedprocess",
	.help = "processes by groups",
	.opts = opts,
	.size = sizeof(struct named_conf),
};

struct named_self {
	struct rules rules;
	struct arena arena;
};

static int named_open(struct collect *c)
{
	const struct named_conf *conf = c->conf;
	struct named_self *self = c->self;

	rules_init(&self->rules, &conf->groups, &self->arena);
	return 0;
}

static void named_close(struct collect *c)
{
	struct named_self *self = c->self;

	rules_release(&self->rules);
	arena_release(&self->arena);
}

enum named_state named_state_of(char state)
{
	switch (state) {
	case 'R':
		return NAMED_RUNNING;
	case 'S':
		return NAMED_SLEEPING;
	case 'D':
		return NAMED_WAITING;
	case 'Z':
		return NAMED_ZOMBIE;
	default:
		return NAMED_OTHER;
	}
}

static void add_process(struct named *named, const struct process *p, struct named_group *g)
{
	uint64_t resident, swapped;

	if (!g->processes++ || p->start_ns < g->oldest_ns)
		g->oldest_ns = p->start_ns;
	g->threads += p->threads;
	g->fds += p->fds;
	g->resident += p->resident_bytes;
	g->virtual += p->virtual_bytes;
	g->swapped += p->swap_bytes;
	g->states[named_state_of(p->state)]++;
	g->has |= p->has;
	if (p->has & PROCESS_FDS && p->has & PROCESS_FD_LIMIT && p->fd_limit &&
	    (double)p->fds / (double)p->fd_limit > g->worst_fd_ratio)
		g->worst_fd_ratio = (double)p->fds / (double)p->fd_limit;
	if (named->conf->shares && !p->kernel &&
	    processes_shares(named->c->host, p->pid, &resident, &swapped)) {
		g->shared_resident += resident;
		g->shared_swapped += swapped;
		g->has_shares = true;
	}
}

static void count(struct named *named, uint64_t now)
{
	const struct process_table *table = named->table;

	named->groups =
		arena_zalloc(named->c->scratch, named->ledger.n_groups + 1, sizeof(*named->groups));
	for (size_t i = 0; i < table->n; i++) {
		const struct process *p = &table->v[i];

		if (named->group[i] == LEDGER_NONE)
			continue;
		add_process(named, p, &named->groups[named->group[i]]);
		if (!(p->has & PROCESS_IO) || !(p->has & PROCESS_FDS))
			named->partly_read++;
	}
	for (size_t i = 0; i < named->ledger.n_groups; i++) {
		struct ledger_group *g = &named->ledger.groups[i];

		if (named->groups[i].processes || g->active == UINT64_MAX)
			g->active = now;
	}
}

static void add_errors(const struct named *named)
{
	static const struct metric_desc general = {
		"namedprocess_scrape_errors",
		"Cycles in which the process table could not be read.",
		METRIC_COUNTER,
	};
	static const struct metric_desc one = {
		"namedprocess_scrape_procread_errors",
		"Processes that could not be read at all.",
		METRIC_COUNTER,
	};
	static const struct metric_desc partial = {
		"namedprocess_scrape_partial_errors",
		"Processes of which a part could not be read, summed over cycles.",
		METRIC_COUNTER,
	};
	static const struct metric_desc crowded = {
		"peekpush_namedprocess_crowded_processes",
		"Processes that are in the group \"other\" because there are too many groups.",
		METRIC_GAUGE,
	};
	struct state *state = named->c->state;
	struct metrics *out = named->c->out;

	metrics_add(out, &general, (double)state_u64(state, STR("namedprocess.errors"), 0));
	metrics_add(out, &one, 0);
	metrics_add(out, &partial,
		    (double)state_add(state, STR("namedprocess.partly"), named->partly_read));
	metrics_add(out, &crowded, (double)named->crowded);
}

static int named_run(struct collect *c)
{
	static const struct process_wants wants = {
		.io = true,
		.fds = true,
		.fd_limit = true,
		.switches = true,
		.swap = true,
	};
	static const struct str key = { "namedprocess.groups", 19 };
	const struct named_self *self = c->self;
	struct named named = { .c = c, .conf = c->conf, .rules = &self->rules };
	uint64_t now = (uint64_t)clock_wall_seconds(), boot = process_boot(c);
	uint64_t keep = (uint64_t)named.conf->keep_ns / 1000000000;
	const struct process_shared *shared;
	struct process_totals totals = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	int r = process_table(c, &wants, &shared);

	if (r < 0) {
		if (r != -ENODATA)
			(void)state_add(c->state, STR("namedprocess.errors"), 1);
		return r;
	}
	named.table = &shared->table;
	ledger_load(&named.ledger, state_get(c->state, key), boot, self->rules.hash,
		    (size_t)named.conf->group_limit, c->scratch);
	named.ledger.idle = now > IDLE_SECONDS ? now - IDLE_SECONDS : 0;
	ledger_forget(&named.ledger, now > keep ? now - keep : 0);
	named.by_kernel = shared->by_kernel;
	named_assign(&named);
	rules_each_regex(&self->rules, collect_slow_regex, c);
	/* What the kernel keeps while we read /proc cannot be told from what we saw there. */
	if (process_dead(c, shared, named.ledger.seen, &totals) == 0)
		named_add_dead(&named, &totals);
	else
		named.ledger.seen = (struct process_seen){ 0 };
	if (totals.known && totals.lost)
		collect_note(c, STR("the BPF program processes"),
			     "%" PRIu64
			     " processes ended and were overwritten before they were read; "
			     "a shorter push.interval helps",
			     totals.lost);
	count(&named, now);
	if (named.conf->threads)
		named_add_threads(&named, boot, now);
	named_add_families(&named, process_boot_time(c));
	add_errors(&named);
	ledger_save(&named.ledger, boot, self->rules.hash, &out);
	if (!out.err)
		state_set(c->state, key, buf_view(&out));
	return 0;
}

const struct collector collector_namedprocess = {
	.name = "namedprocess",
	.help = "processes by groups: CPU, memory, I/O, faults, open files, states",
	.reads = "/proc/PID/*, or the BPF program processes",
	.ours = true,
	.section = &section_namedprocess,
	.self_size = sizeof(struct named_self),
	.open = named_open,
	.run = named_run,
	.close = named_close,
};
