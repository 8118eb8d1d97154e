/* SPDX-License-Identifier: Apache-2.0 */
/* A list of process numbers that grows in an arena. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"

struct pids {
	pid_t *v;
	size_t n, cap;
};

void pids_add(struct pids *pids, pid_t pid, struct arena *arena);
/* Puts them in order, each once. */
void pids_sort(struct pids *pids);
/* Of a sorted list. */
bool pids_have(const struct pids *sorted, pid_t pid);
