/* SPDX-License-Identifier: Apache-2.0 */
/* fs/nfs/super.c, net/sunrpc/xprtsock.c, net/sunrpc/stats.c */
#include "host/mountstats.h"

#include "base/num.h"

static void take_numbers(struct nfs_numbers *ret, struct str line)
{
	while (ret->n < NFS_COLUMNS && num_take_u64(&line, &ret->v[ret->n]))
		ret->n++;
}

/* UDP has no connections: three columns less; RDMA has others than TCP after the tenth. */
static bool take_transport(struct nfs_numbers *ret, struct str line)
{
	*ret = (struct nfs_numbers){ 0 };
	if (!str_word(&line, &ret->name))
		return false;
	take_numbers(ret, line);
	if (str_eq(ret->name, STR("udp"))) {
		memmove(ret->v + 5, ret->v + 2, (NFS_TRANSPORT - 5) * sizeof(*ret->v));
		memset(ret->v + 2, 0, 3 * sizeof(*ret->v));
		ret->n += 3;
	} else if (str_eq(ret->name, STR("rdma"))) {
		memset(ret->v + 10, 0, 3 * sizeof(*ret->v));
	}
	if (ret->n < 10)
		return false;
	/* Version 1.0 of the statistics has no more; node_exporter says 0 of the rest. */
	ret->n = NFS_TRANSPORT;
	return true;
}

/* "READ: 1298 1298 0 ..." */
static bool take_operation(struct nfs_numbers *ret, struct str name, struct str line)
{
	*ret = (struct nfs_numbers){ .name = { name.p, name.n - 1 } };
	take_numbers(ret, line);
	return ret->n >= NFS_OPERATION;
}

static void take_line(struct nfs_mount *m, struct str line, struct arena *arena)
{
	struct nfs_numbers numbers = { 0 };
	struct str word;

	if (!str_word(&line, &word))
		return;
	if (str_eq(word, STR("age:"))) {
		take_numbers(&m->age, line);
	} else if (str_eq(word, STR("bytes:"))) {
		take_numbers(&m->bytes, line);
	} else if (str_eq(word, STR("events:"))) {
		take_numbers(&m->events, line);
	} else if (str_eq(word, STR("xprt:"))) {
		if (!take_transport(&numbers, line)) {
			m->short_line = true;
			return;
		}
		m->transports = arena_grow(arena, m->transports, m->n_transports, sizeof(numbers));
		m->transports[m->n_transports++] = numbers;
	} else if (m->operations && str_ends(word, STR(":"))) {
		if (!take_operation(&numbers, word, line)) {
			m->short_line = true;
			return;
		}
		m->operations = arena_grow(arena, m->operations, m->n_operations, sizeof(numbers));
		m->operations[m->n_operations++] = numbers;
	} else if (str_eq(word, STR("per-op"))) {
		m->operations = arena_grow(arena, NULL, 0, sizeof(numbers));
	}
}

/* "36 35 98:0 / /mnt rw,noatime master:1 - nfs4 server:/x rw,vers=4.2,addr=192.0.2.1" */
static struct str address_of(struct str line)
{
	struct str options = { 0 }, option;

	while (str_word(&line, &option))
		options = option;
	while (str_cut(&options, ',', &option))
		if (str_starts(option, STR("addr=")))
			return str_skip(option, 5);
	return STR("");
}

/* "device server:/x mounted on /mnt with fstype nfs4 statvers=1.1" */
static bool take_mount(struct nfs_mount *ret, struct str line)
{
	struct str w[9];

	for (size_t i = 0; i < sizeof(w) / sizeof(w[0]); i++)
		if (!str_word(&line, &w[i]))
			return false;
	if (!str_eq(w[7], STR("nfs")) && !str_eq(w[7], STR("nfs4")))
		return false;
	*ret = (struct nfs_mount){ .export = w[1], .point = w[4] };
	return true;
}

void mountstats_parse(struct str stats, struct str info, struct arena *arena,
		      struct nfs_mount **ret_mounts, size_t *ret_n)
{
	struct nfs_mount *all = NULL, one;
	struct str line, word, at = { 0 };
	bool inside = false;
	size_t n = 0;

	while (str_line(&stats, &line)) {
		struct str rest = line;
		bool blank = !str_word(&rest, &word);
		/* "no device mounted on / with fstype rootfs" */
		bool device = !blank && (str_eq(word, STR("device")) || str_eq(word, STR("no")));

		if (inside && (blank || device)) {
			all[n - 1] = one;
			inside = false;
		}
		if (device && !str_line(&info, &at))
			at = STR("");
		if (device && take_mount(&one, line)) {
			one.address = address_of(at);
			all = arena_grow(arena, all, n++, sizeof(*all));
			inside = true;
		} else if (inside) {
			take_line(&one, line, arena);
		}
	}
	if (inside)
		all[n - 1] = one;
	*ret_mounts = all;
	*ret_n = n;
}
