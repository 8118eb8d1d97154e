/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading objects into the kernel and pinning what readers need. Runs once, at boot or when the
 * agent starts, in a process of its own: libbpf keeps megabytes of the kernel's type information.
 */
#pragma once

#include "bpf/settings.h"
#include "bpf/spec.h"

/* How one object fared. */
struct load_result {
	struct str object;
	bool kept;      /* it was loaded already and nothing has changed */
	bool loaded;    /* programs run now, all or some of them */
	struct str why; /* why not; or why some of its programs do not */
};

struct load_report {
	size_t n;
	struct load_result *results; /* by name */
};

/*
 * Makes what is pinned below conf->pins equal to what is configured: loads what is new, replaces
 * what has changed (with its maps, so that counters go on), removes what is not wanted. Each object
 * succeeds or fails alone. 0, or -errno with ret_why when nothing at all could be done (no
 * capability, no BPF file system, built without BPF).
 */
int bpf_load(const struct ebpf_conf *conf, struct arena *arena, struct load_report *ret,
	     struct str *ret_why);

/*
 * Detaches and removes everything below conf->pins, and the file system if bpf_mount() made it.
 * 0 or -errno; ret_n: objects removed.
 */
int bpf_unload(const struct ebpf_conf *conf, struct arena *arena, size_t *ret_n,
	       struct str *ret_why);

/*
 * Mounts a BPF file system of our own at conf->pins unless one is there: 0750, of the group
 * peekpush where there is one. 0 or -errno.
 */
int bpf_mount(const struct ebpf_conf *conf, struct arena *arena, struct str *ret_why);
int bpf_unmount(const struct ebpf_conf *conf, struct arena *arena);

/* Puts every object that is configured, with its bytes, into the arena: built-in, then the user's.
 */
struct load_object {
	struct str name, file, bytes, sidecar; /* sidecar: text of OBJECT.conf, or empty */
	struct str why;                        /* why it cannot even be read */
	bool builtin;
};
int bpf_wanted(const struct ebpf_conf *conf, struct arena *arena, struct load_object **ret,
	       size_t *ret_n, struct str *ret_why);
