/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery over HTTP. One connection is kept between sends; a transfer that did not end by
 * itself takes its handle with it. After a 400 in the middle of a large body the Pushgateway
 * closes, so that a failed write and an answer to be read can both be true.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "push/credentials.h"
#include "base/curl.h"
#include "push/endpoint.h"
#include "push/sink.h"
#include "push/verdict.h"

enum { HEADERS_MAX = 256 << 10 };

struct http {
	struct curl curl;
	struct endpoint endpoint;
	CURLM *multi; /* NULL until the first send; owns the connection */
	CURL *easy;   /* NULL after a transfer that did not end by itself */
	char error[CURL_ERROR_SIZE];
};

/* What the callbacks fill. */
struct answer {
	struct arena *arena;
	char *p;
	size_t n, cap, max, headers;
	int64_t date;
	bool full; /* there was more than anybody wants: ended on purpose */
};

static int http_open(struct sink *sink, struct str *ret_why)
{
	struct http *http = arena_zalloc(&sink->arena, 1, sizeof(*http));
	int r = credentials_check(&sink->conf, ret_why);

	if (r < 0)
		return r;
	r = endpoint_parse(sink->conf.url, &sink->arena, &http->endpoint, ret_why);
	sink->self = http;
	return r;
}

/* libcurl's sockets are inherited over exec unless somebody else opens them. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Which of the 64 descriptors from `first` on are open. */
static uint64_t open_fds(int first)
{
	uint64_t set = 0;

	for (int i = 0; i < 64; i++)
		if (fcntl(first + i, F_GETFD) >= 0)
			set |= UINT64_C(1) << i;
	return set;
}

/* The same for the pair that wakes curl_multi_poll(): found by what appears meanwhile. */
static CURLM *multi_init_cloexec(const struct curl *curl)
{
	int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (first < 0)
		return NULL;
	(void)close(first);

	uint64_t before = open_fds(first);
	CURLM *multi = curl->multi_init();
	uint64_t fresh = open_fds(first) & ~before;

	for (int i = 0; i < 64; i++)
		if (fresh >> i & 1)
			(void)fcntl(first + i, F_SETFD, FD_CLOEXEC);
	return multi;
}

static int prepare(struct http *http, struct arena *arena, struct str *ret_why)
{
	const char *why = NULL;

	if (!http->multi) {
		if (curl_load(&http->curl, &why) < 0) {
			*ret_why = arena_printf(arena, "libcurl.so.4 cannot be loaded: %s", why);
			return -ENOENT;
		}
		http->multi = multi_init_cloexec(&http->curl);
		if (http->multi)
			(void)http->curl.multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1L);
	}
	if (http->multi && !http->easy)
		http->easy = http->curl.easy_init();
	if (http->easy)
		return 0;
	*ret_why = arena_printf(arena, "libcurl cannot start: %s",
				"out of memory or of file descriptors");
	return -ENOMEM;
}

/* "Sat, 21 Nov 2026 21:13:13 GMT", or 0. */
static int64_t http_date(struct str text)
{
	struct tm tm = { 0 };
	char copy[40] = "";
	const char *end;

	text = str_trim(text);
	if (text.n == 0 || text.n >= sizeof(copy))
		return 0;
	memcpy(copy, text.p, text.n);
	end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return end && !*end ? timegm(&tm) : 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct answer *answer = arg;
	struct str line = { data, size * n };

	if (str_starts(line, STR("Date: ")) || str_starts(line, STR("date: ")))
		answer->date = http_date(str_skip(line, 6));
	answer->headers += size * n;
	if (answer->headers <= HEADERS_MAX)
		return size * n;
	answer->full = true;
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct answer *answer = arg;
	size_t take = size * n;

	if (take > answer->max - answer->n) {
		take = answer->max - answer->n;
		answer->full = true;
	}
	if (answer->cap - answer->n < take + 1) {
		size_t cap = answer->cap ? answer->cap : 4096;

		while (cap - answer->n < take + 1)
			cap *= 2;
		answer->p = arena_resize(answer->arena, answer->p, answer->cap, cap);
		answer->cap = cap;
	}
	if (take)
		memcpy(answer->p + answer->n, data, take);
	answer->n += take;
	answer->p[answer->n] = '\0';
	/* Less than there was ends the transfer. */
	return take;
}

static void set_transport(struct curl_setup *setup, const struct sink_conf *conf,
			  const struct credentials *credentials)
{
	curl_set_long(setup, CURLOPT_NOSIGNAL, 1);
	curl_set_long(setup, CURLOPT_FOLLOWLOCATION, 0);
	curl_set_long(setup, CURLOPT_PATH_AS_IS, 1);
	curl_set_long(setup, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_set_pointer(setup, CURLOPT_USERAGENT, "peekpush/" PACKAGE_VERSION);
	/* Both are unknown to older libraries; the scheme has been checked anyway. */
	(void)setup->curl->easy_setopt(setup->easy, CURL_OPTION_PROTOCOLS_STR, "http,https");
	(void)setup->curl->easy_setopt(setup->easy, CURL_OPTION_QUICK_EXIT, 1L);
	if (setup->curl->easy_setopt(setup->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket))
		setup->failed = CURLE_UNKNOWN_OPTION;
	curl_set_auth(setup, conf->user, credentials->password, credentials->token);
	curl_set_tls(setup, conf->ca, conf->cert, conf->key, conf->insecure);
}

static void set_body(struct curl_setup *setup, const struct sink_request *request)
{
	if (setup->curl->easy_setopt(setup->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				     (curl_off_t)request->body.n))
		setup->failed = CURLE_UNKNOWN_OPTION;
	curl_set_pointer(setup, CURLOPT_POSTFIELDS, request->body.n ? request->body.p : "");
}

/* A missing header would change what the body means: better no request than such a one. */
static struct curl_slist *header(struct curl_setup *setup, struct curl_slist *list,
				 const char *text)
{
	struct curl_slist *longer = setup->curl->slist_append(list, text);

	if (!longer)
		setup->failed = CURLE_OUT_OF_MEMORY;
	return longer ? longer : list;
}

static struct curl_slist *set_request(struct curl_setup *setup, const struct sink_request *request,
				      struct arena *arena)
{
	static const char *const methods[] = {
		[SINK_POST] = "POST",
		[SINK_PUT] = "PUT",
		[SINK_DELETE] = "DELETE",
		[SINK_GET] = "GET",
	};
	struct curl_slist *list = header(setup, NULL, "Expect:");

	if (request->method == SINK_POST || request->method == SINK_PUT) {
		const char *type = request->content_type ? request->content_type : "";

		/* Without a value libcurl sends none, rather than its own idea of one. */
		list = header(setup, list, arena_printf(arena, "Content-Type: %s", type).p);
		if (request->gzipped)
			list = header(setup, list, "Content-Encoding: gzip");
		set_body(setup, request);
	}
	if (request->accept)
		list = header(setup, list, arena_printf(arena, "Accept: %s", request->accept).p);
	curl_set_pointer(setup, CURLOPT_CUSTOMREQUEST, methods[request->method]);
	curl_set_pointer(setup, CURLOPT_HTTPHEADER, list);
	return list;
}

static void set_answer(struct curl_setup *setup, struct http *http, struct answer *answer)
{
	http->error[0] = '\0';
	curl_set_pointer(setup, CURLOPT_ERRORBUFFER, http->error);
	curl_set_function(setup, CURLOPT_HEADERFUNCTION, on_header);
	curl_set_pointer(setup, CURLOPT_HEADERDATA, answer);
	curl_set_function(setup, CURLOPT_WRITEFUNCTION, on_body);
	curl_set_pointer(setup, CURLOPT_WRITEDATA, answer);
}

static int to_ms(int64_t ns)
{
	int64_t ms = (ns + 999999) / 1000000;

	return ms > 3600000 ? 3600000 : (int)ms;
}

/* Moves the transfer to its end, the deadline or the waiter's word, whichever comes first. */
static CURLcode drive(struct http *http, int64_t deadline, const struct sink_waiter *waiter,
		      bool *ret_interrupted)
{
	const struct curl *curl = &http->curl;
	bool watched = waiter && waiter->fd >= 0;

	for (;;) {
		struct curl_waitfd extra = { .events = CURL_WAIT_POLLIN };
		int running = 0, left;
		CURLMsg *message;

		if (curl->multi_perform(http->multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		message = running ? NULL : curl->multi_info_read(http->multi, &left);
		if (message)
			return message->data.result;

		int64_t rest = deadline - clock_ns(CLOCK_MONOTONIC);

		if (rest <= 0 || !running)
			return running ? CURLE_OPERATION_TIMEDOUT : CURLE_FAILED_INIT;
		if (watched)
			extra.fd = waiter->fd;
		if (curl->multi_poll(http->multi, &extra, watched, to_ms(rest), NULL) != CURLM_OK)
			return CURLE_FAILED_INIT;
		if (extra.revents && waiter->stop(waiter->arg)) {
			*ret_interrupted = true;
			return CURLE_ABORTED_BY_CALLBACK;
		}
	}
}

static void look(const struct http *http, struct verdict_facts *facts)
{
	const struct curl *curl = &http->curl;
	long number = 0;
	curl_off_t connected = 0;
	char *text = NULL;

	/* An interim answer (1xx) is none. */
	if (curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &number) == CURLE_OK)
		facts->status = number < 200 ? 0 : (int)number;
	number = 0;
	if (curl->easy_getinfo(http->easy, CURLINFO_HTTP_CONNECTCODE, &number) == CURLE_OK)
		facts->proxy_status = (int)number;
	number = 0;
	if (curl->easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK)
		facts->os_errno = (int)number;
	number = 0;
	if (curl->easy_getinfo(http->easy, CURLINFO_REQUEST_SIZE, &number) == CURLE_OK)
		/* A CONNECT to a proxy counts as a request, too, before there is a connection. */
		facts->sent = number > 0 &&
			      curl->easy_getinfo(http->easy, CURLINFO_PRETRANSFER_TIME_T,
						 &connected) == CURLE_OK &&
			      connected > 0;
	if (curl->easy_getinfo(http->easy, CURLINFO_REDIRECT_URL, &text) == CURLE_OK)
		facts->location = str_of(text);
	facts->error = str_of(http->error[0] ? http->error : curl->easy_strerror(facts->code));
}

/* Everything between a prepared handle and the facts about how it went. */
static void transfer(struct http *http, const struct sink *sink, const struct sink_request *request,
		     const struct sink_waiter *waiter, struct answer *answer,
		     struct verdict_facts *facts)
{
	const struct curl *curl = &http->curl;
	struct curl_setup setup = { .curl = curl, .easy = http->easy };
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + request->timeout_ns;
	struct str url = arena_printf(answer->arena, "%s%.*s", http->endpoint.base.p,
				      (int)request->path.n, request->path.p);
	struct curl_slist *headers = set_request(&setup, request, answer->arena);

	set_transport(&setup, &sink->conf, facts->credentials);
	set_answer(&setup, http, answer);
	curl_set_pointer(&setup, CURLOPT_URL, url.p);
	curl_set_long(&setup, CURLOPT_TIMEOUT_MS, to_ms(request->timeout_ns));
	facts->code = setup.failed;
	if (facts->code == CURLE_OK && curl->multi_add_handle(http->multi, http->easy) != CURLM_OK)
		facts->code = CURLE_FAILED_INIT;
	if (facts->code == CURLE_OK)
		facts->code = drive(http, deadline, waiter, &facts->interrupted);
	facts->full = answer->full;
	look(http, facts);
	facts->location = arena_str(answer->arena, facts->location);
	(void)curl->multi_remove_handle(http->multi, http->easy);
	if (facts->code == CURLE_OK) {
		curl->easy_reset(http->easy);
	} else {
		curl->easy_cleanup(http->easy);
		http->easy = NULL;
	}
	curl->slist_free_all(headers);
}

static enum sink_result http_send(struct sink *sink, const struct sink_request *request,
				  const struct sink_waiter *waiter, struct arena *arena,
				  struct sink_reply *ret)
{
	struct http *http = sink->self;
	struct credentials credentials = { 0 };
	struct answer answer = {
		.arena = arena,
		.max = request->reply_max ? request->reply_max : SINK_REPLY_MAX,
	};
	struct verdict_facts facts = {
		.where = http->endpoint.where,
		.host = http->endpoint.host,
		.timeout_ns = request->timeout_ns,
		.credentials = &credentials,
	};

	if (request->timeout_ns <= 0) {
		ret->message = STR("no time left to send anything");
		return SINK_DOWN;
	}
	if (credentials_read(&sink->conf, arena, &credentials, &ret->message) < 0)
		return SINK_MISCONFIGURED;
	if (prepare(http, arena, &ret->message) < 0)
		return http->multi ? SINK_DOWN : SINK_MISCONFIGURED;
	transfer(http, sink, request, waiter, &answer, &facts);
	ret->status = facts.status;
	ret->date = answer.date;
	ret->cut = answer.full;
	ret->hung_up = facts.code == CURLE_GOT_NOTHING;
	ret->body = (struct str){ answer.p ? answer.p : "", answer.n };
	facts.body = ret->body;
	return verdict(&facts, arena, &ret->message);
}

static void http_close(struct sink *sink)
{
	struct http *http = sink->self;

	if (http->easy)
		http->curl.easy_cleanup(http->easy);
	if (http->multi)
		(void)http->curl.multi_cleanup(http->multi);
}

const struct sink_type sink_http = {
	.name = "http",
	.schemes = "http:|https:",
	.remote = true,
	.open = http_open,
	.send = http_send,
	.close = http_close,
};
