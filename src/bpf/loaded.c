/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding what is pinned. Maps are opened read only: without that flag the kernel wants write
 * permission of the pin, which readers have no business to have.
 */
#include "bpf/loaded.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bpf/call.h"

enum { META_MAX = 4 << 20, HASH_DIGITS = 16 };

/* A directory OBJECT_HASH of pins. */
struct found {
	struct str name, object;
};

struct search {
	const char *path;
	struct str object;
	struct loaded *set;
	int first; /* the first error of an object */
	struct str why;
};

static bool split(struct str name, struct found *ret)
{
	size_t at = name.n < HASH_DIGITS + 2 ? 0 : name.n - HASH_DIGITS - 1;

	if (!at || name.p[at] != '_')
		return false;
	for (size_t i = at + 1; i < name.n; i++)
		if (!memchr("0123456789abcdef", name.p[i], 16))
			return false;
	*ret = (struct found){ name, { name.p, at } };
	return true;
}

static int get_pin(struct arena *arena, size_t n, const struct str *pieces)
{
	union bpf_attr attr = {
		.pathname = (uintptr_t)arena_concat(arena, n, pieces).p,
		.file_flags = BPF_F_RDONLY,
	};

	return bpf_call(BPF_OBJ_GET, &attr);
}

#define GET_PIN(arena, ...)                                                          \
	get_pin((arena), sizeof((struct str[]){ __VA_ARGS__ }) / sizeof(struct str), \
		(struct str[]){ __VA_ARGS__ })

static int map_info(int fd, struct bpf_map_info *ret)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attr = {
		.info = { .bpf_fd = (uint32_t)fd,
			  .info_len = sizeof(info),
			  .info = (uintptr_t)&info },
	};
	int r = bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr);

	if (r == 0)
		*ret = info;
	return r;
}

/* The text in the pinned map "meta", whose only value it is, up to the first NUL. */
static int read_meta(int fd, struct arena *arena, struct str *ret)
{
	struct bpf_map_info info;
	uint32_t zero = 0;
	int r = map_info(fd, &info);

	if (r < 0)
		return r;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != sizeof(zero) ||
	    info.value_size > META_MAX)
		return -EBADMSG;

	char *text = arena_alloc(arena, info.value_size);
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd,
		.key = (uintptr_t)&zero,
		.value = (uintptr_t)text,
	};

	r = bpf_call(BPF_MAP_LOOKUP_ELEM, &attr);
	if (r < 0)
		return r;
	ret->p = text;
	ret->n = str_find((struct str){ text, info.value_size }, '\0');
	return 0;
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* A descriptor, or why there is none. What the map is must be what the text says it is. */
static int open_map(const struct search *search, const struct found *found, struct spec_map *map,
		    size_t n_cpus)
{
	int fd = GET_PIN(&search->set->arena, str_of(search->path), STR("/"), found->name,
			 STR("/map_"), map->name);
	struct bpf_map_info info;
	int r = fd < 0 ? fd : map_info(fd, &info);

	if (r >= 0 && (info.type != map->type || info.key_size != map->key_size ||
		       info.value_size != map->value_size))
		r = -EBADMSG;
	if (r < 0) {
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	map->max_entries = info.max_entries;
	map->n_cpus = is_per_cpu(map->type) ? (uint32_t)n_cpus : 1;
	return fd;
}

static void close_object(const struct loaded_object *object)
{
	for (size_t i = 0; object->maps && i < object->spec.n_maps; i++)
		if (object->maps[i] >= 0)
			(void)close(object->maps[i]);
	(void)close(object->dir);
}

static const char *explain(int r)
{
	if (r == -EACCES)
		return "its pins are not for this user to read";
	/* Before 5.19 kernel.unprivileged_bpf_disabled keeps readers out, too. */
	if (r == -EPERM)
		return "this kernel lets only those with CAP_BPF read maps";
	return strerror(-r);
}

static int damaged(struct search *search, const struct found *found, int r, struct str why)
{
	struct arena *arena = &search->set->arena;

	search->why = arena_printf(arena, "%.*s%s%.*s: %.*s", STR_ARG(search->why),
				   search->why.n ? "; " : "", STR_ARG(found->name), STR_ARG(why));
	if (!search->first)
		search->first = r;
	return r;
}

/* What the text says, without its maps. */
static int describe(struct search *search, const struct found *found, struct spec *ret)
{
	struct arena *arena = &search->set->arena;
	struct str text, why = { 0 };
	_cleanup_fd_ int fd =
		GET_PIN(arena, str_of(search->path), STR("/"), found->name, STR("/meta"));
	int r = fd < 0 ? fd : read_meta(fd, arena, &text);

	/* Gone since the directory was read: a loader has replaced or removed it. */
	if (r == -ENOENT)
		return r;
	if (r == -EBADMSG)
		why = STR("meta is not an array of one text");
	if (r == 0)
		r = spec_parse(text, arena, ret, &why);
	if (r == 0 && !str_eq(ret->object, found->object)) {
		why = STR("meta is that of another object");
		r = -EBADMSG;
	}
	return r < 0 ? damaged(search, found, r, why.n ? why : str_of(explain(r))) : 0;
}

static int open_object(struct search *search, int parent, const struct found *found, size_t n_cpus,
		       struct loaded_object *object)
{
	struct arena *arena = &search->set->arena;
	struct spec *spec = &object->spec;

	object->dir = file_open_dir(parent, arena_cstr(arena, found->name));
	if (object->dir < 0)
		return damaged(search, found, object->dir, str_of(explain(object->dir)));
	object->maps = arena_alloc(arena, spec->n_maps * sizeof(*object->maps));
	for (size_t i = 0; i < spec->n_maps; i++)
		object->maps[i] = open_map(search, found, &spec->maps[i], n_cpus);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct loaded_object *x = a, *y = b;

	return str_cmp(x->spec.object, y->spec.object);
}

/* The number in it tells a directory from a later one of the same name. */
static uint64_t stamp_of(struct str name, ino_t inode)
{
	return str_hash(name) ^ (uint64_t)inode * 0x9e3779b97f4a7c15u;
}

/* All directories of pins; with `object`, only its own. The stamp is of all of them. */
static int list(const char *path, struct str object, struct arena *arena, struct found **ret,
		size_t *ret_n, uint64_t *ret_stamp)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	struct found *v = NULL, found;
	const struct dirent *e;
	uint64_t stamp = 1;
	size_t n = 0;

	if (!dir)
		return -errno;
	while ((errno = 0, e = readdir(dir))) {
		if (!split(str_of(e->d_name), &found))
			continue;
		stamp += stamp_of(found.name, e->d_ino);
		if (!ret || (object.n && !str_eq(found.object, object)))
			continue;
		(void)split(arena_str(arena, found.name), &found);
		v = arena_grow(arena, v, n, sizeof(*v));
		v[n++] = found;
	}
	if (errno)
		return -errno;
	if (ret) {
		*ret = v;
		*ret_n = n;
	}
	*ret_stamp = stamp;
	return 0;
}

/* While an object is being replaced there are two of it, and the newer one counts. */
static void add_object(struct search *search, int parent, const struct found *found, size_t n_cpus)
{
	struct loaded *set = search->set;
	struct loaded_object object = { 0 }, *place = set->objects + set->n;

	if (describe(search, found, &object.spec) < 0)
		return;
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(set->objects[i].spec.object, object.spec.object))
			place = &set->objects[i];

	bool replaces = place < set->objects + set->n;

	if (replaces && place->spec.loaded_ns >= object.spec.loaded_ns)
		return;
	if (open_object(search, parent, found, n_cpus, &object) < 0)
		return;
	if (replaces)
		close_object(place);
	else
		set->n++;
	*place = object;
}

static int nothing(struct search *search, int r, const char *path)
{
	struct arena *arena = &search->set->arena;

	if (r == -ENOENT || r == -ENOTDIR) {
		search->set->why =
			search->object.n
				? arena_printf(arena, "%.*s is not loaded", STR_ARG(search->object))
				: STR("no programs are loaded: peekpush bpf load, as root");
		return -ENOENT;
	}
	search->set->why = search->why.n ? search->why
			   : r == -EACCES
				   ? arena_printf(arena, "%s: not for this user to read", path)
				   : arena_printf(arena, "%s: %s", path, strerror(-r));
	return r;
}

int loaded_open(const char *path, struct str object, struct loaded *ret)
{
	struct search search = { .path = path, .object = object, .set = ret };
	struct found *found = NULL;
	size_t n = 0;
	int r;

	*ret = (struct loaded){ 0 };
	r = list(path, object, &ret->arena, &found, &n, &ret->stamp);
	if (r < 0)
		return nothing(&search, r, path);

	_cleanup_fd_ int parent = file_open_dir(AT_FDCWD, path);
	size_t n_cpus = loaded_cpus();

	ret->objects = arena_zalloc(&ret->arena, n + 1, sizeof(*ret->objects));
	for (size_t i = 0; i < n; i++)
		add_object(&search, parent, &found[i], n_cpus);
	if (!ret->n)
		return nothing(&search, search.first ? search.first : -ENOENT, path);
	ret->why = search.why;
	qsort(ret->objects, ret->n, sizeof(*ret->objects), by_name);
	return 0;
}

void loaded_close(struct loaded *set)
{
	for (size_t i = 0; i < set->n; i++)
		close_object(&set->objects[i]);
	arena_release(&set->arena);
	*set = (struct loaded){ 0 };
}

int loaded_stale(const char *path, const struct loaded *set)
{
	uint64_t stamp;
	int r = list(path, (struct str){ 0 }, NULL, NULL, NULL, &stamp);

	return r < 0 ? r : stamp != set->stamp;
}

const struct loaded_object *loaded_find(const struct loaded *set, struct str object)
{
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(set->objects[i].spec.object, object))
			return &set->objects[i];
	return NULL;
}
