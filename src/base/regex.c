/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCRE2's limit counts anew at each place where a match may begin, so an expression that is to be
 * found anywhere is compiled with something lazy in front of it and begins at one place only. Not
 * compiled to machine code: that needs memory that is both written and executed.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/regex.h"

#include <errno.h>
#include <pcre2.h>
#include <stdalign.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"

/*
 * Steps of one match: some milliseconds. One that needs them all halves what the next may take, any
 * other gives a little back: thousands of texts in a cycle may not take that long each.
 */
enum { STEPS_MAX = 100000, STEPS_MIN = 1000, FREE_MAX = 1 << 20, HEAP_MAX_KIB = 4096 };

/*
 * One step may go through all of the text, as [^x]* does: where that is long, and a match took
 * longer than going through it a few times does, the next one may take half as many, too.
 */
enum { LONG_TEXT = 4096, SLOW_NS = 5000000, SLOW_BYTE_NS = 50 };

/* What pcre2_match() allocates is 20 kB of frames and a little more. */
enum { ROOM_BYTES = 24 << 10, EXCERPT_MAX = 32 };

struct regex {
	pcre2_code *code;
	pcre2_match_context *context;
	uint32_t steps;
	uint32_t groups; /* what pcre2_match() has to tell, the whole match included */
	bool gave_up;
	struct buf valid; /* of a text that is not UTF-8 */
	struct str text;
};

/* Memory for one match, on the stack of who matches. */
struct room {
	size_t used;
	alignas(16) char bytes[ROOM_BYTES];
};

static void *room_alloc(size_t size, void *arg)
{
	struct room *room = arg;
	void *p = room->bytes + room->used;

	if (size > ROOM_BYTES - room->used)
		return malloc(size);
	room->used += (size + 15) & ~(size_t)15;
	return p;
}

static void room_free(void *p, void *arg)
{
	const struct room *room = arg;

	if ((uintptr_t)p - (uintptr_t)room->bytes >= ROOM_BYTES)
		free(p);
}

/* The end of what stands in brackets at `at`: their ], or the end of the text. */
static size_t skip_class(struct str text, size_t at, size_t *ret_bad)
{
	at += 1 + (at + 1 < text.n && text.p[at + 1] == '^');
	at += at < text.n && text.p[at] == ']';
	for (; at < text.n && text.p[at] != ']'; at++) {
		if (text.p[at] == '\\') {
			at++;
			if (at < text.n && (text.p[at] == 'Q' || text.p[at] == 'E'))
				*ret_bad = at;
		} else if (str_starts(str_skip(text, at), STR("[:"))) {
			size_t end = at + 2;

			while (end < text.n &&
			       (text.p[end] == '^' ||
				((text.p[end] | 0x20) >= 'a' && (text.p[end] | 0x20) <= 'z')))
				end++;
			if (str_starts(str_skip(text, end), STR(":]")))
				at = end + 1;
		}
	}
	return at;
}

/* Whether `rest`, which begins with "(?", opens a group that RE2 has, or sets flags that it has. */
static bool is_known_group(struct str rest)
{
	rest = str_skip(rest, 2);
	if (str_starts(rest, STR("P<")))
		return true;
	if (str_starts(rest, STR("<")))
		return !str_starts(rest, STR("<=")) && !str_starts(rest, STR("<!"));
	while (rest.n && memchr("imsU-", rest.p[0], 5))
		rest = str_skip(rest, 1);
	return rest.n && (rest.p[0] == ':' || rest.p[0] == ')');
}

/*
 * The first thing that PCRE2 has and RE2 has not, in bytes; empty when there is none. What gets
 * past this is bounded by the steps all the same.
 */
static struct str find_unknown(struct str text)
{
	static const char escapes[] = "0ABDEQPSWabdfnprstvwxz";

	for (size_t at = 0; at < text.n; at++) {
		struct str rest = str_skip(text, at);
		size_t bad = 0;

		if (rest.p[0] == '[') {
			at = skip_class(text, at, &bad);
			if (bad)
				return (struct str){ text.p + bad - 1, 2 };
		} else if (str_starts(rest, STR("(*")) ||
			   (str_starts(rest, STR("(?")) && !is_known_group(rest))) {
			return (struct str){ rest.p, rest.n < 4 ? rest.n : 4 };
		} else if (rest.p[0] == '\\' && rest.n > 1) {
			unsigned char c = (unsigned char)rest.p[1];
			bool is_word =
				(c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

			if (is_word && !memchr(escapes, c, sizeof(escapes) - 1))
				return (struct str){ rest.p, 2 };
			at++;
			while (c == 'Q' && at + 1 < text.n &&
			       !str_starts(str_skip(text, at + 1), STR("\\E")))
				at++;
		}
	}
	return (struct str){ 0 };
}

/* What stands in front of the place of a mistake, in so far as it fits into a line. */
static struct str excerpt(struct str text, size_t at)
{
	size_t from = at > EXCERPT_MAX ? at - EXCERPT_MAX : 0;

	while (from < at && ((unsigned char)text.p[from] & 0xc0) == 0x80)
		from++;
	return (struct str){ text.p + from, at - from };
}

static int not_one(struct str text, struct str message, size_t at, struct arena *arena,
		   struct str *ret_why)
{
	struct str before = excerpt(text, at < text.n ? at : text.n);

	*ret_why = arena_printf(arena, "not a regular expression: %.*s at offset %zu%s%.*s%s",
				STR_ARG(message), at, before.n ? ", behind \"" : "",
				STR_ARG(before), before.n ? "\"" : "");
	return -EINVAL;
}

/* With REGEX_WHOLE as it is, else behind what finds it. */
static int compile_code(struct str text, int flags, pcre2_compile_context *context,
			pcre2_code **ret, size_t *ret_at)
{
	uint32_t options = PCRE2_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOTALL |
			   PCRE2_DOLLAR_ENDONLY | PCRE2_ANCHORED;
	int error;

	if (flags & REGEX_WHOLE)
		options |= PCRE2_ENDANCHORED;
	if (!(flags & REGEX_GROUPS))
		options |= PCRE2_NO_AUTO_CAPTURE;
	*ret = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &error, ret_at, context);
	return *ret ? 0 : error;
}

static int compile_both(struct str text, int flags, struct arena *arena, pcre2_code **ret,
			size_t *ret_at)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	int error;

	if (!context)
		abort();
	(void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	error = compile_code(text, flags, context, ret, ret_at);
	if (!error && !(flags & REGEX_WHOLE)) {
		/* That it stands alone has just been seen: nothing in it can close the group. */
		text = ARENA_CONCAT(arena, STR(".*?\\K(?:"), text, STR("\\E)"));
		pcre2_code_free(*ret);
		error = compile_code(text, flags, context, ret, ret_at);
	}
	pcre2_compile_context_free(context);
	return error;
}

static uint32_t info(const pcre2_code *code, uint32_t what)
{
	uint32_t n = 0;

	(void)pcre2_pattern_info(code, what, &n);
	return n;
}

int regex_compile(struct str text, int flags, struct arena *arena, struct regex **ret,
		  struct str *ret_why)
{
	struct str unknown;
	PCRE2_UCHAR message[256];
	pcre2_code *code;
	struct regex *regex;
	size_t at = 0;
	int error;

	if (text.n > REGEX_MAX) {
		*ret_why = arena_printf(arena, "longer than %d bytes", REGEX_MAX);
		return -EINVAL;
	}
	text = arena_str(arena, text);
	if (memchr(text.p, '\0', text.n)) {
		*ret_why = STR("not text without NUL bytes");
		return -EINVAL;
	}
	unknown = find_unknown(text);
	if (unknown.n)
		return not_one(text, ARENA_CONCAT(arena, STR("RE2 has no "), unknown),
			       (size_t)(unknown.p - text.p), arena, ret_why);
	error = compile_both(text, flags, arena, &code, &at);
	if (error) {
		(void)pcre2_get_error_message(error, message, sizeof(message));
		return not_one(text, str_of((const char *)message), at, arena, ret_why);
	}
	if (info(code, PCRE2_INFO_CAPTURECOUNT) >= REGEX_GROUPS_MAX) {
		pcre2_code_free(code);
		*ret_why = arena_printf(arena, "more than %d groups", REGEX_GROUPS_MAX - 1);
		return -EINVAL;
	}
	regex = malloc(sizeof(*regex) + text.n + 1);
	if (!regex)
		abort();
	*regex = (struct regex){
		.code = code,
		.context = pcre2_match_context_create(NULL),
		.steps = STEPS_MAX,
		.groups = 1 + info(code, PCRE2_INFO_CAPTURECOUNT),
		.text = { (char *)(regex + 1), text.n },
	};
	if (!regex->context)
		abort();
	memcpy(regex + 1, text.p, text.n + 1);
	(void)pcre2_set_heap_limit(regex->context, HEAP_MAX_KIB);
	*ret = regex;
	return 0;
}

void regex_free(struct regex *regex)
{
	if (!regex)
		return;
	pcre2_code_free(regex->code);
	pcre2_match_context_free(regex->context);
	buf_release(&regex->valid);
	free(regex);
}

/* Each byte that is part of no character becomes U+FFFD, which `.` and [^a] match, as in Go. */
static struct str make_valid(struct buf *buf, struct str text)
{
	buf_reset(buf);
	while (text.n) {
		size_t n = str_utf8_char(text);

		buf_str(buf, n ? (struct str){ text.p, n } : STR("\xef\xbf\xbd"));
		text = str_skip(text, n ? n : 1);
	}
	return buf_view(buf);
}

/* Where in the text lies what is at `offset` of what make_valid() made of it? */
static size_t offset_back(struct str text, size_t offset)
{
	size_t at = 0;

	while (offset && at < text.n) {
		size_t n = str_utf8_char(str_skip(text, at));

		at += n ? n : 1;
		offset -= n ? n : 3;
	}
	return at;
}

static void take_steps(struct regex *regex)
{
	if (regex->steps > STEPS_MIN)
		regex->steps /= 2;
}

static bool was_found(struct regex *regex, int rc)
{
	if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH) {
		if (regex->steps < STEPS_MAX)
			regex->steps += regex->steps / 64;
		return rc >= 0;
	}
	regex->gave_up = true;
	take_steps(regex);
	return false;
}

static void tell_groups(const struct regex *regex, pcre2_match_data *data, struct str text,
			bool is_valid, struct regex_groups *ret)
{
	const size_t *at = pcre2_get_ovector_pointer(data);

	ret->n = regex->groups;
	for (size_t i = 0; i < ret->n; i++) {
		size_t from = at[2 * i], to = at[2 * i + 1];

		ret->v[i] = (struct str){ 0 };
		if (from == PCRE2_UNSET)
			continue;
		if (!is_valid) {
			from = offset_back(text, from);
			to = offset_back(text, to);
		}
		ret->v[i] = (struct str){ text.p ? text.p + from : "", to - from };
	}
}

static bool search(struct regex *regex, struct str text, struct regex_groups *ret)
{
	bool is_valid = str_utf8_valid(text), found;
	struct str subject = is_valid ? text : make_valid(&regex->valid, text);
	uint64_t n = text.n < FREE_MAX ? text.n : FREE_MAX;
	/* One way through a text is free, for an expression that gave no trouble. */
	uint32_t steps = regex->steps + (uint32_t)(4 * n * regex->steps / STEPS_MAX);
	int64_t begin = n > LONG_TEXT ? clock_ns(CLOCK_THREAD_CPUTIME_ID) : 0;
	pcre2_general_context *general;
	pcre2_match_data *data;
	struct room room;

	if (!is_valid && regex->valid.err)
		return was_found(regex, PCRE2_ERROR_NOMEMORY);
	(void)pcre2_set_match_limit(regex->context, steps);
	room.used = 0;
	general = pcre2_general_context_create(room_alloc, room_free, &room);
	data = pcre2_match_data_create(ret ? regex->groups : 1, general);
	found = was_found(regex,
			  pcre2_match(regex->code, (PCRE2_SPTR)(subject.p ? subject.p : ""),
				      subject.n, 0, PCRE2_NO_UTF_CHECK, data, regex->context));
	if (n > LONG_TEXT &&
	    clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin > SLOW_NS + (int64_t)n * SLOW_BYTE_NS)
		take_steps(regex);
	if (found && ret)
		tell_groups(regex, data, text, is_valid, ret);
	pcre2_match_data_free(data);
	pcre2_general_context_free(general);
	return found;
}

bool regex_match(struct regex *regex, struct str text)
{
	return search(regex, text, NULL);
}

bool regex_find(struct regex *regex, struct str text, struct regex_groups *ret)
{
	return search(regex, text, ret);
}

struct str regex_text(const struct regex *regex)
{
	return regex->text;
}

size_t regex_n_groups(const struct regex *regex)
{
	return regex->groups - 1;
}

struct str regex_name(const struct regex *regex, size_t group)
{
	uint32_t n = info(regex->code, PCRE2_INFO_NAMECOUNT);
	uint32_t size = info(regex->code, PCRE2_INFO_NAMEENTRYSIZE);
	const unsigned char *entry = NULL;

	(void)pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &entry);
	for (; n; n--, entry += size)
		if (((size_t)entry[0] << 8 | entry[1]) == group)
			return str_of((const char *)entry + 2);
	return STR("");
}

static bool in_name(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

/* The name behind a $, with its braces; empty when there is none. */
static struct str take_name(struct str *rest)
{
	bool braced = str_starts(*rest, STR("{"));
	struct str name = { rest->p + braced, 0 };

	while (braced + name.n < rest->n && in_name(name.p[name.n]))
		name.n++;
	if (braced && (braced + name.n == rest->n || name.p[name.n] != '}'))
		name.n = 0;
	if (name.n)
		*rest = str_skip(*rest, name.n + 2 * (size_t)braced);
	return name;
}

static struct str group_value(const struct regex *regex, struct str name,
			      const struct regex_groups *groups)
{
	for (size_t i = 0; i < groups->n; i++) {
		char number[NUM_TEXT_MAX];
		struct str digits = { number, num_print_u64(number, i) };

		if (str_eq(name, digits) || (regex && str_eq(name, regex_name(regex, i))))
			return groups->v[i];
	}
	return (struct str){ 0 };
}

void regex_expand(const struct regex *regex, struct str template, const struct regex_groups *groups,
		  struct buf *out)
{
	size_t at;

	while ((at = str_find(template, '$')) < template.n) {
		struct str name;

		buf_put(out, template.p, at);
		template = str_skip(template, at + 1);
		name = take_name(&template);
		if (name.n)
			buf_str(out, group_value(regex, name, groups));
		else
			buf_char(out, '$');
		if (!name.n && str_starts(template, STR("$")))
			template = str_skip(template, 1);
	}
	buf_str(out, template);
}

bool regex_gave_up(struct regex *regex)
{
	bool gave_up = regex && regex->gave_up;

	if (gave_up)
		regex->gave_up = false;
	return gave_up;
}
