/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the sockets of runtimes: HTTP, with one time limit for all of a cycle together. */
#pragma once

#include "base/curl.h"
#include "host/host.h"

enum { SOCKETS_OPEN_MAX = 16, SOCKET_ANSWER_MAX = 1 << 20, SOCKET_LIST_MAX = 8 << 20 };

struct runtime_socket {
	struct str path;
	int fd;     /* of the socket as a file, never of a connection; or -errno */
	CURL *easy; /* with its connection, for the next request */
};

/* The library stays for the life of the process; all else is of a cycle. */
struct sockets {
	struct curl curl;
	bool loaded;
	struct host *host;
	struct arena *arena; /* for answers and words */
	int64_t deadline_ns; /* CLOCK_MONOTONIC */
	long fair_ms;        /* who gets less than this was not slow, but late */
	size_t n;
	struct runtime_socket v[SOCKETS_OPEN_MAX];
};

/* Whether there is a socket at that path below --rootfs: 0 or -errno. */
int socket_exists(struct sockets *sockets, struct str path);
/*
 * GET. 0 with the body of a 200; -ENOENT for a 404, and when there is no such socket; -EAGAIN when
 * the time was up before there was a fair chance; else -errno with ret_why in words: -ETIMEDOUT,
 * -EFBIG for more than `max`, -EPROTO for another status, -EIO.
 */
int socket_get(struct sockets *sockets, struct str path, struct str target, size_t max,
	       struct str *ret_body, struct str *ret_why);
/* Ends all connections. */
void sockets_close(struct sockets *sockets);
