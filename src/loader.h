/* SPDX-License-Identifier: Apache-2.0 */
/* Who loads BPF programs, and with what rights: `bpf load`, and the agent when it starts. */
#pragma once

#include "app.h"
#include "bpf/load.h"

/*
 * Mounts what has to be, loads, leaves word of what is not loaded, and gives every capability up.
 * 0, or -errno with ret_why.
 */
int loader_load(const struct ebpf_conf *conf, struct arena *arena, struct load_report *ret,
		struct str *ret_why);

/* Removes what is loaded, and the word about it. 0 or -errno; ret_n: objects. */
int loader_unload(const struct ebpf_conf *conf, struct arena *arena, size_t *ret_n,
		  struct str *ret_why);

/*
 * The agent's: loads in a child, so that the agent never holds what loading takes, and gives up
 * what only loading needs. Where it may not, it says so if something is not loaded.
 */
void loader_start(struct app *app);

/* Why `object` was not loaded when that was tried last; empty when nothing is known. */
struct str loader_why(const struct ebpf_conf *conf, struct str object, struct arena *arena);
