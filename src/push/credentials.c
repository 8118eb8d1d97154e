/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "push/credentials.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "push/url.h"
#include "push/visible.h"

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

static int read_secret(const char *option, struct str path, struct arena *arena, struct str *ret,
		       struct str *ret_why)
{
	struct str why;
	int r = secret_read(path.p, visible(arena, path, 300), arena, ret, &why);

	if (r < 0)
		*ret_why = arena_printf(arena, "%s: %.*s", option, STR_ARG(why));
	return r;
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

struct str credentials_redact(const struct credentials *credentials, struct str text,
			      struct arena *arena)
{
	if (text.n == 0)
		return text;
	text = secret_redact(text, credentials->basic, arena);
	text = secret_redact(text, credentials->password, arena);
	return secret_redact(text, credentials->token, arena);
}
