/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the loader share. */
#pragma once

#include "bpf/describe.h"
#include "bpf/load.h"
#include "bpf/pins.h"

struct loader {
	struct libbpf lib;
	struct btf *kernel; /* NULL: it has none */
	struct pins pins;
	struct arena *arena;
};

/* One object on its way into the kernel. */
struct candidate {
	const struct load_object *wanted;
	struct sidecar sidecar;
	struct spec spec;
	struct str why; /* refused before anything was tried */
	bool kept;      /* pinned already, as it is */
};

/*
 * Loads it, takes over the maps of what is pinned of it now, attaches and pins. 0 when at least one
 * program runs; ret_why then tells of the others. -errno with ret_why when none does.
 */
int load_candidate(struct loader *l, struct candidate *c, struct str *ret_why);

/* Opens the object's bytes; NULL with errno. The caller closes it. */
struct bpf_object *load_open(const struct loader *l, const struct load_object *wanted);

/*
 * Attaches a loaded program by its hook and pins the links. 0, or -errno with ret_why. libbpf's
 * sections, and two of ebpf_exporter's: perf_event/type=T,config=C,frequency=F and xdp/INTERFACE.
 */
int attach_program(struct loader *l, struct bpf_program *program, struct str *ret_why);

/*
 * Opens a counting event, "hardware:cache-misses", on every CPU into the slots of a map.
 * 0, or -errno with ret_why where there is no such event.
 */
int attach_events(struct loader *l, struct bpf_map *map, struct str event, struct str *ret_why);

/* The text of a pinned object's "meta", or empty. */
struct str load_meta(const struct loader *l, struct str dir);

/* What an errno of the kernel's, and the verifier's words where it has some, mean to a person. */
struct str load_why(struct loader *l, int error, struct str log);
