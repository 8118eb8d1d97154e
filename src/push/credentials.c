/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "push/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "push/url.h"
#include "push/visible.h"

enum { SECRET_MAX = 64 << 10 };

static int refuse(const char *why, struct str *ret_why)
{
	*ret_why = str_of(why);
	return -EINVAL;
}

int credentials_check(const struct sink_conf *conf, struct str *ret_why)
{
	if (conf->password_file.n && !conf->user.n)
		return refuse("push.password_file: push.user is missing", ret_why);
	if (conf->user.n && !conf->password_file.n)
		return refuse("push.user: push.password_file is missing", ret_why);
	if (conf->user.n && conf->bearer_token_file.n)
		return refuse("push.bearer_token_file: push.user is given too, only one can be",
			      ret_why);
	if (str_find(conf->user, ':') < conf->user.n)
		return refuse("push.user: a user's name cannot contain a colon", ret_why);
	if (conf->key.n && !conf->cert.n)
		return refuse("push.tls.key: push.tls.cert is missing", ret_why);
	return 0;
}

static int complain(const char *option, struct str path, const char *what, int r,
		    struct arena *arena, struct str *ret_why)
{
	path = visible(arena, path, 300);
	*ret_why = arena_printf(arena, "%s: %.*s %s", option, STR_ARG(path), what);
	return r;
}

static int read_secret(const char *option, struct str path, struct arena *arena, struct str *ret,
		       struct str *ret_why)
{
	struct str content, line = { "", 0 };
	int r = file_read(AT_FDCWD, path.p, SECRET_MAX, arena, &content);

	if (r < 0) {
		path = visible(arena, path, 300);
		errno = -r;
		*ret_why = arena_printf(arena, "%s: cannot read %.*s: %m", option, STR_ARG(path));
		return r;
	}
	(void)str_line(&content, &line);
	if (str_ends(line, STR("\r")))
		line.n--;
	if (line.n == 0)
		return complain(option, path, "has an empty first line", -EINVAL, arena, ret_why);
	/* In a header these would begin another header. */
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ')
			return complain(option, path, "contains control characters", -EINVAL, arena,
					ret_why);
	*ret = arena_str(arena, line);
	return 0;
}

int credentials_read(const struct sink_conf *conf, struct arena *arena, struct credentials *ret,
		     struct str *ret_why)
{
	struct credentials found = { 0 };
	int r = 0;

	if (conf->user.n) {
		_cleanup_buf_ struct buf basic = { 0 };

		r = read_secret("push.password_file", conf->password_file, arena, &found.password,
				ret_why);
		if (r < 0)
			return r;
		struct str pair = arena_printf(arena, "%s:%s", conf->user.p, found.password.p);

		base64_put(&basic, pair, "+/");
		found.basic = arena_str(arena, buf_view(&basic));
	}
	if (conf->bearer_token_file.n) {
		r = read_secret("push.bearer_token_file", conf->bearer_token_file, arena,
				&found.token, ret_why);
		if (r < 0)
			return r;
		found.token = arena_str(arena, str_trim(found.token));
	}
	*ret = found;
	return 0;
}

static struct str replace(struct str text, struct str secret, struct arena *arena)
{
	_cleanup_buf_ struct buf out = { 0 };
	const char *hit = secret.n ? memmem(text.p, text.n, secret.p, secret.n) : NULL;

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

struct str credentials_redact(const struct credentials *credentials, struct str text,
			      struct arena *arena)
{
	if (text.n == 0)
		return text;
	text = replace(text, credentials->basic, arena);
	text = replace(text, credentials->password, arena);
	return replace(text, credentials->token, arena);
}
