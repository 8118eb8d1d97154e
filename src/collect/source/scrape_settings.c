/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section scrape. Of a URL that is refused no part is repeated in the message: what stands
 * before an @ is likely to be a password.
 */
#include <errno.h>

#include "base/num.h"
#include "collect/source/relabel.h"
#include "collect/source/scrape.h"

#define SECOND INT64_C(1000000000)
#define SIZE_LIMIT (UINT64_C(64) << 20)

static int check_name(struct str name, struct arena *arena, struct str *ret_why)
{
	bool good = name.n > 0 && name.n <= 64;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		good &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '_';
	}
	if (!good && name.n)
		*ret_why =
			arena_printf(arena, "\"%.*s\" is not up to 64 of letters, digits, _ and -",
				     (int)(name.n > 64 ? 64 : name.n), name.p);
	return good || !name.n ? 0 : -EINVAL;
}

static const struct opt target_opts[] = {
	{ OPT_ROW("name", OPT_STRING, struct scrape_target, name, "", NULL,
		  "what it is called: the label target"),
	  .check = check_name },
	{ OPT_ROW("url", OPT_STRING, struct scrape_target, url, "", NULL,
		  "http://, https:// or unix:SOCKET:/PATH") },
	{ OPT_ROW("unix_socket", OPT_STRING, struct scrape_target, unix_socket, "", NULL,
		  "the socket at which an http:// URL is asked for") },
	{ OPT_ROW("interval", OPT_DURATION, struct scrape_target, interval_ns, "auto", NULL,
		  "time between two requests; auto: one for each push"),
	  .choices = "auto", .min = SECOND, .max = 86400 * SECOND },
	{ OPT_ROW("timeout", OPT_DURATION, struct scrape_target, timeout_ns, "5s", NULL,
		  "for the whole answer"),
	  .min = SECOND / 10, .max = 3600 * SECOND },
	{ OPT_ROW("max_age", OPT_DURATION, struct scrape_target, max_age_ns, "auto", NULL,
		  "an older answer is not pushed; auto: three intervals"),
	  .choices = "auto", .min = SECOND, .max = 30 * 86400 * SECOND },
	{ OPT_ROW("max_size", OPT_SIZE, struct scrape_target, max_size, "16M", NULL,
		  "a larger answer is not taken, also when it is compressed") },
	{ OPT_ROW("user", OPT_STRING, struct scrape_target, user, "", NULL,
		  "for basic authentication") },
	{ OPT_ROW("password_file", OPT_STRING, struct scrape_target, password_file, "", NULL,
		  "whose first line is the password") },
	{ OPT_ROW("bearer_token_file", OPT_STRING, struct scrape_target, bearer_token_file, "",
		  NULL, "whose first line is the token") },
	{ OPT_ROW("ca", OPT_STRING, struct scrape_target, ca, "", NULL,
		  "certificates of the authorities that are trusted") },
	{ OPT_ROW("cert", OPT_STRING, struct scrape_target, cert, "", NULL,
		  "certificate to show") },
	{ OPT_ROW("key", OPT_STRING, struct scrape_target, key, "", NULL, "its key") },
	{ OPT_ROW("insecure", OPT_BOOL, struct scrape_target, insecure, "false", NULL,
		  "do not verify who answers") },
	{ OPT_ROW("any_type", OPT_BOOL, struct scrape_target, any_type, "false", NULL,
		  "take an answer of whatever content type") },
	{ OPT_ROW("labels", OPT_MAP, struct scrape_target, labels, "", NULL,
		  "labels for each sample that has none of the name") },
	{ OPT_ROW("relabel", OPT_GROUPS, struct scrape_target, relabel, "", NULL,
		  "rules, applied in order"),
	  .group = &section_relabel },
	{ OPT_ROW("target_label_for", OPT_REGEX, struct scrape_target, target_label_for,
		  "(go|process|promhttp|python)_.*", NULL,
		  "families that others have, too, and that get a label target") },
	METRICS_FILTER_OPTS(struct scrape_target, filter),
	{ 0 },
};

static int refuse(const char *why, struct str *ret_why)
{
	*ret_why = str_of(why);
	return -EINVAL;
}

/* HOST, HOST:PORT, [ADDRESS]:PORT */
static bool sound_host(struct str host)
{
	struct str port = host;
	size_t end = host.n && host.p[0] == '[' ? str_find(host, ']') : 0;
	uint64_t number = 1;

	if (end == host.n)
		return false;
	port = str_skip(host, end);
	end = str_find(port, ':');
	if (str_skip(port, end).n)
		port = str_skip(port, end + 1);
	else
		return true;
	return (size_t)(port.p - host.p) > 1 && num_u64(port, &number) == 0 && number > 0 &&
	       number <= 65535;
}

static int locate_tcp(struct str url, struct arena *arena, struct scrape_place *ret,
		      struct str *ret_why)
{
	struct str rest = str_skip(url, str_find(url, '/') + 2), host;
	size_t end = 0;

	while (end < rest.n && !strchr("/?", rest.p[end]))
		end++;
	host = (struct str){ rest.p, end };
	if (str_find(host, '@') < host.n)
		return refuse("url: use user and password_file", ret_why);
	if (!sound_host(host))
		return refuse("url: what is between // and the path is no HOST or HOST:PORT",
			      ret_why);
	ret->where = arena_str(arena, host);
	ret->url = end < rest.n ? arena_str(arena, url) : ARENA_CONCAT(arena, url, STR("/metrics"));
	return 0;
}

static int locate_unix(struct str rest, struct arena *arena, struct scrape_place *ret,
		       struct str *ret_why)
{
	size_t colon = str_find(rest, ':');
	struct str path = str_skip(rest, colon + 1);

	if (!rest.n || rest.p[0] != '/' || colon < 2 ||
	    (colon < rest.n && !str_starts(path, STR("/"))))
		return refuse("url: not of the form unix:/SOCKET:/PATH", ret_why);
	ret->socket = arena_str(arena, (struct str){ rest.p, colon });
	ret->url = ARENA_CONCAT(arena, STR("http://localhost"), path.n ? path : STR("/metrics"));
	ret->where = ret->socket;
	return 0;
}

int scrape_locate(const struct scrape_target *target, struct arena *arena, struct scrape_place *ret,
		  struct str *ret_why)
{
	struct scrape_place place = { 0 };
	struct str url = target->url;
	int r;

	for (size_t i = 0; i < url.n; i++)
		if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7f || url.p[i] == '\\')
			return refuse(
				"url: blanks, control characters and \\ must be written as %XX",
				ret_why);
	if (str_find(url, '#') < url.n)
		return refuse("url: a fragment (#) cannot be part of it", ret_why);
	if (str_starts(url, STR("http://")) || str_starts(url, STR("https://")))
		r = locate_tcp(url, arena, &place, ret_why);
	else if (str_starts(url, STR("unix:")))
		r = locate_unix(str_skip(url, 5), arena, &place, ret_why);
	else
		return refuse(url.n ? "url: not http://, https:// or unix:/SOCKET:/PATH"
				    : "without a url",
			      ret_why);
	if (r < 0)
		return r;
	if (target->unix_socket.n && place.socket.n)
		return refuse("unix_socket: the url names one, too", ret_why);
	if (target->unix_socket.n)
		place.where = place.socket = arena_str(arena, target->unix_socket);
	/* What sockaddr_un has room for. */
	if (place.socket.n && (place.socket.p[0] != '/' || place.socket.n > 107))
		return refuse("a socket's path begins with / and has 107 bytes at most", ret_why);
	*ret = place;
	return 0;
}

static int check_target(const void *data, struct arena *arena, struct str *ret_why)
{
	const struct scrape_target *target = data;
	struct scrape_place place;

	if (scrape_locate(target, arena, &place, ret_why) < 0)
		return -EINVAL;
	if (target->password_file.n && !target->user.n)
		return refuse("password_file: user is missing", ret_why);
	if (target->user.n && !target->password_file.n)
		return refuse("user: password_file is missing", ret_why);
	if (target->user.n && target->bearer_token_file.n)
		return refuse("bearer_token_file: user is given too, only one can be", ret_why);
	if (str_find(target->user, ':') < target->user.n)
		return refuse("user: a user's name cannot contain a colon", ret_why);
	if (target->key.n && !target->cert.n)
		return refuse("key: cert is missing", ret_why);
	if (!target->max_size || target->max_size > SIZE_LIMIT)
		return refuse("max_size: expected up to 64M", ret_why);
	return relabel_check_labels(&target->labels, arena, ret_why);
}

static const struct opt_section section_target = {
	.path = "scrape.targets",
	.help = "one endpoint",
	.opts = target_opts,
	.size = sizeof(struct scrape_target),
	.check = check_target,
};

static const struct opt scrape_opts[] = {
	{ OPT_ROW("targets", OPT_GROUPS, struct scrape_conf, targets, "", NULL,
		  "endpoints whose metrics are relayed"),
	  .group = &section_target },
	{ 0 },
};

const struct opt_section section_scrape = {
	.path = "scrape",
	.help = "endpoints of this host whose metrics are relayed",
	.opts = scrape_opts,
	.size = sizeof(struct scrape_conf),
};
