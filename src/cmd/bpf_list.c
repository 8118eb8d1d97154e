/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush bpf list`: objects, their programs and their maps. It reads what every reader reads, so
 * that it works without a capability; what a program took is told to root alone.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>

#include "base/cleanup.h"
#include "bpf/builtin.h"
#include "bpf/loaded.h"
#include "bpf/usage.h"
#include "cmd/bpf.h"
#include "cmd/table.h"
#include "loader.h"

struct listing {
	struct app *app;
	const struct ebpf_conf *conf;
	struct loaded loaded;
	struct usage_program **usage; /* by object and program */
	int **usage_result;           /* of asking for it */
	struct load_object *wanted;
	size_t n_wanted;
	bool measured;
	struct arena arena;
};

static struct str number(struct listing *l, uint64_t value)
{
	return arena_printf(&l->arena, "%llu", (unsigned long long)value);
}

static const struct builtin *builtin_of(struct str name)
{
	for (const struct builtin *b = builtin_programs; b->name; b++)
		if (str_eq(str_of(b->name), name))
			return b;
	return NULL;
}

static bool is_wanted(const struct listing *l, struct str name)
{
	for (size_t i = 0; i < l->n_wanted; i++)
		if (str_eq(l->wanted[i].name, name))
			return true;
	return false;
}

/* --- programs --------------------------------------------------------------------------------- */

static void ask_usage(struct listing *l)
{
	const struct loaded *loaded = &l->loaded;

	l->usage = arena_zalloc(&l->arena, loaded->n, sizeof(*l->usage));
	l->usage_result = arena_zalloc(&l->arena, loaded->n, sizeof(*l->usage_result));
	for (size_t i = 0; i < loaded->n; i++) {
		const struct spec *spec = &loaded->objects[i].spec;

		l->usage[i] = arena_zalloc(&l->arena, spec->n_programs, sizeof(**l->usage));
		l->usage_result[i] =
			arena_zalloc(&l->arena, spec->n_programs, sizeof(**l->usage_result));
		for (size_t k = 0; k < spec->n_programs; k++)
			l->usage_result[i][k] = usage_program(&spec->programs[k], &l->usage[i][k]);
	}
}

/* What the programs did in a span of time, in place of what they did ever. */
static int measure(struct listing *l)
{
	_cleanup_fd_ int fd = usage_measure();
	struct usage_program **before;

	if (fd < 0) {
		log_error(&l->app->log, "the kernel does not measure: %s",
			  fd == -EPERM ? "it takes CAP_SYS_ADMIN" : strerror(-fd));
		return EXIT_FAILED;
	}
	ask_usage(l);
	before = l->usage;
	(void)poll(NULL, 0, (int)(l->conf->measure_ns / 1000000));
	ask_usage(l);
	for (size_t i = 0; i < l->loaded.n; i++)
		for (size_t k = 0; k < l->loaded.objects[i].spec.n_programs; k++) {
			l->usage[i][k].runs -= before[i][k].runs;
			l->usage[i][k].run_ns -= before[i][k].run_ns;
		}
	l->measured = true;
	return 0;
}

static struct str program_remark(const struct spec_program *program, int r)
{
	if (program->why.n || !program->id)
		return program->why.n ? program->why : STR("not needed");
	return r == -ENOENT ? STR("not in the kernel any more: peekpush bpf load") : STR("");
}

static void add_program(struct listing *l, struct table *table, size_t object, size_t at)
{
	const struct spec *spec = &l->loaded.objects[object].spec;
	const struct spec_program *program = &spec->programs[at];
	const struct usage_program *usage = &l->usage[object][at];
	int r = l->usage_result[object][at];
	bool known = r == 0, counted = known && usage->runs;

	table_add(table,
		  (struct str[]){
			  spec->object,
			  program->name,
			  program->hook,
			  counted || (known && l->measured) ? number(l, usage->runs) : STR("-"),
			  counted ? arena_printf(&l->arena, "%.6f", (double)usage->run_ns / 1e9)
				  : STR("-"),
			  counted ? number(l, usage->run_ns / usage->runs) : STR("-"),
			  known ? number(l, usage->bytes) : STR("-"),
			  program_remark(program, r),
		  });
}

static void print_programs(struct listing *l)
{
	struct table table;

	table_init(&table, 8);
	table_add(&table,
		  (struct str[]){ STR("OBJECT"), STR("PROGRAM"), STR("HOOK"), STR("RUNS"),
				  STR("SECONDS"), STR("NS_A_RUN"), STR("BYTES"), STR("REMARK") });
	for (size_t i = 0; i < l->loaded.n; i++)
		for (size_t k = 0; k < l->loaded.objects[i].spec.n_programs; k++)
			add_program(l, &table, i, k);
	(void)fputc('\n', stdout);
	table_print(&table, stdout);
	table_release(&table);
}

/* --- maps ------------------------------------------------------------------------------------- */

static const char *map_type(uint32_t type)
{
	static const char *const names[] = {
		[BPF_MAP_TYPE_HASH] = "hash",
		[BPF_MAP_TYPE_ARRAY] = "array",
		[BPF_MAP_TYPE_PROG_ARRAY] = "prog_array",
		[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = "perf_event_array",
		[BPF_MAP_TYPE_PERCPU_HASH] = "percpu_hash",
		[BPF_MAP_TYPE_PERCPU_ARRAY] = "percpu_array",
		[BPF_MAP_TYPE_STACK_TRACE] = "stack_trace",
		[BPF_MAP_TYPE_LRU_HASH] = "lru_hash",
		[BPF_MAP_TYPE_LRU_PERCPU_HASH] = "lru_percpu_hash",
		[BPF_MAP_TYPE_LPM_TRIE] = "lpm_trie",
		[BPF_MAP_TYPE_RINGBUF] = "ringbuf",
		[BPF_MAP_TYPE_TASK_STORAGE] = "task_storage",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "other";
}

static int count_one(void *arg, const void *key, const void *value, size_t n_cpus)
{
	uint64_t *n = arg;

	(void)key;
	(void)value;
	(void)n_cpus;
	(*n)++;
	return 0;
}

static struct str entries(struct listing *l, int fd, const struct spec_map *map)
{
	_cleanup_buf_ struct buf scratch = { 0 };
	uint64_t n = 0;

	switch (map->type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return number(l, map->max_entries);
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		if (fd >= 0 && loaded_each(fd, map, &scratch, count_one, &n) == 0)
			return number(l, n);
	}
	return STR("-");
}

static struct str metrics_of(struct listing *l, const struct spec *spec, size_t map)
{
	struct str names = { 0 };

	for (size_t i = 0; i < spec->n_metrics; i++)
		if (spec->metrics[i].map == map)
			names = names.n ? ARENA_CONCAT(&l->arena, names, STR(" "),
						       spec->metrics[i].name)
					: spec->metrics[i].name;
	return names;
}

static void print_maps(struct listing *l)
{
	struct table table;

	table_init(&table, 7);
	table_add(&table, (struct str[]){ STR("OBJECT"), STR("MAP"), STR("TYPE"), STR("ENTRIES"),
					  STR("MAX"), STR("BYTES"), STR("METRIC") });
	for (size_t i = 0; i < l->loaded.n; i++) {
		const struct loaded_object *object = &l->loaded.objects[i];

		for (size_t k = 0; k < object->spec.n_maps; k++) {
			const struct spec_map *map = &object->spec.maps[k];
			int fd = object->maps[k];
			uint64_t bytes;
			bool known = fd >= 0 && usage_map(fd, &bytes) == 0;

			table_add(&table, (struct str[]){
						  object->spec.object,
						  map->name,
						  str_of(map_type(map->type)),
						  entries(l, fd, map),
						  number(l, map->max_entries),
						  known ? number(l, bytes) : STR("-"),
						  metrics_of(l, &object->spec, k),
					  });
		}
	}
	(void)fputc('\n', stdout);
	table_print(&table, stdout);
	table_release(&table);
}

struct sum {
	uint64_t value;
};

static int add_cpus(void *arg, const void *key, const void *value, size_t n_cpus)
{
	struct sum *sum = arg;
	const unsigned char *at = value;

	(void)key;
	for (size_t i = 0; i < n_cpus; i++) {
		uint64_t one;

		memcpy(&one, at + i * sizeof(one), sizeof(one));
		sum->value += one;
	}
	return 0;
}

/* Events that found no room in a map, as the programs count them themselves. */
static struct str lost(struct listing *l, const struct loaded_object *object)
{
	_cleanup_buf_ struct buf scratch = { 0 };
	struct sum sum = { 0 };

	for (size_t i = 0; i < object->spec.n_maps; i++) {
		const struct spec_map *map = &object->spec.maps[i];

		if (!str_eq(map->name, STR("pp_lost")) || map->value_size != sizeof(sum.value))
			continue;
		if (object->maps[i] < 0 ||
		    loaded_each(object->maps[i], map, &scratch, add_cpus, &sum) != 0)
			return STR("-");
		return number(l, sum.value);
	}
	return STR("-");
}

/* --- objects ---------------------------------------------------------------------------------- */

/* Of maps and programs, as far as this user is told. */
static uint64_t bytes_of(const struct listing *l, size_t at)
{
	const struct loaded_object *object = &l->loaded.objects[at];
	uint64_t sum = 0, bytes;

	for (size_t i = 0; i < object->spec.n_maps; i++)
		if (object->maps[i] >= 0 && usage_map(object->maps[i], &bytes) == 0)
			sum += bytes;
	for (size_t i = 0; i < object->spec.n_programs; i++)
		sum += l->usage[at][i].bytes;
	return sum;
}

static struct str help_of(struct listing *l, struct str name, bool ours)
{
	const struct builtin *b = ours ? builtin_of(name) : NULL;

	if (!b)
		return STR("your own");
	return b->cost[0] ? arena_printf(&l->arena, "%s; %s", b->help, b->cost) : str_of(b->help);
}

static void add_loaded(struct listing *l, struct table *table, size_t at)
{
	const struct spec *spec = &l->loaded.objects[at].spec;
	size_t missing = 0;

	for (size_t i = 0; i < spec->n_programs; i++)
		missing += spec->programs[i].why.n > 0;
	table_add(table,
		  (struct str[]){
			  spec->object,
			  missing ? STR("part") : STR("loaded"),
			  number(l, spec->n_metrics),
			  number(l, bytes_of(l, at)),
			  lost(l, &l->loaded.objects[at]),
			  is_wanted(l, spec->object)
				  ? help_of(l, spec->object, str_eq(spec->file, STR(BUILTIN_FILE)))
				  : STR("not wanted any more: peekpush bpf load"),
		  });
}

static void add_absent(struct listing *l, struct table *table, struct str name, bool wanted)
{
	struct str why = wanted ? loader_why(l->conf, name, &l->arena) : help_of(l, name, true);

	if (!why.n)
		why = STR("not loaded yet: peekpush bpf load");
	table_add(table, (struct str[]){ name, wanted ? STR("absent") : STR("off"), STR("-"),
					 STR("-"), STR("-"), why });
}

static void add_object(struct listing *l, struct table *table, struct str name, bool wanted)
{
	for (size_t i = 0; i < l->loaded.n; i++)
		if (str_eq(l->loaded.objects[i].spec.object, name)) {
			add_loaded(l, table, i);
			return;
		}
	add_absent(l, table, name, wanted);
}

/* What comes with peekpush, then what does not: wanted, or still there. */
static void print_objects(struct listing *l)
{
	struct table table;

	table_init(&table, 6);
	table_add(&table, (struct str[]){ STR("OBJECT"), STR("STATE"), STR("METRICS"), STR("BYTES"),
					  STR("LOST"), STR("REMARK") });
	for (const struct builtin *b = builtin_programs; b->name; b++) {
		struct str name = str_of(b->name);

		add_object(l, &table, name, is_wanted(l, name));
	}
	for (size_t i = 0; i < l->n_wanted; i++)
		if (!builtin_of(l->wanted[i].name))
			add_object(l, &table, l->wanted[i].name, true);
	for (size_t i = 0; i < l->loaded.n; i++) {
		struct str name = l->loaded.objects[i].spec.object;

		if (!builtin_of(name) && !is_wanted(l, name))
			add_loaded(l, &table, i);
	}
	table_print(&table, stdout);
	table_release(&table);
}

/* Says what the numbers do not. */
static void say_limits(const struct listing *l)
{
	bool hidden = false;

	for (size_t i = 0; i < l->loaded.n; i++)
		for (size_t k = 0; k < l->loaded.objects[i].spec.n_programs; k++)
			hidden |= l->usage_result[i][k] == -EPERM;
	if (hidden)
		log_info(&l->app->log,
			 "runs and memory of programs are told to CAP_SYS_ADMIN only");
	else if (l->loaded.n && !l->measured && !usage_measuring())
		log_info(&l->app->log, "run times are not measured now: --measure 1s does, and so "
				       "does sysctl kernel.bpf_stats_enabled=1");
}

static int print_all(struct listing *l)
{
	int status = 0;

	if (l->conf->measure_ns)
		status = measure(l);
	if (status)
		return status;
	if (!l->measured)
		ask_usage(l);
	print_objects(l);
	if (l->loaded.n) {
		print_programs(l);
		print_maps(l);
	}
	say_limits(l);
	return 0;
}

int bpf_list(struct app *app)
{
	struct listing l = { .app = app, .conf = conf_get(app->conf, &section_ebpf) };
	struct str why;
	int status = EXIT_FAILED;
	int r = bpf_wanted(l.conf, &l.arena, &l.wanted, &l.n_wanted, &why);

	if (r < 0) {
		log_error(&app->log, "%.*s", STR_ARG(why));
		arena_release(&l.arena);
		return status;
	}
	r = loaded_open(l.conf->pins.p, (struct str){ 0 }, &l.loaded);
	if (r == -ENOSYS) {
		log_error(&app->log, "%.*s", STR_ARG(l.loaded.why));
	} else {
		/* That nothing is loaded, or not for this user, is what the table is to tell. */
		if (l.loaded.why.n)
			log_info(&app->log, "%.*s", STR_ARG(l.loaded.why));
		status = print_all(&l);
	}
	loaded_close(&l.loaded);
	arena_release(&l.arena);
	return status;
}
