/* SPDX-License-Identifier: Apache-2.0 */
#include "job/pids.h"

#include <stdlib.h>

void pids_add(struct pids *pids, pid_t pid, struct arena *arena)
{
	if (pids->n == pids->cap) {
		size_t cap = pids->cap ? pids->cap * 2 : 64;

		pids->v = arena_resize(arena, pids->v, pids->cap * sizeof(pid_t),
				       cap * sizeof(pid_t));
		pids->cap = cap;
	}
	pids->v[pids->n++] = pid;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void pids_sort(struct pids *pids)
{
	size_t kept = 0;

	if (pids->n)
		qsort(pids->v, pids->n, sizeof(pid_t), by_number);
	for (size_t i = 0; i < pids->n; i++)
		if (kept == 0 || pids->v[i] != pids->v[kept - 1])
			pids->v[kept++] = pids->v[i];
	pids->n = kept;
}

bool pids_have(const struct pids *sorted, pid_t pid)
{
	return sorted->n && bsearch(&pid, sorted->v, sorted->n, sizeof(pid), by_number);
}
