/* SPDX-License-Identifier: Apache-2.0 */
#include "job/book.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "base/owned.h"
#include "job/energy_facts.h"
#include "job/inside.h"
#include "job/job.h"
#include "job/typical.h"

enum { KEY_SIZE = 128 };

static const struct str last = { "last.", 5 }, settled = { "settled.", 8 };

struct str fact(const struct state *state, struct str prefix, const char *key)
{
	char full[KEY_SIZE];
	int n = snprintf(full, sizeof(full), "%.*s%s", STR_ARG(prefix), key);

	return state_get(state, (struct str){ full, (size_t)n });
}

uint64_t fact_u64(const struct state *state, struct str prefix, const char *key, uint64_t fallback)
{
	uint64_t value;

	return num_u64(fact(state, prefix, key), &value) == 0 ? value : fallback;
}

struct str book_boot_id(struct arena *arena)
{
	struct str text = { 0 };

	(void)file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, arena, &text);
	return str_trim(text);
}

bool book_newer(const struct state *a, struct str a_prefix, const struct state *b,
		struct str b_prefix)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str boot = book_boot_id(&arena);
	struct str a_boot = fact(a, a_prefix, "boot"), b_boot = fact(b, b_prefix, "boot");

	if (str_eq(a_boot, b_boot))
		return fact_u64(a, a_prefix, "order", 0) > fact_u64(b, b_prefix, "order", 0);
	if (str_eq(a_boot, boot) || str_eq(b_boot, boot))
		return str_eq(a_boot, boot);
	return fact_u64(a, a_prefix, "start", 0) > fact_u64(b, b_prefix, "start", 0);
}

static void count_duration(struct book *book, uint64_t duration)
{
	uint64_t best = UINT64_MAX;
	char key[KEY_SIZE];
	int n;

	for (size_t i = 0; i < book->conf->duration_buckets.n; i++) {
		int64_t bound;

		if (num_duration(book->conf->duration_buckets.v[i], &bound) == 0 &&
		    (uint64_t)bound >= duration && (uint64_t)bound < best)
			best = (uint64_t)bound;
	}
	n = snprintf(key, sizeof(key), "le.%llu", (unsigned long long)best);
	(void)state_add(&book->history, (struct str){ key, (size_t)n }, 1);
	(void)state_add(&book->history, STR("sum"), duration);
}

struct copying {
	struct state *to;
	struct str add, skip;
};

static void copy_fact(void *arg, struct str key, struct str value)
{
	const struct copying *c = arg;
	_cleanup_arena_ struct arena arena = { 0 };

	state_set(c->to, ARENA_CONCAT(&arena, c->add, str_skip(key, c->skip.n)), value);
}

struct gathering {
	struct arena *arena;
	struct opt_list keys;
};

static void gather_key(void *arg, struct str key, struct str value)
{
	struct gathering *g = arg;

	(void)value;
	g->keys.v = arena_grow(g->arena, g->keys.v, g->keys.n, sizeof(key));
	g->keys.v[g->keys.n++] = arena_str(g->arena, key);
}

static struct opt_list keys_of(struct state *state, struct str prefix, struct arena *arena)
{
	struct gathering g = { .arena = arena };

	state_each(state, prefix, gather_key, &g);
	return g.keys;
}

/*
 * The newest start is what the gauges tell of, also when an older run ends after it. False when
 * this is such an older one.
 */
static bool take_last(struct book *book, const struct state *facts, struct str result)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct copying copying = { &book->history, last, STR("") };
	struct opt_list old;

	if (fact(&book->history, last, "result").n &&
	    book_newer(&book->history, last, facts, STR("")))
		return false;
	old = keys_of(&book->history, last, &arena);
	for (size_t i = 0; i < old.n; i++)
		state_unset(&book->history, old.v[i]);
	state_each(facts, STR(""), copy_fact, &copying);
	/* Nobody could write it into the record of a run that was lost. */
	state_set(&book->history, STR("last.result"), result);
	return true;
}

/* The one that began first of all that are remembered; a history may be older than this key. */
static void remember_first(struct book *book, const struct state *facts)
{
	uint64_t start = state_u64(facts, STR("start"), UINT64_MAX);
	uint64_t known = state_u64(&book->history, STR("last.start"), UINT64_MAX);

	known = state_u64(&book->history, STR("first.start"), known);
	if (start < known)
		known = start;
	if (known != UINT64_MAX)
		state_set_u64(&book->history, STR("first.start"), known);
}

static void remember_end(struct book *book, const char *kind, uint64_t end, uint64_t duration)
{
	char key[KEY_SIZE];
	int n = snprintf(key, sizeof(key), "%s.end", kind);

	if (state_u64(&book->history, (struct str){ key, (size_t)n }, 0) > end)
		return;
	state_set_u64(&book->history, (struct str){ key, (size_t)n }, end);
	n = snprintf(key, sizeof(key), "%s.duration", kind);
	state_set_u64(&book->history, (struct str){ key, (size_t)n }, duration);
}

static void settle(struct book *book, const struct state *facts, struct str result, struct str name)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str mark = ARENA_CONCAT(&arena, settled, name);
	bool lost = str_eq(result, STR("lost")), skipped = str_eq(result, STR("skipped"));
	uint64_t end = state_u64(facts, STR("end"), 0);
	uint64_t duration = state_u64(facts, STR("duration"), 0), slot = 0;
	bool success = str_eq(result, STR("success"));

	if (state_get(&book->history, mark).n)
		return;
	(void)state_add(&book->history, ARENA_CONCAT(&arena, STR("runs."), result), 1);
	(void)state_add(&book->history, STR("retries"), state_u64(facts, STR("retries"), 0));
	job_energy_settle(&book->history, facts);
	if (!lost && !skipped)
		count_duration(book, duration);
	remember_first(book, facts);
	if (success)
		typical_settle(&book->history, facts, &slot);
	if (!skipped && take_last(book, facts, result) && success)
		state_set_u64(&book->history, STR("last.recent"), slot);
	if (!lost && !skipped)
		remember_end(book, success ? "success" : "failure", end, duration);
	if (name.n)
		state_set_u64(&book->history, mark, 1);
	book->pending = true;
}

static void done_with(struct book *book, const char *name)
{
	struct opt_list *done = &book->done;

	done->v = arena_grow(&book->arena, done->v, done->n, sizeof(*done->v));
	done->v[done->n++] = arena_str(&book->arena, str_of(name));
}

void book_settle(struct book *book, const struct record *record)
{
	settle(book, &record->facts, state_get(&record->facts, STR("result")),
	       str_of(record->name));
	if (record->dir >= 0)
		done_with(book, record->name);
}

uint64_t book_process_start(pid_t pid)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str path = arena_printf(&arena, "/proc/%ld/stat", (long)pid), text, word = { 0 };
	const char *paren;
	uint64_t start;

	if (file_read(AT_FDCWD, path.p, 65536, &arena, &text) < 0)
		return 0;
	/* The name before it may itself hold blanks and parentheses. */
	paren = memrchr(text.p, ')', text.n);
	if (!paren)
		return 0;
	text = str_between(paren + 1, text.p + text.n);
	for (int field = 3; field <= 22 && str_word(&text, &word); field++)
		if (field == 3 && (word.p[0] == 'Z' || word.p[0] == 'X'))
			return 0;
	return num_u64(word, &start) == 0 ? start : 0;
}

/* Its watcher is gone, but CMD itself may well go on. */
static bool command_lives(struct book *book, const struct state *facts)
{
	uint64_t pid = state_u64(facts, STR("pid"), 0), start;

	if (!pid || !str_eq(state_get(facts, STR("boot")), book_boot_id(&book->arena)))
		return false;
	start = book_process_start((pid_t)pid);
	return start && start == state_u64(facts, STR("pid_start"), 0);
}

static void count_live(struct book *book, struct record *record)
{
	book->live++;
	if (book->live > 1 && !book_newer(&record->facts, STR(""), &book->newest, STR("")))
		return;
	state_release(&book->newest);
	book->newest = record->facts;
	record->facts = (struct state){ 0 };
}

static void look_at(struct book *book, const char *name)
{
	struct record record;
	struct stat st;
	int r = record_take(&record, book->dir, name);

	if (r < 0 && r != -EWOULDBLOCK) {
		record_sweep(book->dir, name);
		return;
	}

	struct str result = state_get(&record.facts, STR("result"));

	if (r == -EWOULDBLOCK ? !result.n : !result.n && command_lives(book, &record.facts)) {
		count_live(book, &record);
	} else if (r == 0) {
		settle(book, &record.facts, result.n ? result : STR("lost"), str_of(name));
		if (fstat(record.lock, &st) == 0)
			inside_remove(state_get(&record.facts, STR("inside_dir")), st.st_uid);
		done_with(book, name);
	}
	record_close(&record);
}

/* Marks whose record is gone have done their duty. */
static void sweep_marks(struct book *book)
{
	struct opt_list marks = keys_of(&book->history, settled, &book->arena);

	for (size_t i = 0; i < marks.n; i++) {
		struct str slot =
			ARENA_CONCAT(&book->arena, str_skip(marks.v[i], settled.n), STR(".0"));

		if (faccessat(book->dir, slot.p, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			state_unset(&book->history, marks.v[i]);
	}
}

static void look_at_runs(struct book *book, struct str own)
{
	int fd = openat(book->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct opt_list names = { 0 };

	if (!dir && fd >= 0)
		(void)close(fd);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		struct str name = str_of(e->d_name);

		if (!str_starts(name, str_of(book->prefix)) || !str_ends(name, STR(".run.0")) ||
		    name.n - 2 >= RECORD_NAME_SIZE ||
		    str_eq((struct str){ name.p, name.n - 2 }, own))
			continue;
		names.v = arena_grow(&book->arena, names.v, names.n, sizeof(name));
		names.v[names.n++] = arena_str(&book->arena, (struct str){ name.p, name.n - 2 });
	}
	for (size_t i = 0; i < names.n; i++)
		look_at(book, names.v[i].p);
}

static void file_of(const struct book *book, const char *suffix, char ret[BOOK_NAME_SIZE])
{
	(void)snprintf(ret, BOOK_NAME_SIZE, "%s%s", book->prefix, suffix);
}

int book_open(struct book *book, int dir, uint64_t group, const struct record *own,
	      const struct job_conf *conf, int64_t wait_ns)
{
	char name[BOOK_NAME_SIZE];
	int r;

	*book = (struct book){ .dir = dir, .lock = -1, .conf = conf };
	record_prefix(group, book->prefix);
	file_of(book, ".state", book->name);
	if (dir < 0)
		return 0;
	file_of(book, ".lock", name);
	book->lock = file_lock(dir, name, wait_ns);
	/* A disk without room for a lock file is no reason to say nothing. */
	if (book->lock == -EWOULDBLOCK)
		return book->lock;
	r = state_load(&book->history, dir, book->name);
	if (r < 0 && r != -EBADMSG)
		return r;
	book->damaged = r == -EBADMSG;
	file_of(book, ".pending", name);
	book->pending = faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	sweep_marks(book);
	look_at_runs(book, own ? str_of(own->name) : STR(""));
	return 0;
}

/* The group whose name begins like this, unless something of it waits. */
static void forget_group(const struct book *book, struct str prefix)
{
	static const char *const suffixes[] = { ".state.0", ".state.1", ".lock", ".only" };
	_cleanup_arena_ struct arena arena = { 0 };
	struct str name = ARENA_CONCAT(&arena, prefix, STR(".pending"));

	if (faccessat(book->dir, name.p, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		name = ARENA_CONCAT(&arena, prefix, str_of(suffixes[i]));
		(void)unlinkat(book->dir, name.p, 0);
	}
}

/* Before a new job is remembered: job names that never come again must not fill the disk. */
static void make_room(const struct book *book)
{
	int fd = openat(book->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char oldest[24] = "";
	time_t oldest_time = 0;
	int64_t n = 0;

	if (!dir && fd >= 0)
		(void)close(fd);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		struct stat st;

		if (strlen(e->d_name) != 24 || !str_ends(str_of(e->d_name), STR(".state.1")) ||
		    fstatat(book->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		n++;
		if (oldest[0] && st.st_mtime >= oldest_time)
			continue;
		oldest_time = st.st_mtime;
		(void)snprintf(oldest, sizeof(oldest), "%.16s", e->d_name);
	}
	if (n >= book->conf->remember)
		forget_group(book, str_of(oldest));
}

int book_save(struct book *book)
{
	char name[BOOK_NAME_SIZE];
	int r, fd;

	if (book->dir < 0)
		return 0;
	if (book->history.fresh)
		make_room(book);
	if (book->pending) {
		file_of(book, ".pending", name);
		fd = owned_open(book->dir, name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			return fd;
		(void)close(fd);
	}
	r = state_save(&book->history, book->dir, book->name, book->done.n > 0);
	for (size_t i = 0; r == 0 && i < book->done.n; i++)
		record_remove(book->dir, book->done.v[i].p);
	if (r == 0)
		book->done.n = 0;
	return r;
}

void book_delivered(struct book *book)
{
	char name[BOOK_NAME_SIZE];

	book->pending = false;
	if (book->dir < 0)
		return;
	file_of(book, ".pending", name);
	(void)unlinkat(book->dir, name, 0);
}

void book_close(struct book *book)
{
	if (book->lock >= 0)
		(void)close(book->lock);
	state_release(&book->history);
	state_release(&book->newest);
	arena_release(&book->arena);
	*book = (struct book){ .dir = -1, .lock = -1 };
}
