/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory modules by type. Source: drivers/edac/edac_mc_sysfs.c, which names a module dimmN, or
 * rankN with a controller that knows but ranks: their sizes add up to the memory, their number is
 * no number of modules.
 */
#include "collect/container/machine.h"

#include <fcntl.h>

enum { CYCLES_BETWEEN_LOOKS = 40, TYPES_MAX = 64 };

static const char path[] = "devices/system/edac/mc";

static bool numbered(struct str name, struct str prefix)
{
	uint64_t number;

	return str_starts(name, prefix) && num_u64(str_skip(name, prefix.n), &number) == 0;
}

static struct machine_dimm_type *type_of(struct machine_dimms *dimms, struct str type)
{
	for (size_t i = 0; i < dimms->n; i++)
		if (str_eq(dimms->types[i].type, type))
			return &dimms->types[i];
	if (dimms->n == TYPES_MAX)
		return NULL;
	dimms->types[dimms->n].type = arena_str(&dimms->arena, type);
	return &dimms->types[dimms->n++];
}

/* An empty socket has a size of 0. */
static void look_at_module(struct collect *c, struct machine_dimms *dimms, int controller,
			   struct str name)
{
	_cleanup_fd_ int dir = openat(controller, name.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct machine_dimm_type *known;
	struct str type;
	uint64_t mebibytes;

	if (dir < 0 || host_attr_u64(dir, "size", &mebibytes) < 0 || !mebibytes ||
	    mebibytes > UINT64_MAX >> 20)
		return;
	if (host_attr(dir, "dimm_mem_type", c->scratch, &type) < 0)
		type = STR("");
	known = type_of(dimms, type);
	if (!known)
		return;
	known->bytes += mebibytes << 20;
	known->modules += str_starts(name, STR("dimm"));
}

static void look_at_controller(struct collect *c, struct machine_dimms *dimms, int parent,
			       const char *name)
{
	_cleanup_fd_ int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct str *names;
	size_t n;

	if (dir < 0 || host_list_dir(dir, c->scratch, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("dimm")) || numbered(names[i], STR("rank")))
			look_at_module(c, dimms, dir, names[i]);
}

void machine_dimms(struct collect *c, struct machine_dimms *dimms)
{
	_cleanup_fd_ int dir = -1;
	struct str *names;
	size_t n;

	if (dimms->types && dimms->age++ < CYCLES_BETWEEN_LOOKS)
		return;
	dimms->age = 0;
	dimms->n = 0;
	dimms->types = NULL;
	arena_reset(&dimms->arena);
	dir = host_open_dir(c->host, HOST_SYS, path);
	if (dir < 0 || host_list_dir(dir, c->scratch, &names, &n) < 0)
		return;
	dimms->types = arena_zalloc(&dimms->arena, TYPES_MAX, sizeof(*dimms->types));
	for (size_t i = 0; i < n; i++)
		if (numbered(names[i], STR("mc")))
			look_at_controller(c, dimms, dir, names[i].p);
}

void machine_dimms_release(struct machine_dimms *dimms)
{
	arena_release(&dimms->arena);
}
