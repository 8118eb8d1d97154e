/* SPDX-License-Identifier: Apache-2.0 */
/* Which sink a URL means. A new one is a file with one const struct and a row here. */
#include "push/sink.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/cleanup.h"
#include "push/visible.h"

static const struct sink_type *const types[] = {
	&sink_file,
	&sink_http,
	&sink_stdout,
};

static const struct sink_type *find(struct str scheme)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct str rest = str_of(types[i]->schemes), one;

		while (str_cut(&rest, '|', &one))
			if (one.n == scheme.n + 1 && str_starts(one, scheme))
				return types[i];
	}
	return NULL;
}

static bool scheme_like(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (i && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))))
			return false;
	}
	return s.n > 0;
}

static struct str unknown(struct arena *arena, struct str url)
{
	struct str scheme = { url.p, str_find(url, ':') };

	if (url.n == 0)
		return STR("push.url: it is empty");
	if (!str_starts(str_skip(url, scheme.n), STR("://")) || !scheme_like(scheme))
		return STR("push.url: the scheme is missing, write http://HOST:PORT");
	scheme = visible(arena, scheme, 40);
	return arena_printf(arena,
			    "push.url: unknown scheme %.*s, known are http, https, file, stdout",
			    STR_ARG(scheme));
}

int sink_open(struct sink *sink, const struct sink_conf *conf, struct str *ret_why)
{
	struct str url = str_trim(conf->url);
	size_t colon = str_find(url, ':');
	const struct sink_type *type = colon < url.n ? find((struct str){ url.p, colon }) : NULL;
	int r;

	*sink = (struct sink){ .conf = *conf };
	sink->conf.url = arena_str(&sink->arena, url);
	sink->conf.user = arena_str(&sink->arena, conf->user);
	sink->conf.password_file = arena_str(&sink->arena, conf->password_file);
	sink->conf.bearer_token_file = arena_str(&sink->arena, conf->bearer_token_file);
	sink->conf.ca = arena_str(&sink->arena, conf->ca);
	sink->conf.cert = arena_str(&sink->arena, conf->cert);
	sink->conf.key = arena_str(&sink->arena, conf->key);
	if (!type) {
		*ret_why = unknown(&sink->arena, url);
		return -EINVAL;
	}
	r = type->open(sink, ret_why);
	if (r == 0)
		sink->type = type;
	return r;
}

/*
 * A reader that has gone (a pipe, a socket under TLS) must not end the program by SIGPIPE. It
 * is held back rather than ignored: an ignored signal would be inherited by a wrapped command.
 */
struct pipe_guard {
	sigset_t before;
	bool was_pending;
};

static void hold_sigpipe(struct pipe_guard *guard)
{
	sigset_t pipe, pending;

	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)sigemptyset(&pending);
	(void)sigpending(&pending);
	guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)sigprocmask(SIG_BLOCK, &pipe, &guard->before);
}

static void release_sigpipe(const struct pipe_guard *guard)
{
	static const struct timespec at_once = { 0 };
	sigset_t pipe;

	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	if (!guard->was_pending)
		while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
			;
	(void)sigprocmask(SIG_SETMASK, &guard->before, NULL);
}

enum sink_result sink_send(struct sink *sink, const struct sink_request *request,
			   const struct sink_waiter *waiter, struct arena *arena,
			   struct sink_reply *ret)
{
	struct pipe_guard guard;
	enum sink_result result;

	*ret = (struct sink_reply){ 0 };
	hold_sigpipe(&guard);
	result = sink->type->send(sink, request, waiter, arena, ret);
	release_sigpipe(&guard);
	return result;
}

void sink_close(struct sink *sink)
{
	struct pipe_guard guard;

	hold_sigpipe(&guard);
	if (sink->type && sink->type->close)
		sink->type->close(sink);
	release_sigpipe(&guard);
	arena_release(&sink->arena);
	*sink = (struct sink){ 0 };
}
