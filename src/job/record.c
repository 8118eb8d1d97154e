/* SPDX-License-Identifier: Apache-2.0 */
#include "job/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/owned.h"

/*
 * Somebody who looks at a new record may hold its lock for a moment. Who held it on purpose would
 * keep every command from its start: these are milliseconds, and then it goes without a record.
 */
enum { YOUNG_SECONDS = 10, LOCK_TRIES = 500 };

int record_open_dir(int state_dir)
{
	return owned_open_dir(state_dir, "jobs", 0700);
}

void record_prefix(uint64_t group, char ret[24])
{
	(void)snprintf(ret, 24, "%016llx", (unsigned long long)group);
}

static void first_slot(const char *name, char ret[RECORD_NAME_SIZE + 2])
{
	(void)snprintf(ret, RECORD_NAME_SIZE + 2, "%s.0", name);
}

/* The lock stands on the first of the two files. */
static int take_lock(struct record *record, int flags, int tries)
{
	char slot[RECORD_NAME_SIZE + 2];
	int r;

	first_slot(record->name, slot);
	r = owned_open(record->dir, slot, flags | O_RDWR, 0600);
	record->lock = r < 0 ? -1 : r;
	if (r < 0)
		return r;
	while (flock(record->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		r = -errno;
		if (r == -EWOULDBLOCK && tries-- > 0) {
			(void)poll(NULL, 0, 1);
			continue;
		}
		(void)close(record->lock);
		record->lock = -1;
		return r;
	}
	return 0;
}

int record_create(struct record *record, int dir, uint64_t group)
{
	int r;

	*record = (struct record){ .dir = dir, .lock = -1 };
	record->facts.reserve = RECORD_ROOM;
	if (dir < 0)
		return dir;
	(void)snprintf(record->name, sizeof(record->name), "%016llx-%x-%llx.run",
		       (unsigned long long)group, (unsigned)getpid(),
		       (unsigned long long)clock_ns(CLOCK_BOOTTIME));
	r = take_lock(record, O_CREAT | O_EXCL, LOCK_TRIES);
	if (r < 0) {
		record->dir = -1;
		return r;
	}
	return 0;
}

int record_save(struct record *record, bool sync)
{
	int r;

	if (record->dir < 0)
		return -EROFS;
	r = state_save(&record->facts, record->dir, record->name, sync);
	if ((r == -ENOSPC || r == -EDQUOT) && state_get(&record->facts, STR("inside")).n) {
		state_unset(&record->facts, STR("inside"));
		r = state_save(&record->facts, record->dir, record->name, sync);
	}
	return r;
}

void record_close(struct record *record)
{
	if (record->lock >= 0)
		(void)close(record->lock);
	record->lock = -1;
	state_release(&record->facts);
}

int record_take(struct record *record, int dir, const char *name)
{
	int r, loaded;

	*record = (struct record){ .dir = dir, .lock = -1 };
	(void)snprintf(record->name, sizeof(record->name), "%s", name);
	r = take_lock(record, 0, 0);
	if (r < 0 && r != -EWOULDBLOCK)
		return r;
	loaded = state_load(&record->facts, dir, name);
	if (loaded == 0 && record->facts.fresh)
		loaded = -ENOENT;
	if (loaded < 0 && r == 0)
		record_close(record);
	return loaded < 0 && r == 0 ? loaded : r;
}

void record_remove(int dir, const char *name)
{
	char slot[RECORD_NAME_SIZE + 2];

	first_slot(name, slot);
	/* The one with the lock goes last: while it is there the record is. */
	slot[strlen(slot) - 1] = '1';
	(void)unlinkat(dir, slot, 0);
	slot[strlen(slot) - 1] = '0';
	(void)unlinkat(dir, slot, 0);
}

void record_sweep(int dir, const char *name)
{
	char slot[RECORD_NAME_SIZE + 2];
	struct stat st;

	first_slot(name, slot);
	if (fstatat(dir, slot, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtime < time(NULL) - YOUNG_SECONDS)
		record_remove(dir, name);
}
