/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of all energy sources. What there is is looked for when the class directories list
 * other names than before; else only values are read, one after the other, each with its time.
 */
#include "host/energy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "host/energy_internal.h"

const char *energy_kind_name(enum energy_kind kind)
{
	static const char *const names[ENERGY_KINDS] = {
		[ENERGY_RAPL] = "rapl", [ENERGY_PERF] = "perf",       [ENERGY_HWMON] = "hwmon",
		[ENERGY_ACPI] = "acpi", [ENERGY_BATTERY] = "battery", [ENERGY_GPU] = "gpu",
	};

	return names[kind];
}

const char *energy_domain_name(enum energy_domain domain)
{
	static const char *const names[DOMAINS] = {
		[DOMAIN_PACKAGE] = "package", [DOMAIN_CORE] = "core",   [DOMAIN_UNCORE] = "uncore",
		[DOMAIN_DRAM] = "dram",       [DOMAIN_PSYS] = "psys",   [DOMAIN_GPU] = "gpu",
		[DOMAIN_MACHINE] = "machine", [DOMAIN_OTHER] = "other",
	};

	return names[domain];
}

const char *energy_error(int r)
{
	switch (-r) {
	case EACCES:
	case EPERM:
		return "permission denied";
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "it is gone";
	case ENODATA:
		return "it has no value now";
	case EAGAIN:
	case EBUSY:
		return "it is busy";
	case EINVAL:
		return "its value is no number";
	case ERANGE:
	case EOVERFLOW:
		return "its value is too large";
	case EIO:
		return "its driver cannot read it";
	default:
		return "it cannot be read";
	}
}

void energy_add(struct energy_scan *scan, const struct energy_source *source,
		const struct energy_reader *reader)
{
	if (scan->n == ENERGY_SOURCES_MAX)
		return;
	scan->v = arena_grow(scan->scratch, scan->v, scan->n, sizeof(*scan->v));
	scan->v[scan->n++] = (struct energy_found){ *source, *reader };
}

int energy_keep_dir(struct energy_scan *scan, int dir)
{
	struct energy_readers *readers = scan->readers;

	if (dir >= 0 && readers->n_dirs < ENERGY_DIRS_MAX) {
		readers->dirs[readers->n_dirs++] = dir;
		return dir;
	}
	if (dir >= 0)
		(void)close(dir);
	return -1;
}

static void forget(struct energy_sources *sources)
{
	struct energy_readers *readers = sources->readers;

	for (size_t i = 0; i < sources->n; i++)
		attr_close(&readers->pool, &readers->v[i].file);
	for (size_t i = 0; i < readers->n_dirs; i++)
		(void)close(readers->dirs[i]);
	readers->n_dirs = 0;
	readers->v = NULL;
	readers->found = false;
	sources->n = 0;
	sources->v = NULL;
	arena_reset(&sources->arena);
}

static int by_id(const void *a, const void *b)
{
	const struct energy_found *x = a, *y = b;

	return str_cmp(x->source.id, y->source.id);
}

/* The first processor's entry is enough; the whole file of a large host takes milliseconds. */
bool energy_cpu_has(const struct host *host, struct str field, struct str wanted)
{
	char text[4096];
	_cleanup_fd_ int fd = host->dir[HOST_PROC] < 0 ? -1
						       : openat(host->dir[HOST_PROC], "cpuinfo",
								O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	struct str rest = { text, n < 0 ? 0 : (size_t)n }, line, word;

	while (str_line(&rest, &line)) {
		if (!str_word(&line, &word) || !str_eq(word, field))
			continue;
		while (str_word(&line, &word))
			if (str_eq(word, wanted))
				return true;
		return false;
	}
	return false;
}

static const char *why_none(const struct host *host)
{
	if (energy_cpu_has(host, STR("flags"), STR("hypervisor")))
		return "a virtual machine, to which its host shows no energy counter and no sensor";
	return "neither powercap nor another counter or sensor of energy is there";
}

static void find(struct energy_sources *sources, struct host *host, struct arena *scratch)
{
	struct energy_readers *readers = sources->readers;
	struct energy_scan scan = {
		.host = host,
		.arena = &sources->arena,
		.scratch = scratch,
		.readers = readers,
	};

	forget(sources);
	attr_pool_allow(&readers->pool, host, ENERGY_SOURCES_MAX);
	energy_find_rapl(&scan);
	energy_find_perf(&scan);
	energy_find_hwmon(&scan);
	energy_find_batteries(&scan);
	energy_find_gpus(&scan);
	if (scan.n)
		qsort(scan.v, scan.n, sizeof(*scan.v), by_id);
	sources->v = arena_zalloc(&sources->arena, scan.n, sizeof(*sources->v));
	readers->v = arena_zalloc(&sources->arena, scan.n, sizeof(*readers->v));
	for (size_t i = 0; i < scan.n; i++) {
		/* Two that nothing tells apart cannot be told apart tomorrow. */
		if (i && str_eq(scan.v[i].source.id, scan.v[i - 1].source.id))
			continue;
		sources->v[sources->n] = scan.v[i].source;
		readers->v[sources->n++] = scan.v[i].reader;
	}
	sources->none = sources->n ? NULL : why_none(host);
	readers->level = LEVEL_NONE;
	readers->found = true;
	readers->stale = false;
}

/* Hashes names, so that a directory which is not there differs from an empty one. */
static uint64_t listing(const struct host *host, const char *path, struct arena *scratch)
{
	struct str *names;
	size_t n;
	uint64_t hash;

	if (host_list(host, HOST_SYS, path, scratch, &names, &n) < 0)
		return 0;
	hash = n + 1;
	for (size_t i = 0; i < n; i++)
		hash = hash * 31 + str_hash(names[i]);
	return hash;
}

static uint64_t what_is_there(struct energy_readers *readers, struct host *host,
			      struct arena *scratch)
{
	uint64_t hash = energy_ask_gpus(readers, host);

	/* The zones' own listing is part of the round. */
	(void)rapl_find(host, &readers->rapl, scratch);
	hash = hash * 31 + readers->rapl.round;
	hash = hash * 31 + listing(host, "class/hwmon", scratch);
	return hash * 31 + listing(host, "class/power_supply", scratch);
}

static void read_all(struct energy_sources *sources)
{
	struct energy_readers *readers = sources->readers;
	int64_t before = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < sources->n; i++) {
		struct energy_source *source = &sources->v[i];

		source->reason = NULL;
		source->at_ns = 0;
		source->error = readers->v[i].read(readers, &readers->v[i], source);
		/* So that sums of them have room. */
		if (!source->error && source->value > INT64_MAX)
			source->error = -ERANGE;
		if (source->error)
			source->value = 0;
		/* Zones look after their files themselves. */
		if ((source->error == -ENODEV || source->error == -ENOENT) && !readers->v[i].zone)
			readers->stale = true;

		int64_t after = clock_ns(CLOCK_MONOTONIC);

		if (!source->at_ns)
			source->at_ns = before + (after - before) / 2;
		before = after;
	}
}

int energy_read(struct host *host, struct energy_sources *sources, struct arena *scratch)
{
	struct energy_readers *readers = sources->readers;

	if (!readers)
		readers = sources->readers = calloc(1, sizeof(*readers));
	if (!readers)
		return -ENOMEM;

	uint64_t there = what_is_there(readers, host, scratch);

	if (!readers->found || readers->stale || readers->seen != there) {
		readers->seen = there;
		find(sources, host, scratch);
	}
	read_all(sources);
	readers->level = energy_choose(readers->level, sources->n, sources->v, readers->v);
	return 0;
}

void energy_choose_again(struct energy_sources *sources)
{
	struct energy_readers *readers = sources->readers;

	for (size_t i = 0; i < sources->n; i++)
		if (!sources->v[i].error)
			sources->v[i].reason = NULL;
	readers->level = energy_choose(LEVEL_NONE, sources->n, sources->v, readers->v);
}

void energy_release(struct energy_sources *sources)
{
	struct energy_readers *readers = sources->readers;

	if (readers) {
		forget(sources);
		energy_close_perf(readers);
		rapl_release(&readers->rapl);
	}
	free(readers);
	arena_release(&sources->arena);
	*sources = (struct energy_sources){ 0 };
}
