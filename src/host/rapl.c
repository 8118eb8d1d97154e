/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a zone costs more than reading it: its files are opened once and read by pread(). */
#include "host/rapl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

static int compare_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static uint64_t hash_names(const struct str *names, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++)
		hash = hash * 31 + str_hash(names[i]);
	return hash;
}

/* What firmware says of power, as far as it can be: three times the first, which is sustained. */
static uint64_t most_power(int dir)
{
	static const char *const limits[] = {
		"constraint_0_power_limit_uw",
		"constraint_1_power_limit_uw",
	};
	uint64_t sustained, limit, most;

	if (host_attr_u64(dir, "constraint_0_max_power_uw", &sustained) < 0 ||
	    sustained < RAPL_POWER_LEAST_UW || sustained > RAPL_POWER_MOST_UW)
		return 0;
	most = sustained;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (host_attr_u64(dir, limits[i], &limit) == 0 && limit > most)
			most = limit < 3 * sustained ? limit : 3 * sustained;
	return most;
}

static bool open_zone(int class_dir, struct str name, struct arena *arena, struct rapl_zone *ret)
{
	_cleanup_fd_ int dir = openat(class_dir, name.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rapl_zone zone = { .dir = arena_str(arena, name) };

	if (dir < 0 || host_attr(dir, "name", arena, &zone.name) < 0 || !zone.name.n)
		return false;
	zone.fd = openat(dir, "energy_uj", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	zone.open_error = zone.fd < 0 ? -errno : 0;
	/* One that only limits power (dtpm's) has neither of the two. */
	if (host_attr_u64(dir, "max_energy_range_uj", &zone.max_uj) < 0 &&
	    zone.open_error == -ENOENT)
		return false;
	zone.max_uw = most_power(dir);
	*ret = zone;
	return true;
}

/*
 * A file that could not be opened may be readable by now, or belong to a driver that is back.
 * False when all has to be looked for anew.
 */
static bool open_rest(struct rapl *rapl, int class_dir, struct arena *scratch)
{
	for (size_t i = 0; i < rapl->n; i++) {
		struct rapl_zone *zone = &rapl->zones[i], now;

		if (zone->fd >= 0)
			continue;
		if (!open_zone(class_dir, zone->dir, scratch, &now))
			return false;
		if (now.fd >= 0 || now.max_uj != zone->max_uj || !str_eq(now.name, zone->name)) {
			if (now.fd >= 0)
				(void)close(now.fd);
			return false;
		}
		zone->open_error = now.open_error;
	}
	return true;
}

int rapl_find(struct host *host, struct rapl *rapl, struct arena *scratch)
{
	_cleanup_fd_ int class_dir = host_open_dir(host, HOST_SYS, "class/powercap");
	struct str *names;
	size_t n;
	int r = class_dir < 0 ? class_dir : host_list_dir(class_dir, scratch, &names, &n);

	if (r < 0) {
		rapl_release(rapl);
		return r;
	}
	if (n > RAPL_ZONES_MAX)
		n = RAPL_ZONES_MAX;

	uint64_t listing = hash_names(names, n);

	if (rapl->zones && rapl->listing == listing && open_rest(rapl, class_dir, scratch))
		return 0;

	uint64_t round = rapl->round + 1;

	rapl_release(rapl);
	rapl->round = round;
	if (n)
		qsort(names, n, sizeof(*names), compare_bytes);
	rapl->zones = arena_zalloc(&rapl->arena, n, sizeof(*rapl->zones));
	rapl->listing = listing;
	for (size_t i = 0; i < n; i++)
		if (open_zone(class_dir, names[i], &rapl->arena, &rapl->zones[rapl->n]))
			rapl->n++;
	return 0;
}

int rapl_read(struct rapl_zone *zone, uint64_t *ret_uj)
{
	char text[NUM_TEXT_MAX];

	if (zone->fd < 0)
		return zone->open_error;

	ssize_t n = pread(zone->fd, text, sizeof(text), 0);

	/* What fills the buffer may go on behind it: that is no number. */
	if (n == sizeof(text))
		return -EINVAL;
	if (n >= 0)
		return num_u64(str_trim((struct str){ text, (size_t)n }), ret_uj);

	int r = -errno;

	if (r == -ENODEV) { /* the driver has left; what it left open is of no more use */
		(void)close(zone->fd);
		zone->fd = -1;
		zone->open_error = r;
	}
	return r;
}

void rapl_release(struct rapl *rapl)
{
	for (size_t i = 0; i < rapl->n; i++)
		if (rapl->zones[i].fd >= 0)
			(void)close(rapl->zones[i].fd);
	arena_release(&rapl->arena);
	*rapl = (struct rapl){ .round = rapl->round + (rapl->zones != NULL) };
}
