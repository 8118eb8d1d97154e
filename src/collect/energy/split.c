/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/energy/split.h"

typedef unsigned __int128 wide;

uint64_t split_scale(uint64_t a, uint64_t b, uint64_t c)
{
	/* The usual case, a hundred times faster. */
	if (a <= UINT32_MAX && b <= UINT32_MAX)
		return a * b / c;

	wide result = (wide)a * b / c;

	return result > UINT64_MAX ? UINT64_MAX : (uint64_t)result;
}

uint64_t split_uj(uint64_t uw, int64_t ns)
{
	return ns > 0 ? split_scale(uw, (uint64_t)ns, 1000000000) : 0;
}

void split_whole(uint64_t whole, size_t n, const uint64_t *weights, uint64_t total_weight,
		 uint64_t *ret_parts, uint64_t *ret_rest)
{
	wide sum = 0, total;
	uint64_t rest_weight, left = whole;
	size_t largest = n;

	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	total = sum > total_weight ? sum : total_weight;
	rest_weight = (uint64_t)(total - sum);
	*ret_rest = total && rest_weight ? (uint64_t)((wide)whole * rest_weight / total) : 0;
	left -= *ret_rest;
	for (size_t i = 0; i < n; i++) {
		ret_parts[i] = 0;
		if (!weights[i])
			continue;
		ret_parts[i] = (uint64_t)((wide)whole * weights[i] / total);
		left -= ret_parts[i];
		if (weights[i] > (largest < n ? weights[largest] : rest_weight))
			largest = i;
	}
	*(largest < n ? &ret_parts[largest] : ret_rest) += left;
}

void split_energy(struct split *split, struct arena *arena)
{
	size_t n = split->n, d = split->n_domains;

	split->idle_uj = arena_alloc(arena, (d + 1) * sizeof(*split->idle_uj));
	split->nobody_uj = arena_alloc(arena, (d + 1) * sizeof(*split->nobody_uj));
	split->owned_uj = arena_alloc(arena, (d * n + 1) * sizeof(*split->owned_uj));
	for (size_t i = 0; i < d; i++) {
		const struct split_domain *domain = &split->domains[i];
		uint64_t idle_uj = split_uj(domain->idle_uw, domain->elapsed_ns);

		if (idle_uj > domain->energy_uj)
			idle_uj = domain->energy_uj;
		split->idle_uj[i] = idle_uj;
		split_whole(domain->energy_uj - idle_uj, n, &split->weights[i * n], domain->busy,
			    &split->owned_uj[i * n], &split->nobody_uj[i]);
	}
}
