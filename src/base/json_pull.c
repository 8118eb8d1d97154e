/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_pull.h"

#include "base/num.h"

static char peek(struct json_pull *pull)
{
	size_t n = 0;

	while (n < pull->rest.n && memchr(" \t\r\n", pull->rest.p[n], 4))
		n++;
	pull->rest = str_skip(pull->rest, n);
	if (pull->rest.n == 0)
		pull->bad = true;
	return pull->bad ? '\0' : pull->rest.p[0];
}

static bool fail(struct json_pull *pull)
{
	pull->bad = true;
	pull->rest.n = 0;
	return false;
}

/* Takes a string as it stands, without its quotes. */
static bool take_raw(struct json_pull *pull, struct str *ret, bool *ret_escapes)
{
	struct str s = str_skip(pull->rest, 1);
	size_t n = 0;

	*ret_escapes = false;
	while (n < s.n && s.p[n] != '"') {
		*ret_escapes |= s.p[n] == '\\';
		n += s.p[n] == '\\' ? 2 : 1;
	}
	if (n >= s.n)
		return fail(pull);
	*ret = (struct str){ s.p, n };
	pull->rest = str_skip(s, n + 1);
	return true;
}

static uint32_t hex4(struct str s)
{
	uint64_t code;

	if (s.n < 4 || memchr(s.p, 'x', 4) || num_hex((struct str){ s.p, 4 }, &code) < 0)
		return 0xfffd;
	return (uint32_t)code;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 63));
		}
		*to++ = (char)(0x80 | (c >> 6 & 63));
	}
	*to++ = (char)(0x80 | (c & 63));
	return to;
}

/* What follows \u: one half of a pair, alone, is no character. */
static char *put_code(char *to, struct str *rest)
{
	uint32_t code = hex4(*rest), low;

	*rest = str_skip(*rest, 4);
	if (code >= 0xd800 && code < 0xdc00 && str_starts(*rest, STR("\\u"))) {
		low = hex4(str_skip(*rest, 2));
		if (low >= 0xdc00 && low < 0xe000) {
			*rest = str_skip(*rest, 6);
			return put_utf8(to, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
		}
	}
	return put_utf8(to, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
}

static struct str unescape(struct json_pull *pull, struct str raw)
{
	static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
	char *p = arena_alloc(pull->arena, raw.n + 1), *to = p;

	while (raw.n) {
		size_t plain = str_find(raw, '\\');
		const char *known;

		memcpy(to, raw.p, plain);
		to += plain;
		raw = str_skip(raw, plain);
		if (raw.n < 2)
			break;
		if (raw.p[1] == 'u') {
			raw = str_skip(raw, 2);
			to = put_code(to, &raw);
			continue;
		}
		known = memchr(from, raw.p[1], sizeof(from) - 1);
		*to++ = known ? into[known - from] : raw.p[1];
		raw = str_skip(raw, 2);
	}
	return str_between(p, to);
}

static struct str take_string(struct json_pull *pull)
{
	struct str raw = { 0 };
	bool escapes;

	if (!take_raw(pull, &raw, &escapes))
		return (struct str){ 0 };
	return escapes ? unescape(pull, raw) : raw;
}

bool json_pull_enter(struct json_pull *pull, char open)
{
	if (peek(pull) != open) {
		json_pull_skip(pull);
		return false;
	}
	pull->rest = str_skip(pull->rest, 1);
	return true;
}

/* At the end of an object or array, which is taken; else a comma before the next is. */
static bool at_end(struct json_pull *pull, char close)
{
	char c = peek(pull);

	if (c == ',') {
		pull->rest = str_skip(pull->rest, 1);
		c = peek(pull);
	}
	if (c == close)
		pull->rest = str_skip(pull->rest, 1);
	return pull->bad || c == close;
}

bool json_pull_key(struct json_pull *pull, struct str *ret_key)
{
	struct str key;

	if (at_end(pull, '}'))
		return false;
	if (peek(pull) != '"')
		return fail(pull);
	key = take_string(pull);
	if (peek(pull) != ':')
		return fail(pull);
	pull->rest = str_skip(pull->rest, 1);
	*ret_key = key;
	return true;
}

bool json_pull_item(struct json_pull *pull)
{
	return !at_end(pull, ']');
}

struct str json_pull_text(struct json_pull *pull)
{
	if (peek(pull) == '"')
		return take_string(pull);
	json_pull_skip(pull);
	return (struct str){ 0 };
}

bool json_pull_yes(struct json_pull *pull)
{
	bool yes = peek(pull) == 't';

	json_pull_skip(pull);
	return yes;
}

/* Number, true, false, null: all that no other value can begin with or end at. */
static bool skip_word(struct json_pull *pull)
{
	size_t n = 0;

	while (n < pull->rest.n && !memchr(",:]}[{\" \t\r\n", pull->rest.p[n], 11))
		n++;
	if (n == 0)
		return fail(pull);
	pull->rest = str_skip(pull->rest, n);
	return true;
}

void json_pull_skip(struct json_pull *pull)
{
	size_t depth = 0;
	struct str raw;
	bool escapes;

	do {
		switch (peek(pull)) {
		case '"':
			(void)take_raw(pull, &raw, &escapes);
			break;
		case '{':
		case '[':
			depth++;
			pull->rest = str_skip(pull->rest, 1);
			break;
		case '}':
		case ']':
			if (depth-- == 0) {
				(void)fail(pull);
				return;
			}
			pull->rest = str_skip(pull->rest, 1);
			break;
		case ',':
		case ':':
			if (depth == 0)
				(void)fail(pull);
			pull->rest = str_skip(pull->rest, 1);
			break;
		default:
			if (!pull->bad)
				(void)skip_word(pull);
		}
	} while (depth && !pull->bad);
}
