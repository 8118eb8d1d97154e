/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics as Prometheus meets it. When the gateway cannot give it, it answers 500 and complains of
 * every metric that is in the way: 'collected metric "x" { label:<name:"a" value:"\377" > ... } has
 * ...', in the notation of protobuf's text format, of which each library has its own dialect.
 */
#include "push/gateway.h"

#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "push/gateway_internal.h"

enum { COMPLAINTS_MAX = 10000, COMPLAINT_LABELS_MAX = 256 };

static bool octal(char c)
{
	return c >= '0' && c <= '7';
}

/* One escape of C's, the backslash taken already. */
static char escape(struct str *rest)
{
	static const char from[] = "abfnrtv", into[] = "\a\b\f\n\r\t\v";
	char c = rest->p[0];
	const char *known = memchr(from, c, sizeof(from) - 1);
	uint64_t code = 0;
	size_t n = 0;

	if (known || !(octal(c) || (c == 'x' && rest->n >= 3))) {
		*rest = str_skip(*rest, 1);
		return known ? into[known - from] : c;
	}
	if (c == 'x') {
		(void)num_hex((struct str){ rest->p + 1, 2 }, &code);
		n = 3;
	}
	while (c != 'x' && n < 3 && n < rest->n && octal(rest->p[n]))
		code = code * 8 + (uint64_t)(rest->p[n++] - '0');
	*rest = str_skip(*rest, n);
	return (char)code;
}

/* Takes a quoted string off the front; false when there is none. */
static bool take_quoted(struct str *rest, struct arena *arena, struct str *ret)
{
	struct str s = *rest;
	size_t cap = 64;
	char *p, *to;

	if (!str_starts(s, STR("\"")))
		return false;
	s = str_skip(s, 1);
	p = to = arena_alloc(arena, cap);

	while (s.n && s.p[0] != '"') {
		char c = s.p[0];

		s = str_skip(s, 1);
		if (c == '\\' && s.n)
			c = escape(&s);
		if ((size_t)(to - p) == cap) {
			p = arena_resize(arena, p, cap, cap * 2);
			to = p + cap;
			cap *= 2;
		}
		*to++ = c;
	}
	if (!s.n)
		return false;
	*rest = str_skip(s, 1);
	*ret = str_between(p, to);
	return true;
}

static void skip_blanks(struct str *rest)
{
	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = str_skip(*rest, 1);
}

/* name:"VALUE", or false and nothing taken. */
static bool take_field(struct str *rest, struct str name, struct arena *arena, struct str *ret)
{
	struct str s = *rest;

	skip_blanks(&s);
	if (!str_starts(s, name))
		return false;
	s = str_skip(s, name.n);
	skip_blanks(&s);
	if (!take_quoted(&s, arena, ret))
		return false;
	*rest = s;
	return true;
}

/* Takes all labels from { label:<name:"a" value:"b" > ... }; what remains is behind the brace. */
static uint32_t take_labels(struct str *rest, struct arena *arena, struct label *ret)
{
	uint32_t n = 0;
	int depth = 0;

	while (rest->n) {
		char c = rest->p[0];
		struct str skipped;

		if (c == '"') {
			if (!take_quoted(rest, arena, &skipped))
				break;
			continue;
		}
		depth += c == '{' || c == '<';
		depth -= c == '}' || c == '>';
		*rest = str_skip(*rest, 1);
		if (depth <= 0)
			return n;
		if (depth == 2 && n < COMPLAINT_LABELS_MAX) {
			struct label label = { 0 };

			if (!take_field(rest, STR("name:"), arena, &label.name))
				continue;
			(void)take_field(rest, STR("value:"), arena, &label.value);
			ret[n++] = label;
		}
	}
	*rest = (struct str){ 0 };
	return n;
}

/* 'collected metric "x"', 'collected metric named "x"', 'gathered metric family x'. */
static struct str take_family(struct str *line, struct arena *arena)
{
	struct str look = *line, word = { 0 }, family = { 0 };

	(void)str_word(&look, &word);
	(void)str_word(&look, &word);
	skip_blanks(&look);
	if (str_starts(look, STR("named ")) || str_starts(look, STR("family ")))
		(void)str_word(&look, &word);
	skip_blanks(&look);
	if (!take_quoted(&look, arena, &family))
		(void)str_word(&look, &family);
	*line = look;
	return family;
}

static void add_complaint(struct gateway *g, struct str line)
{
	struct gateway_complaint c = { .text = line };
	struct label labels[COMPLAINT_LABELS_MAX];
	struct label *kept, *lossy;

	c.family = take_family(&line, &g->arena);
	skip_blanks(&line);
	if (str_starts(line, STR("{")))
		c.n = take_labels(&line, &g->arena, labels);
	c.why = str_trim(line);
	kept = arena_zalloc(&g->arena, c.n + 1, sizeof(*kept));
	lossy = arena_zalloc(&g->arena, c.n + 1, sizeof(*lossy));
	for (uint32_t i = 0; i < c.n; i++) {
		kept[i] = labels[i];
		lossy[i] = (struct label){ labels[i].name, arena_utf8(&g->arena, labels[i].value) };
	}
	c.labels = kept;
	c.lossy = lossy;
	g->complaints =
		arena_grow(&g->arena, g->complaints, g->n_complaints, sizeof(*g->complaints));
	g->complaints[g->n_complaints++] = c;
}

static void read_error(struct gateway *g, struct str body)
{
	struct str rest = arena_str(&g->arena, body), line;

	while (str_line(&rest, &line) && g->n_complaints < COMPLAINTS_MAX) {
		if (str_starts(line, STR("* ")))
			line = str_skip(line, 2);
		if (str_starts(line, STR("collected metric")) ||
		    str_starts(line, STR("gathered metric")))
			add_complaint(g, line);
	}
}

/* In '# TYPE NAME gauge' a name has quotes or no need of them, but with gateways before 1.11. */
static bool raw_name(struct str line)
{
	struct str name, type, more;

	line = str_skip(line, 7);
	if (str_starts(line, STR("\"")))
		return false;
	return !str_word(&line, &name) || !gateway_legal_name(name) || !str_word(&line, &type) ||
	       str_word(&line, &more);
}

static void measure(struct gateway *g, struct str body)
{
	struct str line;

	g->scrape_bytes = body.n;
	g->scrape_utf8 = str_utf8_valid(body);
	while (str_line(&body, &line)) {
		g->scrape_series += line.n && line.p[0] != '#';
		g->scrape_raw |= str_starts(line, STR("# TYPE ")) && raw_name(line);
	}
}

void gateway_scrape(struct gateway *g, struct sink *sink, int64_t timeout_ns)
{
	_cleanup_arena_ struct arena scratch = { 0 };
	struct sink_request request = {
		.method = SINK_GET,
		.path = g->telemetry,
		/* As Prometheus 3 does: others are given names with _ for what they cannot read. */
		.accept = "text/plain;version=1.0.0;escaping=allow-utf-8, text/plain;q=0.5, "
			  "*/*;q=0.1",
		.timeout_ns = timeout_ns,
		.reply_max = GATEWAY_REPLY_MAX,
	};
	int64_t begin = clock_ns(CLOCK_MONOTONIC);
	struct sink_reply reply;
	enum sink_result result = sink_send(sink, &request, NULL, &scratch, &reply);

	g->scrape_ns = clock_ns(CLOCK_MONOTONIC) - begin;
	g->scrape_status = result == SINK_OK || reply.status != 200 ? reply.status : 0;
	g->scrape_cut = reply.cut;
	g->scrape = arena_str(&g->arena, reply.message);
	if (result == SINK_OK)
		measure(g, reply.body);
	else
		read_error(g, reply.body);
}
