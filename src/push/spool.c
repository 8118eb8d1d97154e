/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry is HASH.push: a header of lines ("path /metrics/job/x"), an empty line, the body.
 * The header ends in the body's length, so that a cut file is known as such.
 */
#include "push/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/num.h"

enum { NAME_MAX_SIZE = 64, ENTRY_MAX = 64 << 20 };

#define HEADER "peekpush-spool 1"

struct entry {
	struct str name;
	struct timespec time;
};

int spool_open(struct spool *spool, int state_dir, struct spool_limits limits)
{
	*spool = (struct spool){ .limits = limits };
	if (mkdirat(state_dir, "spool", 0700) < 0 && errno != EEXIST)
		return -errno;
	/* No link: what is kept must not land in a directory that somebody else chose. */
	spool->dir = openat(state_dir, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return spool->dir < 0 ? -errno : 0;
}

void spool_close(struct spool *spool)
{
	if (spool->dir >= 0)
		(void)close(spool->dir);
	spool->dir = -1;
}

static void name_of(struct str path, const char *suffix, char name[NAME_MAX_SIZE])
{
	(void)snprintf(name, NAME_MAX_SIZE, "%016llx%s", (unsigned long long)str_hash(path),
		       suffix);
}

int spool_lock(const struct spool *spool, struct str path, int64_t wait_ns)
{
	char name[NAME_MAX_SIZE];

	name_of(path, ".lock", name);
	return file_lock(spool->dir, name, wait_ns);
}

static bool is_entry(const char *name)
{
	return str_ends(str_of(name), STR(".push"));
}

void spool_count(const struct spool *spool, uint64_t *ret_entries, uint64_t *ret_bytes)
{
	int fd = openat(spool->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	*ret_entries = *ret_bytes = 0;
	if (!dir && fd >= 0)
		(void)close(fd);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		struct stat st;

		if (!is_entry(e->d_name) || fstatat(spool->dir, e->d_name, &st, 0) < 0)
			continue;
		++*ret_entries;
		*ret_bytes += (uint64_t)st.st_size;
	}
}

int spool_put(const struct spool *spool, const struct sink_request *request)
{
	_cleanup_buf_ struct buf out = { 0 };
	char name[NAME_MAX_SIZE];
	uint64_t entries, bytes;
	struct stat old;

	buf_printf(&out, HEADER "\npath %.*s\nmethod %s\ntype %s\ngzip %d\nbody %zu\n\n",
		   (int)request->path.n, request->path.p,
		   request->method == SINK_PUT ? "PUT" : "POST", request->content_type,
		   request->gzipped, request->body.n);
	buf_str(&out, request->body);
	if (out.err)
		return out.err;
	name_of(request->path, ".push", name);
	spool_count(spool, &entries, &bytes);
	if (fstatat(spool->dir, name, &old, 0) == 0) {
		entries--;
		bytes -= (uint64_t)old.st_size;
	}
	if (entries + 1 > spool->limits.entries || bytes + out.n > spool->limits.bytes)
		return -EDQUOT;
	return file_replace(spool->dir, name, buf_view(&out), 0600, true);
}

void spool_drop(const struct spool *spool, struct str path)
{
	char name[NAME_MAX_SIZE];

	name_of(path, ".push", name);
	(void)unlinkat(spool->dir, name, 0);
}

static bool take_field(struct str *rest, struct str key, struct str *ret)
{
	struct str line;

	if (!str_line(rest, &line) || !str_starts(line, key))
		return false;
	*ret = str_skip(line, key.n);
	return true;
}

/* 0 or -EBADMSG. Everything is borrowed from `text`, the type from the arena. */
static int parse_entry(struct str text, struct arena *arena, struct sink_request *ret)
{
	struct str line, path, method, type, gzip, body;
	uint64_t n;

	if (!str_line(&text, &line) || !str_eq(line, STR(HEADER)) ||
	    !take_field(&text, STR("path "), &path) ||
	    !take_field(&text, STR("method "), &method) ||
	    !take_field(&text, STR("type "), &type) || !take_field(&text, STR("gzip "), &gzip) ||
	    !take_field(&text, STR("body "), &body) || num_u64(body, &n) < 0 ||
	    !str_line(&text, &line) || line.n || text.n != n ||
	    !str_starts(path, STR("/metrics/job")))
		return -EBADMSG;
	*ret = (struct sink_request){
		.method = str_eq(method, STR("PUT")) ? SINK_PUT : SINK_POST,
		.path = path,
		.content_type = arena_cstr(arena, type),
		.gzipped = str_eq(gzip, STR("1")),
		.body = text,
	};
	return 0;
}

static int older_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->time;
	const struct timespec *y = &((const struct entry *)b)->time;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static size_t list_entries(const struct spool *spool, struct arena *arena, struct entry **ret)
{
	int fd = openat(spool->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct entry *list = NULL;
	size_t n = 0, cap = 0;

	if (!dir && fd >= 0)
		(void)close(fd);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		struct stat st;

		if (!is_entry(e->d_name) || fstatat(spool->dir, e->d_name, &st, 0) < 0)
			continue;
		if (n == cap) {
			list = arena_resize(arena, list, cap * sizeof(*list),
					    (cap * 2 + 16) * sizeof(*list));
			cap = cap * 2 + 16;
		}
		list[n].name = arena_str(arena, str_of(e->d_name));
		list[n++].time = st.st_mtim;
	}
	if (n)
		qsort(list, n, sizeof(*list), older_first);
	*ret = list;
	return n;
}

static void set_aside(const struct spool *spool, struct str name, struct arena *scratch)
{
	(void)renameat(spool->dir, name.p, spool->dir,
		       arena_printf(scratch, "%.*s.refused", STR_ARG(name)).p);
}

/* False when the target takes nothing more now. */
static bool flush_entry(const struct spool *spool, struct sink *sink, struct str name,
			int64_t deadline, const struct sink_waiter *waiter, struct arena *scratch,
			struct spool_report *report)
{
	struct sink_request request;
	struct sink_reply reply;
	struct str text;

	int r = file_read(spool->dir, name.p, ENTRY_MAX, scratch, &text);

	if (r == 0)
		r = parse_entry(text, scratch, &request);
	/* None of ours, or half of one: it would wait for ever, and count for as long. */
	if (r == -EBADMSG || r == -EFBIG || r == -EISDIR) {
		set_aside(spool, name, scratch);
		report->refused++;
		report->message = arena_printf(scratch, "%.*s is damaged", STR_ARG(name));
		return true;
	}
	if (r < 0)
		return true;

	/* Someone who holds the lock is delivering something newer right now. */
	_cleanup_fd_ int lock = spool_lock(spool, request.path, 0);

	/* Read again under the lock: it may have been replaced or dropped meanwhile. */
	if (lock < 0 || file_read(spool->dir, name.p, ENTRY_MAX, scratch, &text) < 0 ||
	    parse_entry(text, scratch, &request) < 0)
		return true;
	request.timeout_ns = deadline - clock_ns(CLOCK_MONOTONIC);
	if (request.timeout_ns <= 0)
		return false;
	report->last = sink_send(sink, &request, waiter, scratch, &reply);
	if (report->last == SINK_OK || report->last == SINK_OK_UNTYPED) {
		spool_drop(spool, request.path);
		report->delivered++;
		return true;
	}
	report->message = reply.message;
	if (report->last != SINK_REFUSED)
		return false;
	set_aside(spool, name, scratch);
	report->refused++;
	return true;
}

void spool_flush(const struct spool *spool, struct sink *sink, int64_t timeout_ns,
		 const struct sink_waiter *waiter, struct arena *scratch, struct spool_report *ret)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + timeout_ns;
	struct entry *list;
	size_t n = list_entries(spool, scratch, &list);
	uint64_t left, bytes;

	*ret = (struct spool_report){ .last = SINK_OK };
	for (size_t i = 0; i < n; i++)
		if (!flush_entry(spool, sink, list[i].name, deadline, waiter, scratch, ret))
			break;
	spool_count(spool, &left, &bytes);
	ret->left = (unsigned)left;
}
