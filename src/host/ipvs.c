/* SPDX-License-Identifier: Apache-2.0 */
/* net/netfilter/ipvs/ip_vs_ctl.c: numbers of endpoints are hexadecimal, IPv6 is in brackets. */
#include "host/ipvs.h"

#include <errno.h>

#include "base/ip.h"
#include "base/num.h"

enum { HEADINGS = 3 };

/* "C0A80016:0CEA", "[2620:0000:0000:0000:0000:0000:0000:0001]:0050". */
static bool parse_endpoint(struct arena *arena, struct str text, struct str *ret_address,
			   struct str *ret_port)
{
	char *bytes = arena_alloc(arena, 16);
	uint64_t value, port;
	size_t n = 0;

	while (text.n > 5) {
		if (text.p[0] == '[' || text.p[0] == ']' || text.p[0] == ':') {
			text = str_skip(text, 1);
			continue;
		}
		if (n == 16 || num_hex((struct str){ text.p, 2 }, &value) < 0)
			return false;
		bytes[n++] = (char)value;
		text = str_skip(text, 2);
	}
	if (text.n != 5 || text.p[0] != ':' || num_hex(str_skip(text, 1), &port) < 0)
		return false;
	*ret_address = ip_text((struct str){ bytes, n }, arena);
	*ret_port = arena_printf(arena, "%u", (unsigned)port);
	return ret_address->n;
}

/* "TCP  C0A80016:0CEA wlc", "FWM  10001000 wlc persistent 300". */
static bool take_service(struct str proto, struct str line, struct arena *arena,
			 struct ipvs_backend *service)
{
	struct str name;

	*service = (struct ipvs_backend){ .proto = proto };
	if (!str_word(&line, &name))
		return false;
	if (!str_eq(proto, STR("FWM")))
		return parse_endpoint(arena, name, &service->local_address, &service->local_port);
	service->local_mark = name;
	service->local_port = STR("0");
	return true;
}

/* "  -> C0A82016:0CEA      Tunnel  100    248        2" below the line of its service. */
static bool take_backend(struct str line, struct arena *arena, struct ipvs_backend *backend)
{
	struct str endpoint, forward;

	return backend->proto.n && str_word(&line, &endpoint) && str_word(&line, &forward) &&
	       parse_endpoint(arena, endpoint, &backend->remote_address, &backend->remote_port) &&
	       num_take_u64(&line, &backend->weight) && num_take_u64(&line, &backend->active) &&
	       num_take_u64(&line, &backend->inactive);
}

int ipvs_parse(struct str text, struct arena *arena, struct ipvs_backend **ret_backends,
	       size_t *ret_n, size_t *ret_bad_line)
{
	struct ipvs_backend service = { 0 }, backend, *all = NULL;
	struct str line, word;
	size_t n = 0, number = 0;
	int r = 0;

	while (str_line(&text, &line)) {
		if (++number <= HEADINGS || !str_word(&line, &word))
			continue;

		bool is_backend = str_eq(word, STR("->"));
		bool good;

		backend = service;
		good = is_backend ? take_backend(line, arena, &backend)
				  : take_service(word, line, arena, &service);
		if (!good) {
			r = -EBADMSG;
			*ret_bad_line = number;
			if (!is_backend)
				service = (struct ipvs_backend){ 0 };
		} else if (is_backend) {
			all = arena_grow(arena, all, n, sizeof(*all));
			all[n++] = backend;
		}
	}
	*ret_backends = all;
	*ret_n = n;
	if (number >= HEADINGS)
		return r;
	*ret_bad_line = 0;
	return -EBADMSG;
}
