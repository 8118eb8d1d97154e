/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/scan.h"

#include <strings.h>

#include "base/num.h"

void scan_begin(struct scan *scan, struct str text, struct arena *arena)
{
	*scan = (struct scan){
		.rest = str_starts(text, STR("\xef\xbb\xbf")) ? str_skip(text, 3) : text,
		.arena = arena,
		.labels = arena_alloc(arena, SCAN_LABELS_MAX * sizeof(struct label)),
	};
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct str skip_blanks(struct str s)
{
	while (s.n && blank(s.p[0]))
		s = str_skip(s, 1);
	return s;
}

/* Up to the next blank. */
static struct str take_word(struct str *rest)
{
	size_t n = 0;

	*rest = skip_blanks(*rest);
	while (n < rest->n && !blank(rest->p[n]))
		n++;

	struct str word = { rest->p, n };

	*rest = str_skip(*rest, n);
	return word;
}

/* What may stand in a name; whether it begins rightly is for the gate. '0' to '9' and ':' adjoin.
 */
static bool in_name(char c)
{
	unsigned u = (unsigned char)c;

	return (u | 0x20) - 'a' < 26 || u - '0' < 11 || u == '_';
}

static struct str take_name(struct str *rest)
{
	size_t n = 0;

	while (n < rest->n && in_name(rest->p[n]))
		n++;

	struct str name = { rest->p, n };

	*rest = str_skip(*rest, n);
	return name;
}

/*
 * Any other backslash stands for itself. OpenMetrics has \" in HELP texts, too, and there is no
 * other sense it could have there.
 */
static struct str unescape(struct arena *arena, struct str s)
{
	char *p;
	size_t n = 0;

	if (str_find(s, '\\') == s.n)
		return s;
	p = arena_alloc(arena, s.n);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\0';

		if (c == '\\' && (next == '\\' || next == 'n' || next == '"')) {
			c = next == 'n' ? '\n' : next;
			i++;
		}
		p[n++] = c;
	}
	return (struct str){ p, n };
}

static bool bad(struct scan_item *item, const char *why)
{
	item->kind = SCAN_BAD;
	item->why = why;
	return true;
}

static bool take_quoted(struct scan *scan, struct str *rest, struct str *ret)
{
	size_t n = 1;

	if (!rest->n || rest->p[0] != '"')
		return false;
	while (n < rest->n && rest->p[n] != '"')
		n += rest->p[n] == '\\' ? 2 : 1;
	if (n >= rest->n)
		return false;
	*ret = unescape(scan->arena, (struct str){ rest->p + 1, n - 1 });
	*rest = str_skip(*rest, n + 1);
	return true;
}

/* From behind the opening brace to behind the closing one; NULL or what is wrong. */
static const char *take_labels(struct scan *scan, struct str *rest, size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		struct label *label = &scan->labels[n];

		*rest = skip_blanks(*rest);
		if (rest->n && rest->p[0] == '}')
			break;
		if (n == SCAN_LABELS_MAX)
			return "too many labels";
		label->name = take_name(rest);
		if (!label->name.n)
			return "a label name is missing";
		*rest = skip_blanks(*rest);
		if (!rest->n || rest->p[0] != '=')
			return "there is no = behind a label name";
		*rest = skip_blanks(str_skip(*rest, 1));
		if (!take_quoted(scan, rest, &label->value))
			return "a label value is not in quotes";
		n++;
		*rest = skip_blanks(*rest);
		if (rest->n && rest->p[0] == ',')
			*rest = str_skip(*rest, 1);
		else if (!rest->n || rest->p[0] != '}')
			return "there is neither , nor } behind a label value";
	}
	*rest = str_skip(*rest, 1);
	*ret_n = n;
	return NULL;
}

static bool scan_sample(struct scan *scan, struct str line, struct scan_item *item)
{
	struct str word;
	const char *why;
	double stamp;

	item->kind = SCAN_SAMPLE;
	item->name = take_name(&line);
	if (!item->name.n)
		return bad(item, "there is no metric name");
	line = skip_blanks(line);
	if (line.n && line.p[0] == '{') {
		line = str_skip(line, 1);
		why = take_labels(scan, &line, &item->n);
		if (why)
			return bad(item, why);
		item->labels = scan->labels;
	} else if (line.n && line.p == item->name.p + item->name.n) {
		return bad(item, "a character that no metric name has");
	}
	word = take_word(&line);
	if (!word.n)
		return bad(item, "there is no value");
	if (num_f64(word, &item->value) < 0)
		return bad(item, "the value is no number");
	line = skip_blanks(line);
	if (line.n && line.p[0] != '#') {
		word = take_word(&line);
		if (num_f64(word, &stamp) < 0)
			return bad(item, "what stands behind the value is no timestamp");
		item->timestamp = true;
		line = skip_blanks(line);
	}
	if (line.n && line.p[0] != '#')
		return bad(item, "there is too much behind the value");
	item->exemplar = line.n > 0;
	return true;
}

/* In whichever case, as a Pushgateway reads it. */
static bool read_type(struct str word, enum metric_type *ret)
{
	static const struct {
		struct str word;
		enum metric_type type;
	} types[] = {
		{ { "counter", 7 }, METRIC_COUNTER },
		{ { "gauge", 5 }, METRIC_GAUGE },
		{ { "histogram", 9 }, METRIC_HISTOGRAM },
		{ { "summary", 7 }, METRIC_SUMMARY },
		{ { "untyped", 7 }, METRIC_UNTYPED },
		/* OpenMetrics. A gauge histogram's parts are gauges of their own names. */
		{ { "unknown", 7 }, METRIC_UNTYPED },
		{ { "info", 4 }, METRIC_GAUGE },
		{ { "stateset", 8 }, METRIC_GAUGE },
		{ { "gaugehistogram", 14 }, METRIC_UNTYPED },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].word.n == word.n &&
		    strncasecmp(types[i].word.p, word.p, word.n) == 0) {
			*ret = types[i].type;
			return true;
		}
	return false;
}

/* Behind "#". False when it is a mere comment. */
static bool scan_comment(struct scan *scan, struct str line, struct scan_item *item)
{
	struct str word = take_word(&line);

	if (str_eq(word, STR("EOF")) && !skip_blanks(line).n) {
		scan->ended = true;
		return false;
	}
	if (str_eq(word, STR("HELP"))) {
		item->kind = SCAN_HELP;
		item->name = take_word(&line);
		if (!item->name.n)
			return bad(item, "HELP without a metric name");
		item->help = unescape(scan->arena,
				      blank(line.n ? line.p[0] : 0) ? str_skip(line, 1) : line);
		return true;
	}
	if (!str_eq(word, STR("TYPE")))
		return false;
	item->kind = SCAN_TYPE;
	item->name = take_word(&line);
	if (!item->name.n)
		return bad(item, "TYPE without a metric name");
	word = take_word(&line);
	if (!read_type(word, &item->type))
		return bad(item, word.n ? "an unknown TYPE" : "TYPE without a type");
	if (skip_blanks(line).n)
		return bad(item, "there is too much behind the TYPE");
	return true;
}

/* The next that is not blank, without the blanks around it. */
static bool next_line(struct scan *scan, struct scan_item *item, struct str *ret)
{
	struct str line;

	while (!scan->ended && str_cut(&scan->rest, '\n', &line)) {
		scan->line++;
		while (line.n && (line.p[line.n - 1] == '\r' || blank(line.p[line.n - 1])))
			line.n--;
		if (!line.n)
			continue;
		*item = (struct scan_item){ .line = scan->line, .text = line };
		*ret = skip_blanks(line);
		return true;
	}
	return false;
}

bool scan_next(struct scan *scan, struct scan_item *item)
{
	struct str line;

	while (next_line(scan, item, &line)) {
		if (line.p[0] != '#')
			return scan_sample(scan, line, item);
		if (scan_comment(scan, str_skip(line, 1), item))
			return true;
	}
	return false;
}

bool scan_next_header(struct scan *scan, struct scan_item *item)
{
	struct str line;

	while (next_line(scan, item, &line))
		if (line.p[0] == '#' && scan_comment(scan, str_skip(line, 1), item) &&
		    item->kind != SCAN_BAD)
			return true;
	return false;
}
