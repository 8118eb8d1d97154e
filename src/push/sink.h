/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where payloads go. A sink moves bytes: it knows URLs, credentials and time limits, and
 * nothing of metrics. Adding one is a file with one const struct and a row in sink.c.
 */
#pragma once

#include "base/arena.h"
#include "base/opt.h"

/* What became of a delivery, as far as a later decision depends on it. */
enum sink_result {
	SINK_OK,            /* stored */
	SINK_OK_UNTYPED,    /* 204: accepted by something that is no Pushgateway */
	SINK_REFUSED,       /* 400, 413, 415, 422: this payload will never be accepted as it is */
	SINK_MISCONFIGURED, /* 401, 403, 404, 405, redirects, TLS: needs a person */
	SINK_DOWN,          /* not resolved, refused, cut off before sending, 429, 5xx: later */
	SINK_UNKNOWN,       /* timed out or cut off after sending: nobody knows what was stored */
	SINK_INTERRUPTED,   /* the waiter said stop */
};

enum sink_method { SINK_POST, SINK_PUT, SINK_DELETE, SINK_GET };

struct sink_request {
	enum sink_method method;
	struct str path; /* below the base URL: "/metrics/job/x/instance/y", already escaped */
	struct str body;
	const char *content_type; /* NULL without a body */
	const char *accept;       /* what a GET would rather have; NULL: anything */
	bool gzipped;             /* the body is gzip */
	int64_t timeout_ns;       /* for everything: resolving, connecting, sending, the answer */
	size_t reply_max;         /* how much of the answer is wanted; 0: SINK_REPLY_MAX */
};

struct sink_reply {
	int status;         /* HTTP status, 0 when there was none */
	struct str body;    /* the answer, as far as wanted, borrowed from the arena */
	bool cut;           /* there was more of it */
	bool hung_up;       /* the connection was closed without a word */
	int64_t date;       /* the server's clock, in seconds; 0: not told */
	struct str message; /* one line for a person: "connection refused by 127.0.0.1:9091" */
};

enum { SINK_REPLY_MAX = 1 << 20 };

/* How to reach the target; filled from the push and push.tls sections. */
struct sink_conf {
	struct str url; /* http://, https://, file:///path, stdout: */
	struct str user, password_file, bearer_token_file;
	struct str ca, cert, key;
	bool insecure;
};

/*
 * Watched beside the transfer: when `fd` (an epoll fd, or -1) becomes readable `stop` is
 * asked; true ends the transfer with SINK_INTERRUPTED. It must consume what made fd readable.
 */
struct sink_waiter {
	int fd;
	bool (*stop)(void *arg);
	void *arg;
};

struct sink;

struct sink_type {
	const char *name;
	const char *schemes; /* "http:|https:" */
	bool remote;         /* somebody answers there, who may be asked what he takes */
	int (*open)(struct sink *sink, struct str *ret_why);
	enum sink_result (*send)(struct sink *sink, const struct sink_request *request,
				 const struct sink_waiter *waiter, struct arena *arena,
				 struct sink_reply *ret);
	void (*close)(struct sink *sink); /* NULL: nothing to do */
};

struct sink {
	const struct sink_type *type;
	struct sink_conf conf;
	struct arena arena; /* lives as long as the sink */
	void *self;         /* the type's own */
};

/*
 * Checks the URL and opens the sink; nothing is sent and libcurl is not loaded yet. Returns 0
 * or -EINVAL with ret_why ("push.url: unknown scheme ftp, known are http, https, file, stdout"),
 * which lives until sink_close(): that is due after a failure too.
 */
int sink_open(struct sink *sink, const struct sink_conf *conf, struct str *ret_why);
enum sink_result sink_send(struct sink *sink, const struct sink_request *request,
			   const struct sink_waiter *waiter, struct arena *arena,
			   struct sink_reply *ret);
void sink_close(struct sink *sink);

extern const struct sink_type sink_http;
extern const struct sink_type sink_file;
extern const struct sink_type sink_stdout;
