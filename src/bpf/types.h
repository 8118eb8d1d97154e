/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in BTF. */
#pragma once

#include "base/arena.h"
#include "bpf/library.h"

struct types {
	const struct libbpf *lib;
	const struct btf *btf;    /* the object's */
	const struct btf *kernel; /* the running kernel's, or NULL */
};

/* The declaration tags of a type's member, or of itself with -1. */
size_t types_tags(const struct types *types, uint32_t id, int member, struct arena *arena,
		  struct str **ret);

/* The type behind const, volatile and typedef; ret_name, unless NULL and empty
 * before: the first typedef's name. */
const struct btf_type *types_resolve(const struct types *types, uint32_t id, struct str *ret_name);

/* The type that the member `name` of a map's definition points to, or 0. */
uint32_t types_map_member(const struct types *types, const char *map, const char *name);

/*
 * The decoder that fits a type: "uint", "string", ... The name is NULL for one that means nothing
 * else than bytes. For an enum: "enum:NAME".
 */
struct str types_decoder(const struct types *types, uint32_t id, struct arena *arena);

/*
 * "map:0=read,1=write" of an enum's constants, without what nearly all of their names begin with,
 * in lower case, or `whole`: the running kernel's enum of that name, else the object's. Empty:
 * there is none.
 */
struct str types_enum(const struct types *types, struct str name, bool whole, struct arena *arena);

struct str types_name(const struct types *types, uint32_t offset);
