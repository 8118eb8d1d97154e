/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of the objects themselves: what is loaded, whether it still runs, what it costs and
 * what it lost. Run times are the kernel's, which measures only when it is told to
 * (kernel.bpf_stats_enabled), and answers only to root.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "bpf/usage.h"
#include "collect/ebpf/ebpf.h"

void ebpf_count_bad(struct collect *c, struct str object, uint64_t n)
{
	struct str key = ARENA_CONCAT(c->scratch, STR("ebpf.decoder_errors."), object);

	if (n)
		(void)state_add(c->state, key, n);
}

/* Its link is pinned; of an iterator, itself; of one that samples, a link for each CPU. */
static bool is_attached(const struct loaded_object *object, const struct spec_program *program,
			struct arena *arena)
{
	static const struct str prefixes[] = { STR("link_"), STR("iter_") };
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		const char *name = ARENA_CONCAT(arena, prefixes[i], program->name).p;

		if (fstatat(object->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return str_starts(program->hook, STR("perf_event/")) &&
	       fstatat(object->dir, ARENA_CONCAT(arena, STR("link_"), program->name, STR("_0")).p,
		       &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void add_usage(struct collect *c, const struct spec_program *program,
		      const struct labels *labels)
{
	static const struct metric_desc seconds = {
		"ebpf_exporter_ebpf_program_run_time_seconds",
		"Time that a BPF program has run, while the kernel was measuring.",
		METRIC_COUNTER,
	};
	static const struct metric_desc runs = {
		"ebpf_exporter_ebpf_program_run_count_total",
		"Times that a BPF program has run, while the kernel was measuring.",
		METRIC_COUNTER,
	};
	struct usage_program usage;

	if (usage_program(program, &usage) < 0)
		return;
	family_add(metrics_family(c->out, &seconds), labels, (double)usage.run_ns / 1e9);
	family_add(metrics_family(c->out, &runs), labels, (double)usage.runs);
}

static void add_programs(struct collect *c, const struct loaded_object *object, bool measuring)
{
	static const struct metric_desc info = {
		"ebpf_exporter_ebpf_program_info",
		"A BPF program that is loaded, with the kernel's number and tag of it; always 1.",
		METRIC_GAUGE,
	};
	static const struct metric_desc attached = {
		"ebpf_exporter_ebpf_program_attached",
		"1 while a BPF program is attached to what it watches.",
		METRIC_GAUGE,
	};

	for (size_t i = 0; i < object->spec.n_programs; i++) {
		const struct spec_program *program = &object->spec.programs[i];
		char text[NUM_TEXT_MAX];
		struct str id = { text, num_print_u64(text, program->id) };
		const struct labels *labels;

		if (!program->id)
			continue;
		labels = METRIC_LABELS(c->out, { STR("id"), id });
		family_add(metrics_family(c->out, &info),
			   METRIC_LABELS(c->out, { STR("config"), object->spec.object },
					 { STR("program"), program->name },
					 { STR("tag"), str_of(program->tag) }, { STR("id"), id }),
			   1);
		family_add(metrics_family(c->out, &attached), labels,
			   is_attached(object, program, c->scratch));
		if (measuring)
			add_usage(c, program, labels);
	}
}

/* Of one CPU or all. */
static int add_up(void *arg, const void *key, const void *value, size_t n_cpus)
{
	uint64_t *sum = arg;

	(void)key;
	for (size_t cpu = 0; cpu < n_cpus; cpu++) {
		uint64_t n;

		memcpy(&n, (const char *)value + cpu * sizeof(n), sizeof(n));
		*sum += n;
	}
	return 0;
}

static void add_lost(struct collect *c, const struct loaded_object *object)
{
	static const struct metric_desc desc = {
		"peekpush_bpf_lost_total",
		"Events that a BPF program could not count, because its map was full.",
		METRIC_COUNTER,
	};
	struct ebpf *self = c->self;
	uint64_t sum = 0;

	for (size_t i = 0; i < object->spec.n_maps; i++) {
		const struct spec_map *map = &object->spec.maps[i];

		if (!str_eq(map->name, STR("pp_lost")) || map->value_size != sizeof(sum) ||
		    loaded_each(object->maps[i], map, &self->scratch, add_up, &sum) < 0)
			continue;
		family_add(metrics_family(c->out, &desc),
			   METRIC_LABELS(c->out, { STR("object"), object->spec.object }),
			   (double)sum);
	}
}

void ebpf_add_own(struct collect *c)
{
	static const struct metric_desc enabled = {
		"ebpf_exporter_enabled_configs",
		"A BPF object that is loaded and read; always 1.",
		METRIC_GAUGE,
	};
	static const struct metric_desc errors = {
		"ebpf_exporter_decoder_errors_total",
		"Entries of a BPF object's maps that could not be turned into labels; each counts "
		"once in every cycle.",
		METRIC_COUNTER,
	};
	const struct ebpf *self = c->self;
	bool measuring = usage_measuring();

	for (size_t i = 0; i < self->n_objects; i++) {
		struct str name = self->objects[i]->spec.object;
		struct str key = ARENA_CONCAT(c->scratch, STR("ebpf.decoder_errors."), name);

		family_add(metrics_family(c->out, &enabled),
			   METRIC_LABELS(c->out, { STR("name"), name }), 1);
		family_add(metrics_family(c->out, &errors),
			   METRIC_LABELS(c->out, { STR("config"), name }),
			   (double)state_u64(c->state, key, 0));
		add_programs(c, self->objects[i], measuring);
		add_lost(c, self->objects[i]);
	}
}
