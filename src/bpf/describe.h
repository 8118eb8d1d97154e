/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an object's BTF, its declaration tags and its sidecar to a spec: which maps are metrics, and
 * what the bytes of their keys and values mean. Constants of enums are taken from the running
 * kernel's BTF where it has the enum, so that their names are never stale.
 */
#pragma once

#include "bpf/library.h"
#include "bpf/spec.h"

struct sidecar_map {
	struct str map;
	size_t n;
	struct str *tags; /* "help:...", "label:...": as they would stand in the object */
};

struct sidecar {
	size_t n;
	struct sidecar_map *maps;
};

/*
 * The text of `file`, OBJECT.conf, for an object that is opened. 0, or -EINVAL with ret_why naming
 * file and line.
 */
int sidecar_parse(const struct libbpf *lib, struct bpf_object *object, struct str text,
		  struct str file, struct arena *arena, struct sidecar *ret, struct str *ret_why);

/*
 * Fills ret's maps, metrics and programs (names, hooks, refresh) from an object that is opened and
 * not yet loaded; `kernel` is the running one's BTF or NULL. Slices are copied into the arena.
 * 0, or -EINVAL with ret_why naming the map.
 */
int describe(const struct libbpf *lib, struct bpf_object *object, const struct btf *kernel,
	     const struct sidecar *sidecar, struct arena *arena, struct spec *ret,
	     struct str *ret_why);

/* What a map is tagged with behind `prefix` ("perf:"), in the sidecar or the object, or empty. */
struct str describe_map_tag(const struct libbpf *lib, const struct btf *btf,
			    const struct sidecar *sidecar, const char *map, struct str prefix);

/* What a function of the object is tagged with behind `prefix` ("fallback:"), or empty. */
struct str describe_function_tag(const struct libbpf *lib, const struct btf *btf,
				 const char *function, struct str prefix);
