/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object into the kernel. A program that this kernel cannot have must not take the others with
 * it, so what fails is found out, left out with its reason, and the rest is tried anew.
 */
#include <errno.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "bpf/load_internal.h"

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"
enum { LOG_SIZE = 1 << 18, WHY_MAX = 200, ROUNDS = 8 };

struct attempt {
	struct loader *l;
	struct candidate *c;
	struct str old;  /* directory of what is pinned of it now, or empty */
	struct spec was; /* what that says of itself */
	char *log;
	bool *off; /* for each program: not to be loaded */
};

struct bpf_object *load_open(const struct loader *l, const struct load_object *wanted)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = wanted->name.p);

	/*
	 * A type that the kernel has not is looked for in its modules, too. That takes
	 * CAP_SYS_ADMIN, and older libraries fail for lack of it; with types from a file they do
	 * not look.
	 */
	if (l->kernel && !(caps_effective() & CAPS_BIT(CAP_SYS_ADMIN)) &&
	    access(KERNEL_TYPES, R_OK) == 0)
		opts.btf_custom_path = KERNEL_TYPES;

	return l->lib.bpf_object__open_mem(wanted->bytes.p, wanted->bytes.n, &opts);
}

/* The last line that the verifier wrote before its statistics. */
static struct str last_words(struct str log)
{
	struct str line, last = STR("");

	while (str_cut(&log, '\n', &line)) {
		line = str_trim(line);
		if (line.n && !str_starts(line, STR("processed ")) &&
		    !str_starts(line, STR("verification time")))
			last = line;
	}
	return last.n > WHY_MAX ? (struct str){ last.p, WHY_MAX } : last;
}

struct str load_why(struct loader *l, int error, struct str log)
{
	struct str words = last_words(log);

	if (words.n)
		return ARENA_CONCAT(l->arena, STR("the kernel refuses it: "), words);
	switch (error) {
	case -EPERM:
	case -EACCES:
		return STR("not permitted: CAP_BPF and CAP_PERFMON are needed, for tracepoint/ "
			   "CAP_DAC_READ_SEARCH too, or the kernel is locked down");
	case -ESRCH:
	case -ENOENT:
		return l->kernel ? STR("this kernel has no such hook")
				 : STR("this kernel does not tell its types (BTF)");
	default:
		return str_of(strerror(-error));
	}
}

/* What the running kernel's types already tell: a hook that is not in them does not exist. */
static bool has_hook(const struct loader *l, struct str hook)
{
	static const struct {
		struct str prefix, name;
		uint32_t kind;
	} kinds[] = {
		{ STR("tp_btf/"), STR("btf_trace_"), BTF_KIND_TYPEDEF },
		{ STR("fentry/"), STR(""), BTF_KIND_FUNC },
		{ STR("fexit/"), STR(""), BTF_KIND_FUNC },
		{ STR("iter/"), STR("bpf_iter_"), BTF_KIND_FUNC },
		{ STR("iter.s/"), STR("bpf_iter_"), BTF_KIND_FUNC },
	};

	if (!l->kernel)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!str_starts(hook, kinds[i].prefix))
			continue;
		struct str name =
			ARENA_CONCAT(l->arena, kinds[i].name, str_skip(hook, kinds[i].prefix.n));

		return l->lib.btf__find_by_name_kind(l->kernel, name.p, kinds[i].kind) > 0;
	}
	return true;
}

/* The one that this stands in for, or NULL. */
static const struct spec_program *stands_for(const struct attempt *a, const struct btf *btf,
					     const struct spec_program *p)
{
	struct str name = describe_function_tag(&a->l->lib, btf, p->name.p, STR("fallback:"));

	for (size_t i = 0; name.n && i < a->c->spec.n_programs; i++)
		if (str_eq(a->c->spec.programs[i].name, name))
			return &a->c->spec.programs[i];
	return NULL;
}

/* Who is to be loaded, by what is known so far. */
static size_t choose(struct attempt *a)
{
	struct bpf_object *object = load_open(a->l, a->c->wanted);
	const struct btf *btf = object ? a->l->lib.bpf_object__btf(object) : NULL;
	struct spec *spec = &a->c->spec;
	size_t n = 0;

	for (size_t i = 0; btf && i < spec->n_programs; i++) {
		struct spec_program *p = &spec->programs[i];

		if (!p->why.n && !has_hook(a->l, p->hook))
			p->why = STR("this kernel has no such hook");
	}
	for (size_t i = 0; btf && i < spec->n_programs; i++) {
		const struct spec_program *first = stands_for(a, btf, &spec->programs[i]);

		a->off[i] = spec->programs[i].why.n || (first && !first->why.n);
		n += !a->off[i];
	}
	if (object)
		a->l->lib.bpf_object__close(object);
	return n;
}

static bool same_layout(const struct spec *was, const struct spec *is, struct str map)
{
	const struct spec_metric *old = NULL, *new = NULL;

	for (size_t i = 0; i < was->n_metrics; i++)
		if (str_eq(was->maps[was->metrics[i].map].name, map))
			old = &was->metrics[i];
	for (size_t i = 0; i < is->n_metrics; i++)
		if (str_eq(is->maps[is->metrics[i].map].name, map))
			new = &is->metrics[i];
	if (!old || !new)
		return !old && !new;
	if (!spec_same_metric(old, new) ||
	    (old->type == SPEC_HISTOGRAM && old->histogram.in_key != new->histogram.in_key))
		return false;
	for (size_t i = 0; i < old->n_labels; i++)
		if (old->labels[i].offset != new->labels[i].offset ||
		    old->labels[i].size != new->labels[i].size)
			return false;
	return true;
}

/* Takes over the map that is pinned now, so that its counters go on. */
static void reuse(struct attempt *a, struct bpf_map *map)
{
	const struct libbpf *lib = &a->l->lib;
	struct str name = str_of(lib->bpf_map__name(map));
	_cleanup_fd_ int fd = pins_get(&a->l->pins, a->old, "map_", name, a->l->arena);
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	if (fd < 0 || lib->bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return;
	if (info.type == lib->bpf_map__type(map) && info.key_size == lib->bpf_map__key_size(map) &&
	    info.value_size == lib->bpf_map__value_size(map) &&
	    info.max_entries == lib->bpf_map__max_entries(map) &&
	    info.map_flags == lib->bpf_map__map_flags(map) &&
	    same_layout(&a->was, &a->c->spec, name))
		(void)lib->bpf_map__reuse_fd(map, fd);
}

/* Opens and loads the chosen programs, or `only` one of them without the maps of before. */
static int open_and_load(struct attempt *a, size_t only, struct bpf_object **ret)
{
	const struct libbpf *lib = &a->l->lib;
	struct bpf_object *object = load_open(a->l, a->c->wanted);
	struct bpf_program *p = NULL;
	int r;

	a->log[0] = '\0';
	if (!object)
		return -errno;
	for (size_t i = 0; (p = lib->bpf_object__next_program(object, p)); i++) {
		bool on = only == SIZE_MAX ? !a->off[i] : only == i;

		(void)lib->bpf_program__set_autoload(p, on);
		if (on)
			(void)lib->bpf_program__set_log_buf(p, a->log, LOG_SIZE);
	}
	for (struct bpf_map *m = NULL; (m = lib->bpf_object__next_map(object, m));) {
		if (lib->bpf_map__type(m) == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			(void)lib->bpf_map__set_map_flags(m, BPF_F_PRESERVE_ELEMS);
		else if (only == SIZE_MAX && a->old.n && !strchr(lib->bpf_map__name(m), '.'))
			reuse(a, m);
	}
	r = lib->bpf_object__load(object);
	if (r < 0) {
		r = -errno;
		lib->bpf_object__close(object);
		return r;
	}
	*ret = object;
	return 0;
}

/* Which of the chosen programs cannot be loaded. False when each can, alone. */
static bool find_culprits(struct attempt *a)
{
	bool found = false;

	for (size_t i = 0; i < a->c->spec.n_programs; i++) {
		struct bpf_object *object;
		int r;

		if (a->off[i])
			continue;
		r = open_and_load(a, i, &object);
		if (r == 0) {
			a->l->lib.bpf_object__close(object);
			continue;
		}
		a->c->spec.programs[i].why =
			arena_str(a->l->arena, load_why(a->l, r, str_of(a->log)));
		found = true;
	}
	return found;
}

static int fill_events(struct attempt *a, struct bpf_object *object, struct str *ret_why)
{
	const struct libbpf *lib = &a->l->lib;

	for (struct bpf_map *m = NULL; (m = lib->bpf_object__next_map(object, m));) {
		struct str event =
			describe_map_tag(lib, lib->bpf_object__btf(object), &a->c->sidecar,
					 lib->bpf_map__name(m), STR("perf:"));
		int r;

		if (!event.n || lib->bpf_map__type(m) != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			continue;
		r = attach_events(a->l, m, event, ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}

static void note_program(struct attempt *a, struct bpf_program *program, struct spec_program *p)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	if (a->l->lib.bpf_obj_get_info_by_fd(a->l->lib.bpf_program__fd(program), &info, &size) < 0)
		return;
	p->id = info.id;
	for (size_t i = 0; i < sizeof(info.tag); i++) {
		p->tag[2 * i] = "0123456789abcdef"[info.tag[i] >> 4];
		p->tag[2 * i + 1] = "0123456789abcdef"[info.tag[i] & 15];
	}
}

/* Attaches what is loaded. Returns how many could not be. */
static size_t attach(struct attempt *a, struct bpf_object *object)
{
	const struct libbpf *lib = &a->l->lib;
	struct bpf_program *program = NULL;
	size_t failed = 0;

	for (size_t i = 0; (program = lib->bpf_object__next_program(object, program)); i++) {
		struct spec_program *p = &a->c->spec.programs[i];

		p->id = 0;
		if (a->off[i])
			continue;
		if (attach_program(a->l, program, &p->why) < 0)
			failed++;
		else
			note_program(a, program, p);
	}
	return failed;
}

static int pin_meta(struct attempt *a)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_fd_ int fd = -1;
	uint32_t zero = 0;

	spec_print(&a->c->spec, &text);
	if (text.err)
		return text.err;
	fd = a->l->lib.bpf_map_create(BPF_MAP_TYPE_ARRAY, "meta", sizeof(zero), (uint32_t)text.n, 1,
				      &opts);
	if (fd < 0 || a->l->lib.bpf_map_update_elem(fd, &zero, text.p, BPF_ANY) < 0)
		return -errno;
	(void)a->l->lib.bpf_map_freeze(fd);
	return pins_add(&a->l->pins, "", STR("meta"), fd, a->l->arena);
}

static int pin_maps(struct attempt *a, struct bpf_object *object)
{
	const struct libbpf *lib = &a->l->lib;

	for (struct bpf_map *m = NULL; (m = lib->bpf_object__next_map(object, m));) {
		struct str name = str_of(lib->bpf_map__name(m));
		int r;

		if (memchr(name.p, '.', name.n))
			continue;
		r = pins_add(&a->l->pins, "map_", name, lib->bpf_map__fd(m), a->l->arena);
		if (r < 0)
			return r;
	}
	return 0;
}

static void stamp(struct attempt *a)
{
	struct utsname uts;

	a->c->spec.loaded_ns = clock_ns(CLOCK_REALTIME);
	if (uname(&uts) == 0)
		a->c->spec.kernel = arena_str(a->l->arena, str_of(uts.release));
}

/* Replaces what is pinned of this object by what was loaded and attached into "new". */
static int commit(struct attempt *a, struct bpf_object *object, struct str *ret_why)
{
	struct str name = ARENA_CONCAT(a->l->arena, a->c->spec.object, STR("_"), a->c->spec.hash);
	int r = pin_maps(a, object);

	stamp(a);
	if (r == 0)
		r = pin_meta(a);
	/* Of the same name is only what a reader could not read either. */
	(void)pins_remove(&a->l->pins, name, "");
	if (r == 0)
		r = pins_commit(&a->l->pins, name, a->l->arena);
	if (r < 0)
		*ret_why = arena_printf(a->l->arena, "cannot be pinned: %s", strerror(-r));
	return r;
}

static struct str reasons(const struct attempt *a)
{
	struct str all = STR("");

	for (size_t i = 0; i < a->c->spec.n_programs; i++) {
		const struct spec_program *p = &a->c->spec.programs[i];

		if (p->why.n)
			all = ARENA_CONCAT(a->l->arena, all, all.n ? STR("; ") : STR(""), p->name,
					   STR(": "), p->why);
	}
	return all;
}

/* Whoever has another in its place is not missed. */
static void forgive(struct attempt *a, struct bpf_object *object)
{
	const struct btf *btf = a->l->lib.bpf_object__btf(object);
	struct spec *spec = &a->c->spec;

	for (size_t i = 0; i < spec->n_programs; i++) {
		const struct spec_program *p = &spec->programs[i],
					  *first = p->id ? stands_for(a, btf, p) : NULL;

		if (first)
			spec->programs[first - spec->programs].why = STR("");
	}
}

/* Loads and attaches, as often as a program has to be left out. The object is NULL on failure. */
static int load_rounds(struct attempt *a, struct bpf_object **ret, struct str *ret_why)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct bpf_object *object;
		size_t chosen = choose(a);
		int r;

		if (!chosen)
			break;
		r = open_and_load(a, SIZE_MAX, &object);
		if (r < 0) {
			struct str log = arena_str(a->l->arena, str_of(a->log));

			if (find_culprits(a))
				continue;
			*ret_why = load_why(a->l, r, log);
			return r;
		}
		r = fill_events(a, object, ret_why);
		if (r == 0 && a->old.n) {
			/* Not both at once: an event would count twice. */
			(void)pins_remove(&a->l->pins, a->old, "link_");
			(void)pins_remove(&a->l->pins, a->old, "iter_");
		}
		if (r == 0)
			r = pins_begin(&a->l->pins);
		if (r == 0 && attach(a, object) == 0) {
			forgive(a, object);
			*ret = object;
			return 0;
		}
		a->l->lib.bpf_object__close(object);
		if (r < 0) {
			if (!ret_why->n)
				*ret_why = str_of(strerror(-r));
			return r;
		}
	}
	*ret_why = reasons(a);
	return -EOPNOTSUPP;
}

int load_candidate(struct loader *l, struct candidate *c, struct str *ret_why)
{
	struct attempt a = { .l = l, .c = c };
	struct bpf_object *object = NULL;
	struct str *dirs, ignored;
	size_t n;
	int r = pins_list(&l->pins, c->spec.object, l->arena, &dirs, &n);

	if (r < 0)
		return r;
	*ret_why = STR("");
	a.log = arena_zalloc(l->arena, LOG_SIZE, 1);
	a.off = arena_zalloc(l->arena, c->spec.n_programs + 1, sizeof(*a.off));
	if (n) {
		struct str text = load_meta(l, dirs[0]);

		if (spec_parse(text, l->arena, &a.was, &ignored) == 0)
			a.old = dirs[0];
	}
	r = load_rounds(&a, &object, ret_why);
	if (r == 0)
		r = commit(&a, object, ret_why);
	if (object)
		l->lib.bpf_object__close(object);
	for (size_t i = 0; i < n; i++)
		(void)pins_remove(&l->pins, dirs[i], "");
	if (r == 0)
		*ret_why = reasons(&a);
	else
		(void)pins_abort(&l->pins);
	return r;
}
