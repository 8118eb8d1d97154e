/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sinks without a network: a file that is always whole (node_exporter's textfile collector
 * may read it at any moment), and standard output. Neither knows groups: the newest payload
 * is the content.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "push/sink.h"
#include "push/visible.h"

struct file_target {
	const char *dir, *name;
};

static int file_open(struct sink *sink, struct str *ret_why)
{
	struct str path = str_skip(sink->conf.url, STR("file:").n);
	struct file_target *self = arena_zalloc(&sink->arena, 1, sizeof(*self));
	size_t slash;

	if (!str_starts(path, STR("///"))) {
		*ret_why = STR("push.url: a file is written file:///PATH");
		return -EINVAL;
	}
	path = str_skip(path, 2);
	for (slash = path.n - 1; path.p[slash] != '/'; slash--)
		;
	struct str name = str_skip(path, slash + 1);

	if (name.n == 0 || str_eq(name, STR(".")) || str_eq(name, STR("..")) ||
	    str_find(path, '\0') < path.n) {
		*ret_why = STR("push.url: file:///PATH must end with a file's name");
		return -EINVAL;
	}
	self->dir = arena_cstr(&sink->arena, (struct str){ path.p, slash ? slash : 1 });
	self->name = arena_cstr(&sink->arena, name);
	sink->self = self;
	return 0;
}

/* A full disk empties again by itself; a missing folder or permission does not appear. */
static enum sink_result failed(int r, const char *verb, struct str path, struct arena *arena,
			       struct sink_reply *ret)
{
	char text[300];

	errno = -r;
	(void)snprintf(text, sizeof(text), "%m");
	path = visible(arena, path, 300);
	ret->message = visible(
		arena, arena_printf(arena, "cannot %s %.*s: %s", verb, STR_ARG(path), text), 500);
	switch (-r) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
	case ENAMETOOLONG:
		return SINK_MISCONFIGURED;
	default:
		return SINK_DOWN;
	}
}

/* Renaming over /dev/null or someone's FIFO would destroy it. */
static int only_regular(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EPERM;
}

static enum sink_result file_send(struct sink *sink, const struct sink_request *request,
				  const struct sink_waiter *waiter, struct arena *arena,
				  struct sink_reply *ret)
{
	const struct file_target *self = sink->self;
	struct str path = str_skip(sink->conf.url, STR("file://").n);
	const char *verb = request->method == SINK_DELETE ? "remove" : "write";
	int r = 0;

	(void)waiter;
	if (request->method == SINK_GET) {
		ret->message = STR("a file answers no questions");
		return SINK_REFUSED;
	}

	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, self->dir);

	if (dir < 0)
		return failed(dir, verb, path, arena, ret);
	r = only_regular(dir, self->name);
	if (r == 0 && request->method != SINK_DELETE)
		r = file_replace(dir, self->name, request->body, 0644, false);
	else if (r == 0 && unlinkat(dir, self->name, 0) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? failed(r, verb, path, arena, ret) : SINK_OK;
}

static int stdout_open(struct sink *sink, struct str *ret_why)
{
	if (str_eq(sink->conf.url, STR("stdout:")))
		return 0;
	*ret_why = STR("push.url: nothing may follow stdout:");
	return -EINVAL;
}

static enum sink_result stdout_send(struct sink *sink, const struct sink_request *request,
				    const struct sink_waiter *waiter, struct arena *arena,
				    struct sink_reply *ret)
{
	int r = 0;

	(void)sink;
	(void)waiter;
	if (request->method == SINK_GET) {
		ret->message = STR("standard output answers no questions");
		return SINK_REFUSED;
	}
	if (request->method != SINK_DELETE)
		r = file_write_all(STDOUT_FILENO, request->body);
	if (r == 0)
		return SINK_OK;
	(void)failed(r, "write", STR("to standard output"), arena, ret);
	return SINK_DOWN;
}

const struct sink_type sink_file = {
	.name = "file",
	.schemes = "file:",
	.open = file_open,
	.send = file_send,
};

const struct sink_type sink_stdout = {
	.name = "stdout",
	.schemes = "stdout:",
	.open = stdout_open,
	.send = stdout_send,
};
