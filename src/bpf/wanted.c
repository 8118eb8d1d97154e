/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects the configuration asks for. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bpf/builtin.h"
#include "bpf/load.h"
#include "host/host.h"

#define SUFFIX STR(EBPF_OBJECT_SUFFIX)
enum { OBJECT_MAX = 16 << 20, SIDECAR_MAX = 1 << 20 };

static int compare(const void *a, const void *b)
{
	const struct load_object *x = a, *y = b;

	return str_cmp(x->name, y->name);
}

/* A name becomes a directory in a BPF file system, and a part of a label. */
static bool is_plain(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
			    name.p[i], 64))
			return false;
	return name.n > 0 && name.n <= 64;
}

struct wanting {
	struct arena *arena;
	struct load_object *v;
	size_t n;
};

static struct load_object *add(struct wanting *w, struct str name)
{
	for (size_t i = 0; i < w->n; i++)
		if (str_eq(w->v[i].name, name))
			return &w->v[i];
	w->v = arena_grow(w->arena, w->v, w->n, sizeof(*w->v));
	return &w->v[w->n++];
}

static void add_user_object(struct wanting *w, const struct ebpf_conf *conf, int dir,
			    struct str file)
{
	struct str base = { file.p, file.n - SUFFIX.n }, name = arena_str(w->arena, base);
	struct load_object object = {
		.name = name,
		.file = ARENA_CONCAT(w->arena, ebpf_objects(conf), STR("/"), file),
	};
	struct str sidecar = ARENA_CONCAT(w->arena, base, STR(".conf"));
	int r = file_read(dir, file.p, OBJECT_MAX, w->arena, &object.bytes);

	if (r < 0) {
		object.why = arena_printf(w->arena, "%.*s: %s", STR_ARG(object.file), strerror(-r));
	} else {
		r = file_read(dir, sidecar.p, SIDECAR_MAX, w->arena, &object.sidecar);
		if (r < 0 && r != -ENOENT)
			object.why =
				arena_printf(w->arena, "%.*s/%.*s: %s", STR_ARG(ebpf_objects(conf)),
					     STR_ARG(sidecar), strerror(-r));
	}
	if (!is_plain(name))
		object.why = STR("an object's name is of letters, digits, - and _, at most 64");
	*add(w, name) = object;
}

static int add_user_objects(struct wanting *w, const struct ebpf_conf *conf, struct str *ret_why)
{
	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, ebpf_objects(conf).p);
	struct str *names;
	size_t n;
	int r = dir < 0 ? dir : host_list_dir(dir, w->arena, &names, &n);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		*ret_why = arena_printf(w->arena, "%.*s: %s", STR_ARG(ebpf_objects(conf)),
					strerror(-r));
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		struct str base = { names[i].p, names[i].n - SUFFIX.n };

		if (names[i].n > SUFFIX.n && str_ends(names[i], SUFFIX) &&
		    !(names[i].p[0] == '.') && ebpf_wants(conf, base, true))
			add_user_object(w, conf, dir, names[i]);
	}
	return 0;
}

int bpf_wanted(const struct ebpf_conf *conf, struct arena *arena, struct load_object **ret,
	       size_t *ret_n, struct str *ret_why)
{
	struct wanting w = { .arena = arena };
	int r;

	for (const struct builtin *b = builtin_programs; b->name; b++)
		if (ebpf_wants(conf, str_of(b->name), b->on))
			*add(&w, str_of(b->name)) = (struct load_object){
				.name = str_of(b->name),
				.file = STR(BUILTIN_FILE),
				.bytes = str_between((const char *)b->begin, (const char *)b->end),
				.builtin = true,
			};
	r = add_user_objects(&w, conf, ret_why);
	if (r < 0)
		return r;
	if (w.n)
		qsort(w.v, w.n, sizeof(*w.v), compare);
	*ret = w.v;
	*ret_n = w.n;
	return 0;
}
