/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No part of a URL that is refused is repeated in the message: what stands before an @ is
 * likely to be a password.
 */
#include "push/endpoint.h"

#include <errno.h>

#include "base/num.h"

static bool host_char(char c)
{
	/* Bytes over 0x7f: an internationalised name, for libcurl to convert. */
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || (unsigned char)c >= 0x80;
}

static bool address_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == ':' || c == '.' || c == '%' || c == '-' || c == '_' || c == '~';
}

static bool only(struct str s, bool (*allowed)(char c))
{
	for (size_t i = 0; i < s.n; i++)
		if (!allowed(s.p[i]))
			return false;
	return s.n > 0;
}

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '\\')
			return false;
	return true;
}

/* Takes the host off the front of `rest`; what remains is "" or ":PORT". */
static bool take_host(struct str *rest, struct str *ret_host)
{
	size_t n;

	if (str_starts(*rest, STR("["))) {
		n = str_find(*rest, ']');
		if (n == rest->n || !only((struct str){ rest->p + 1, n - 1 }, address_char))
			return false;
		n++;
	} else {
		n = str_find(*rest, ':');
		if (!only((struct str){ rest->p, n }, host_char))
			return false;
	}
	*ret_host = (struct str){ rest->p, n };
	*rest = str_skip(*rest, n);
	return rest->n == 0 || rest->p[0] == ':';
}

static int refuse(const char *why, struct str *ret_why)
{
	*ret_why = str_of(why);
	return -EINVAL;
}

int endpoint_parse(struct str url, struct arena *arena, struct endpoint *ret, struct str *ret_why)
{
	bool tls = str_starts(url, STR("https://"));
	struct str rest = str_skip(url, tls ? 8 : 7), authority, path, host;
	uint64_t port = tls ? 443 : 80;

	if (!tls && !str_starts(url, STR("http://")))
		return refuse("push.url: the scheme must be followed by //", ret_why);
	authority = (struct str){ rest.p, str_find(rest, '/') };
	path = str_skip(rest, authority.n);
	if (str_find(rest, '@') < rest.n)
		return refuse("push.url: use push.user and push.password_file", ret_why);
	if (str_find(rest, '?') < rest.n)
		return refuse("push.url: a query (?) cannot be part of it", ret_why);
	if (str_find(rest, '#') < rest.n)
		return refuse("push.url: a fragment (#) cannot be part of it", ret_why);
	if (!printable(rest))
		return refuse("push.url: blanks, control characters and \\ must be written as %XX",
			      ret_why);
	if (!take_host(&authority, &host))
		return refuse("push.url: a host name or address is missing after //", ret_why);
	if (authority.n && (num_u64(str_skip(authority, 1), &port) < 0 || !port || port > 65535))
		return refuse("push.url: the port must be a number from 1 to 65535", ret_why);
	while (str_ends(path, STR("/")))
		path.n--;
	ret->base = arena_printf(arena, "http%s://%.*s:%u%.*s", tls ? "s" : "", STR_ARG(host),
				 (unsigned)port, STR_ARG(path));
	ret->where = arena_printf(arena, "%.*s:%u", STR_ARG(host), (unsigned)port);
	ret->host = arena_str(arena, host);
	return 0;
}
