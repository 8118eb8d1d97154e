/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to a target, in a process of its own that ends with it. What the target says goes to
 * a file descriptor as it comes, so that nothing is kept here however much it says.
 */
#include "config.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/curl.h"
#include "base/file.h"
#include "base/gunzip.h"
#include "base/secret.h"
#include "collect/source/scrape.h"

enum { SAID_MAX = 200, HEADERS_MAX = 256 << 10 };

/* Why an answer was not taken to its end. */
enum refusal {
	REFUSED_NOT,
	REFUSED_STATUS,
	REFUSED_TYPE,
	REFUSED_HTML,
	REFUSED_SIZE,
	REFUSED_HEADERS,
	REFUSED_WRITE,
	REFUSED_ENCODING, /* one that was not asked for */
	REFUSED_GZIP,
};

struct answer {
	const struct scrape_target *target;
	const struct curl *curl;
	CURL *easy;
	int out;
	bool begun;
	enum refusal refused;
	bool gzipped, other; /* other: coded in a way that nobody has asked for */
	struct gunzip gunzip;
	uint64_t raw, n; /* as it came, and decompressed */
	size_t headers;
	char said[SAID_MAX]; /* its begin, for a message */
	size_t n_said;
	int write_errno;
};

struct fetch {
	const struct scrape_target *target;
	struct scrape_place place;
	struct arena *arena;
	struct curl curl;
	struct str password, token;
	struct answer answer;
	char error[CURL_ERROR_SIZE];
	long status;
	const char *type, *location;
	CURLcode code;
	long os_errno;
};

static void note_encoding(struct answer *a, struct str value)
{
	value = str_trim(value);
	a->gzipped = (value.n == 4 && strncasecmp(value.p, "gzip", 4) == 0) ||
		     (value.n == 6 && strncasecmp(value.p, "x-gzip", 6) == 0);
	a->other = value.n && !a->gzipped &&
		   !(value.n == 8 && strncasecmp(value.p, "identity", 8) == 0);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	static const char name[] = "Content-Encoding:";
	struct answer *a = arg;
	struct str line = { data, size * n };

	if (line.n >= sizeof(name) - 1 && strncasecmp(line.p, name, sizeof(name) - 1) == 0)
		note_encoding(a, str_skip(line, sizeof(name) - 1));
	a->headers += line.n;
	if (a->headers <= HEADERS_MAX)
		return line.n;
	a->refused = REFUSED_HEADERS;
	return 0;
}

/* text/plain; version=0.0.4, OpenMetrics, or nothing at all. */
static bool type_fits(const char *type)
{
	struct str media = str_of(type), word;

	if (!str_cut(&media, ';', &word))
		return true;
	word = str_trim(word);
	return !word.n || (word.n == 10 && strncasecmp(word.p, "text/plain", 10) == 0) ||
	       (word.n == 28 && strncasecmp(word.p, "application/openmetrics-text", 28) == 0);
}

static bool is_html(struct str body)
{
	if (str_starts(body, STR("\xef\xbb\xbf")))
		body = str_skip(body, 3);
	return str_starts(str_trim(body), STR("<"));
}

/* What can be seen of it before any of it is taken. */
static enum refusal look(const struct answer *a, struct str body)
{
	const char *type = NULL;
	long status = 0;

	(void)a->curl->easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)a->curl->easy_getinfo(a->easy, CURLINFO_CONTENT_TYPE, &type);
	if (status != 200)
		return REFUSED_STATUS;
	if (is_html(body))
		return REFUSED_HTML;
	return a->target->any_type || type_fits(type) ? REFUSED_NOT : REFUSED_TYPE;
}

/* A part of the page, decompressed. */
static int take(void *arg, struct str part)
{
	struct answer *a = arg;
	int r;

	if (!a->begun)
		a->refused = look(a, part);
	a->begun = true;
	if (a->n_said < SAID_MAX) {
		size_t more = SAID_MAX - a->n_said < part.n ? SAID_MAX - a->n_said : part.n;

		memcpy(a->said + a->n_said, part.p, more);
		a->n_said += more;
	}
	a->n += part.n;
	if (a->refused == REFUSED_NOT && a->n > a->target->max_size)
		a->refused = REFUSED_SIZE;
	if (a->refused != REFUSED_NOT)
		return -ECANCELED;
	r = file_write_all(a->out, part);
	if (r == 0)
		return 0;
	a->write_errno = -r;
	a->refused = REFUSED_WRITE;
	return r;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	struct str piece = { data, size * n };
	int r;

	a->raw += piece.n;
	/* What becomes nothing at all has no end, either. */
	if (a->other)
		a->refused = REFUSED_ENCODING;
	else if (a->raw > a->target->max_size)
		a->refused = REFUSED_SIZE;
	if (a->refused != REFUSED_NOT)
		return 0;
	r = a->gzipped ? gunzip_feed(&a->gunzip, piece, take, a) : take(a, piece);
	if (r < 0 && a->refused == REFUSED_NOT)
		a->refused = REFUSED_GZIP;
	return r < 0 ? 0 : piece.n;
}

static int read_secrets(struct fetch *f, struct str *ret_why)
{
	const struct scrape_target *t = f->target;
	struct str why;
	int r = 0;

	if (t->password_file.n) {
		r = secret_read(t->password_file.p, t->password_file, f->arena, &f->password, &why);
		if (r < 0)
			*ret_why = ARENA_CONCAT(f->arena, STR("password_file: "), why);
	}
	if (r == 0 && t->bearer_token_file.n) {
		r = secret_read(t->bearer_token_file.p, t->bearer_token_file, f->arena, &f->token,
				&why);
		if (r < 0)
			*ret_why = ARENA_CONCAT(f->arena, STR("bearer_token_file: "), why);
		else
			f->token = arena_str(f->arena, str_trim(f->token));
	}
	return r;
}

static double seconds_of(const struct fetch *f)
{
	return (double)f->target->timeout_ns / 1e9;
}

static struct curl_slist *headers(struct fetch *f, struct curl_setup *setup)
{
	const char *lines[] = {
		/* OpenMetrics is understood, but who asks for it gets it before all else. */
		"Accept: text/plain;version=0.0.4, text/plain;q=0.9, */*;q=0.1",
		"Accept-Encoding: gzip",
		arena_printf(f->arena, "X-Prometheus-Scrape-Timeout-Seconds: %g", seconds_of(f)).p,
	};
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct curl_slist *longer = f->curl.slist_append(list, lines[i]);

		if (!longer)
			setup->failed = CURLE_OUT_OF_MEMORY;
		list = longer ? longer : list;
	}
	curl_set_pointer(setup, CURLOPT_HTTPHEADER, list);
	return list;
}

static void set_up(struct fetch *f, struct curl_setup *setup)
{
	const struct scrape_target *t = f->target;
	CURL *easy = setup->easy;

	curl_set_pointer(setup, CURLOPT_URL, f->place.url.p);
	curl_set_text(setup, CURLOPT_UNIX_SOCKET_PATH, f->place.socket);
	curl_set_long(setup, CURLOPT_NOSIGNAL, 1);
	curl_set_long(setup, CURLOPT_FOLLOWLOCATION, 0);
	curl_set_long(setup, CURLOPT_PATH_AS_IS, 1);
	curl_set_long(setup, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_set_long(setup, CURLOPT_TIMEOUT_MS, (long)((t->timeout_ns + 999999) / 1000000));
	curl_set_pointer(setup, CURLOPT_USERAGENT, "peekpush/" PACKAGE_VERSION);
	/* It is this host's own: whatever proxy the environment names is for other things. */
	curl_set_pointer(setup, CURLOPT_PROXY, "");
	(void)setup->curl->easy_setopt(easy, CURL_OPTION_PROTOCOLS_STR, "http,https");
	(void)setup->curl->easy_setopt(easy, CURL_OPTION_QUICK_EXIT, 1L);
	curl_set_auth(setup, t->user, f->password, f->token);
	curl_set_tls(setup, t->ca, t->cert, t->key, t->insecure);
	curl_set_pointer(setup, CURLOPT_ERRORBUFFER, f->error);
	curl_set_function(setup, CURLOPT_HEADERFUNCTION, on_header);
	curl_set_pointer(setup, CURLOPT_HEADERDATA, &f->answer);
	curl_set_function(setup, CURLOPT_WRITEFUNCTION, on_body);
	curl_set_pointer(setup, CURLOPT_WRITEDATA, &f->answer);
}

static void transfer(struct fetch *f, CURL *easy)
{
	struct curl_setup setup = { .curl = &f->curl, .easy = easy };
	struct curl_slist *list = headers(f, &setup);

	set_up(f, &setup);
	f->answer = (struct answer){
		.target = f->target,
		.curl = &f->curl,
		.easy = easy,
		.out = f->answer.out,
	};
	f->code = setup.failed;
	if (f->code == CURLE_OK)
		f->code = f->curl.easy_perform(easy);
	(void)f->curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &f->status);
	(void)f->curl.easy_getinfo(easy, CURLINFO_OS_ERRNO, &f->os_errno);
	(void)f->curl.easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &f->type);
	(void)f->curl.easy_getinfo(easy, CURLINFO_REDIRECT_URL, &f->location);
	f->curl.slist_free_all(list);
}

/*
 * Text of the target's, in one line. One that was sent a password may say it again, in an encoding
 * of its own: it is not quoted.
 */
static struct str quote(struct fetch *f, struct str text)
{
	struct str line = { 0 };
	char *copy;

	while (!line.n && str_line(&text, &line))
		line = str_trim(line);
	if (f->password.n || f->token.n)
		line = STR("(not shown)");
	if (line.n > SAID_MAX)
		line.n = SAID_MAX;
	copy = arena_cstr(f->arena, line);
	str_mask(copy, line.n);
	return (struct str){ copy, line.n };
}

static struct str not_200(struct fetch *f)
{
	struct str where = f->place.where, said;

	if (f->status >= 300 && f->status < 400 && f->location) {
		said = quote(f, secret_without_user(str_of(f->location), f->arena));
		return arena_printf(f->arena, "HTTP %ld from %.*s: redirected to %.*s, %s",
				    f->status, STR_ARG(where), STR_ARG(said),
				    "which is not followed");
	}
	said = quote(f, (struct str){ f->answer.said, f->answer.n_said });
	return arena_printf(f->arena, "HTTP %ld from %.*s%s%.*s", f->status, STR_ARG(where),
			    said.n ? ": " : "", STR_ARG(said));
}

static struct str refused(struct fetch *f)
{
	struct str where = f->place.where, type = quote(f, str_of(f->type));

	if (f->status != 200)
		return not_200(f);
	switch (f->answer.refused) {
	case REFUSED_TYPE:
		return arena_printf(f->arena, "%.*s answers with %.*s, which are no metrics",
				    STR_ARG(where), STR_ARG(type));
	case REFUSED_HTML:
		return arena_printf(
			f->arena,
			"%.*s answers with a page of HTML, no metrics; is the path right?",
			STR_ARG(where));
	case REFUSED_SIZE:
		return arena_printf(f->arena, "the answer of %.*s is larger than max_size, %llu",
				    STR_ARG(where), (unsigned long long)f->target->max_size);
	case REFUSED_HEADERS:
		return arena_printf(f->arena, "the header of %.*s's answer does not end",
				    STR_ARG(where));
	case REFUSED_WRITE:
		return arena_printf(f->arena, "what %.*s answers cannot be kept: %s",
				    STR_ARG(where), strerror(f->answer.write_errno));
	case REFUSED_ENCODING:
		return arena_printf(f->arena, "%.*s answers in an encoding that was not asked for",
				    STR_ARG(where));
	case REFUSED_GZIP:
		return arena_printf(f->arena, "what %.*s answers is compressed wrongly",
				    STR_ARG(where));
	default:
		return not_200(f);
	}
}

static struct str not_connected(struct fetch *f)
{
	struct str where = f->place.where;
	struct stat st;

	if (f->place.socket.n && stat(f->place.socket.p, &st) < 0)
		return arena_printf(f->arena, "%.*s: %s", STR_ARG(where), strerror(errno));
	if (f->place.socket.n && !S_ISSOCK(st.st_mode))
		return arena_printf(f->arena, "%.*s is no socket", STR_ARG(where));
	if (f->os_errno == ECONNREFUSED)
		return arena_printf(f->arena, "connection refused by %.*s", STR_ARG(where));
	return arena_printf(f->arena, "cannot connect to %.*s: %s", STR_ARG(where),
			    f->os_errno ? strerror((int)f->os_errno) : f->error);
}

static struct str timed_out(struct fetch *f)
{
	struct str where = f->place.where;

	if (!f->answer.headers)
		return arena_printf(f->arena, "no answer from %.*s within %g s", STR_ARG(where),
				    seconds_of(f));
	return arena_printf(f->arena, "no complete answer from %.*s within %g s: %llu bytes",
			    STR_ARG(where), seconds_of(f), (unsigned long long)f->answer.raw);
}

static struct str explain(struct fetch *f)
{
	struct str where = f->place.where, error;

	if (f->answer.refused != REFUSED_NOT)
		return refused(f);
	error = str_of(f->error[0] ? f->error : f->curl.easy_strerror(f->code));
	switch (f->code) {
	case CURLE_COULDNT_CONNECT:
		return not_connected(f);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(f);
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return arena_printf(f->arena, "%.*s broke off after %llu bytes", STR_ARG(where),
				    (unsigned long long)f->answer.raw);
	default:
		return arena_printf(f->arena, "cannot ask %.*s: %.*s", STR_ARG(where),
				    STR_ARG(error));
	}
}

static int ask(struct fetch *f, struct str *ret_why)
{
	const char *why = NULL;
	int r = read_secrets(f, ret_why);
	CURL *easy;

	if (r < 0)
		return r;
	/* What can read everything is not for who talks to strangers; libcurl opens the other
	 * files. */
	if (geteuid() != 0 && !f->target->ca.n && !f->target->cert.n && !f->target->key.n)
		(void)caps_drop(CAPS_ALL);
	if (curl_load(&f->curl, &why) < 0) {
		*ret_why = arena_printf(f->arena, "libcurl.so.4 cannot be loaded: %s", why);
		return -ENOENT;
	}
	easy = f->curl.easy_init();
	if (!easy) {
		*ret_why = STR("libcurl cannot start: out of memory");
		return -ENOMEM;
	}
	transfer(f, easy);
	if (gunzip_end(&f->answer.gunzip) < 0 && f->answer.gzipped && f->code == CURLE_OK &&
	    f->answer.raw)
		f->answer.refused = REFUSED_GZIP;
	/* Without a body nobody has looked at it yet. */
	if (f->code == CURLE_OK && f->status != 200)
		f->answer.refused = REFUSED_STATUS;
	r = f->code != CURLE_OK || f->answer.refused != REFUSED_NOT ? -EIO : 0;
	if (r < 0)
		*ret_why = explain(f);
	f->curl.easy_cleanup(easy);
	return r;
}

int scrape_fetch(const struct scrape_target *target, int out, struct arena *arena,
		 struct str *ret_why)
{
	struct fetch f = { .target = target, .arena = arena, .answer = { .out = out } };
	int r = scrape_locate(target, arena, &f.place, ret_why);

	return r < 0 ? r : ask(&f, ret_why);
}
