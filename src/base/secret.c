/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

enum { SECRET_MAX = 64 << 10 };

static int complain(struct str shown, const char *what, struct arena *arena, struct str *ret_why)
{
	*ret_why = arena_printf(arena, "%.*s %s", STR_ARG(shown), what);
	return -EINVAL;
}

int secret_read(const char *path, struct str shown, struct arena *arena, struct str *ret,
		struct str *ret_why)
{
	struct str content, line = { "", 0 };
	int r = file_read(AT_FDCWD, path, SECRET_MAX, arena, &content);

	if (r < 0) {
		errno = -r;
		*ret_why = arena_printf(arena, "cannot read %.*s: %m", STR_ARG(shown));
		return r;
	}
	(void)str_line(&content, &line);
	if (str_ends(line, STR("\r")))
		line.n--;
	if (line.n == 0)
		return complain(shown, "has an empty first line", arena, ret_why);
	/* In a header these would begin another header. */
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ')
			return complain(shown, "contains control characters", arena, ret_why);
	*ret = arena_str(arena, line);
	return 0;
}

struct str secret_redact(struct str text, struct str secret, struct arena *arena)
{
	_cleanup_buf_ struct buf out = { 0 };
	const char *hit = secret.n && text.n ? memmem(text.p, text.n, secret.p, secret.n) : NULL;

	if (!hit)
		return text;
	while (hit) {
		buf_str(&out, str_between(text.p, hit));
		buf_cstr(&out, "***");
		text = str_skip(text, (size_t)(hit - text.p) + secret.n);
		hit = memmem(text.p, text.n, secret.p, secret.n);
	}
	buf_str(&out, text);
	return out.err ? STR("***") : arena_str(arena, buf_view(&out));
}

struct str secret_without_user(struct str url, struct arena *arena)
{
	size_t at = str_find(url, ':');
	struct str scheme = { url.p, at + 3 }, rest;

	if (!str_starts(str_skip(url, at), STR("://"))) {
		scheme.n = str_starts(url, STR("//")) ? 2 : 0;
		if (!scheme.n)
			return url;
	}
	rest = str_skip(url, scheme.n);
	for (at = 0; at < rest.n && !strchr("/?#", rest.p[at]); at++)
		;

	struct str place = { rest.p, at };
	size_t user = 0;

	/* A password may have an @ of its own: the last one counts. */
	for (size_t i = 0; i < place.n; i++)
		if (place.p[i] == '@')
			user = i + 1;
	return user ? ARENA_CONCAT(arena, scheme, str_skip(rest, user)) : url;
}
