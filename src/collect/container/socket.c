/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl connects by a path, and the one that is known is below --rootfs: it is given as that of
 * a descriptor in /proc/self/fd, which also has no limit of 107 bytes.
 */
#include "config.h"

#include "collect/container/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct body {
	struct arena *arena;
	char *p;
	size_t n, cap, max;
	bool full;
};

static struct runtime_socket *find(struct sockets *sockets, struct str path)
{
	struct runtime_socket *socket;
	const char *name = arena_cstr(sockets->arena, str_skip(path, 1));
	int root = sockets->host->dir[HOST_ROOT], fd;
	struct stat st;

	for (size_t i = 0; i < sockets->n; i++)
		if (str_eq(sockets->v[i].path, path))
			return &sockets->v[i];
	if (sockets->n == SOCKETS_OPEN_MAX)
		return NULL;
	fd = root < 0 ? root : openat(root, name, O_PATH | O_CLOEXEC);
	if (fd < 0 && root >= 0)
		fd = -errno;
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))) {
		(void)close(fd);
		fd = -ENOENT;
	}
	socket = &sockets->v[sockets->n++];
	*socket = (struct runtime_socket){ .path = path, .fd = fd };
	return socket;
}

int socket_exists(struct sockets *sockets, struct str path)
{
	const struct runtime_socket *socket = find(sockets, path);

	if (!socket)
		return -EMFILE;
	return socket->fd < 0 ? socket->fd : 0;
}

/* libcurl's sockets are inherited over exec unless somebody else opens them. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct body *body = arg;
	size_t more = size * n;

	if (more > body->max - body->n) {
		body->full = true;
		return 0;
	}
	if (body->cap - body->n < more) {
		size_t cap = body->cap ? body->cap : 16 << 10;

		while (cap - body->n < more)
			cap *= 2;
		body->p = arena_resize(body->arena, body->p, body->cap, cap);
		body->cap = cap;
	}
	if (more)
		memcpy(body->p + body->n, data, more);
	body->n += more;
	return more;
}

static int prepare(struct sockets *sockets, struct runtime_socket *socket, struct str *ret_why)
{
	const char *why = "";

	if (!sockets->loaded && curl_load(&sockets->curl, &why) < 0) {
		*ret_why = arena_printf(sockets->arena, "libcurl.so.4 cannot be loaded: %s", why);
		return -EIO;
	}
	sockets->loaded = true;
	if (!socket->easy)
		socket->easy = sockets->curl.easy_init();
	if (socket->easy)
		return 0;
	*ret_why = STR("libcurl cannot start");
	return -EIO;
}

static bool set_up(struct sockets *sockets, const struct runtime_socket *socket, struct str target,
		   struct body *body, long left_ms)
{
	const struct curl *curl = &sockets->curl;
	CURL *easy = socket->easy;
	struct str place = arena_printf(sockets->arena, "/proc/self/fd/%d", socket->fd);
	struct str url = ARENA_CONCAT(sockets->arena, STR("http://localhost"), target);

	curl->easy_reset(easy);
	(void)curl->easy_setopt(easy, CURL_OPTION_PROTOCOLS_STR, "http");
	return !curl->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, place.p) &&
	       !curl->easy_setopt(easy, CURLOPT_URL, arena_cstr(sockets->arena, url)) &&
	       !curl->easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
	       !curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       !curl->easy_setopt(easy, CURLOPT_USERAGENT, "peekpush/" PACKAGE_VERSION) &&
	       !curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
	       !curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) &&
	       !curl->easy_setopt(easy, CURLOPT_WRITEDATA, body) &&
	       !curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms);
}

static int judge(struct sockets *sockets, struct runtime_socket *socket, CURLcode code,
		 const struct body *body, long left_ms, struct str *ret_why)
{
	long status = 0;

	if (code == CURLE_OK)
		(void)sockets->curl.easy_getinfo(socket->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OPERATION_TIMEDOUT && left_ms < sockets->fair_ms)
		return -EAGAIN;
	if (code == CURLE_OPERATION_TIMEDOUT) {
		*ret_why = arena_printf(sockets->arena, "no answer within %ld ms", left_ms);
		return -ETIMEDOUT;
	}
	if (body->full) {
		*ret_why =
			arena_printf(sockets->arena, "an answer of more than %zu bytes", body->max);
		return -EFBIG;
	}
	if (code != CURLE_OK) {
		*ret_why = arena_printf(sockets->arena, "%s", sockets->curl.easy_strerror(code));
		return -EIO;
	}
	if (status == 404)
		return -ENOENT;
	if (status == 200)
		return 0;
	*ret_why = arena_printf(sockets->arena, "it answers with status %ld", status);
	return -EPROTO;
}

/* A failed connect has no words but "Couldn't connect": they are found by another one. */
static bool may_connect(const struct sockets *sockets, const struct runtime_socket *socket,
			struct str *ret_why)
{
	struct str place = arena_printf(sockets->arena, "/proc/self/fd/%d", socket->fd);

	if (faccessat(AT_FDCWD, place.p, W_OK, AT_EACCESS) == 0)
		return true;
	*ret_why = arena_printf(sockets->arena, "%s", strerror(errno));
	return false;
}

int socket_get(struct sockets *sockets, struct str path, struct str target, size_t max,
	       struct str *ret_body, struct str *ret_why)
{
	struct runtime_socket *socket = find(sockets, path);
	struct body body = { .arena = sockets->arena, .max = max };
	long left_ms = (long)((sockets->deadline_ns - clock_ns(CLOCK_MONOTONIC)) / 1000000);
	CURLcode code;
	int r;

	if (!socket || socket->fd < 0)
		return -ENOENT;
	if (left_ms < 1)
		return -EAGAIN;
	if (!may_connect(sockets, socket, ret_why))
		return -EIO;
	r = prepare(sockets, socket, ret_why);
	if (r < 0)
		return r;
	if (!set_up(sockets, socket, target, &body, left_ms)) {
		*ret_why = STR("libcurl is too old");
		return -EIO;
	}
	code = sockets->curl.easy_perform(socket->easy);
	r = judge(sockets, socket, code, &body, left_ms, ret_why);
	/* What did not end by itself would go on with the next request. */
	if (code != CURLE_OK) {
		sockets->curl.easy_cleanup(socket->easy);
		socket->easy = NULL;
	}
	if (r == 0)
		*ret_body = (struct str){ body.p, body.n };
	return r;
}

void sockets_close(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		if (sockets->v[i].easy)
			sockets->curl.easy_cleanup(sockets->v[i].easy);
		if (sockets->v[i].fd >= 0)
			(void)close(sockets->v[i].fd);
	}
	sockets->n = 0;
}
