/* SPDX-License-Identifier: Apache-2.0 */
/* Files to numbers: tables of rows, and walks over the directories of devices. */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/human_size.h"

enum { LABELS_MAX = 32, NAME_MAX_LENGTH = 256 };

static int parse(struct str text, enum row_form form, double *ret)
{
	uint64_t u;
	int64_t i;

	switch (form) {
	case ROW_REAL:
		return num_f64(text, ret);
	case ROW_SIZE:
		return human_size(text, HUMAN_DECIMAL, ret);
	case ROW_SIZE_BCACHE:
		return human_size(text, HUMAN_BCACHE, ret);
	case ROW_HEX:
		if (num_hex(text, &u) < 0 || u == UINT64_MAX)
			return -EINVAL;
		*ret = (double)u;
		return 0;
	default:
		if (num_u64(text, &u) == 0)
			*ret = (double)u;
		else if (num_i64(text, &i) == 0)
			*ret = (double)i;
		else
			return -EINVAL;
		return 0;
	}
}

/* By division where that is what is meant: 35 * 0.001 is not 0.035. */
static double scaled(double value, const struct table_row *row)
{
	double scale = row->scale, divisor = scale > 0 && scale < 1 ? round(1 / scale) : 0;

	if (!row->multiply && divisor != 0 && fabs(divisor * scale - 1) < 1e-9)
		return value / divisor;
	return scale != 0 ? value * scale : value;
}

static void add_row(struct collect *c, const struct table_row *row, const struct labels *labels,
		    double value)
{
	if (row->label.name.n)
		labels = collect_labels_and(c, labels, row->label.name, row->label.value);
	family_add(metrics_family(c->out, &row->desc), labels, scaled(value, row));
}

size_t collect_attrs(struct collect *c, int dir, const struct labels *labels,
		     const struct table_row *rows, size_t n)
{
	size_t added = 0;

	for (size_t i = 0; i < n; i++) {
		struct str text;
		double value = 0;
		int r = host_attr(dir, rows[i].at, c->scratch, &text);

		if (r == 0)
			r = parse(text, rows[i].form, &value);
		if (r < 0 && !(r == -ENOENT && rows[i].or_zero))
			continue;
		add_row(c, &rows[i], labels, value);
		added++;
	}
	return added;
}

/* The word at `column` of those that `line` has left. */
static bool nth_word(struct str line, size_t column, struct str *ret)
{
	do {
		if (!str_word(&line, ret))
			return false;
	} while (column--);
	return true;
}

/* The word that a line begins with, "word" or "word:"; what follows stays. */
static bool take_key(struct str *line, struct str *ret)
{
	if (!str_word(line, ret))
		return false;
	if (str_ends(*ret, STR(":")))
		ret->n--;
	return true;
}

static bool has_line(struct str text, struct str wanted)
{
	struct str line, key;

	while (str_line(&text, &line))
		if (take_key(&line, &key) && str_eq(key, wanted))
			return true;
	return false;
}

int collect_lines(struct collect *c, const char *path, struct str text, const struct labels *labels,
		  const struct table_row *rows, size_t n)
{
	struct str rest = text, line, word, number;
	double value;
	int r = 0;

	for (size_t at = 1; str_line(&rest, &line); at++) {
		if (!take_key(&line, &word))
			continue;
		for (size_t i = 0; i < n; i++) {
			if (!str_eq(word, str_of(rows[i].at)))
				continue;
			if (nth_word(line, rows[i].column, &number) &&
			    parse(number, rows[i].form, &value) == 0)
				add_row(c, &rows[i], labels, value);
			else
				r = collect_fail(c, -EBADMSG, "%s: line %zu lacks a number", path,
						 at);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (rows[i].or_zero && !has_line(text, str_of(rows[i].at)))
			add_row(c, &rows[i], labels, 0);
	return r;
}

int collect_named_lines(struct collect *c, const char *path, struct str text, const char *label,
			const struct name_filter *filter, const struct table_row *rows, size_t n)
{
	struct str line, name, number;
	size_t found = 0;
	double value;
	int r = 0;

	while (str_line(&text, &line)) {
		const struct labels *labels;

		if (str_starts(line, STR("#")) || !str_word(&line, &name))
			continue;
		found++;
		if (filter && !name_wanted(filter, name))
			continue;
		labels = METRIC_LABELS(c->out, { str_of(label), name });
		for (size_t i = 0; i < n; i++)
			if (nth_word(line, rows[i].column, &number) &&
			    parse(number, rows[i].form, &value) == 0)
				add_row(c, &rows[i], labels, value);
			else
				r = collect_fail(c, -EBADMSG, "%s: \"%.*s\" lacks a number", path,
						 STR_ARG(name));
	}
	return r < 0 || found ? r : collect_fail(c, -EBADMSG, "%s is empty", path);
}

int collect_known_lines(struct collect *c, const char *path, struct str text,
			const struct labels *labels, const struct table_row *rows, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		known += has_line(text, str_of(rows[i].at));
	if (!known)
		return collect_fail(c, -EBADMSG, "%s has none of the lines it should have", path);
	for (size_t i = 0; i < n; i++)
		if (!has_line(text, str_of(rows[i].at)))
			add_row(c, &rows[i], labels, 0);
	return collect_lines(c, path, text, labels, rows, n);
}

void collect_info(struct collect *c, int dir, const struct metric_desc *desc,
		  const struct labels *labels, const struct text_row *rows, size_t n)
{
	struct label v[LABELS_MAX];
	size_t n_v = 0;

	for (; n_v < labels->n && n_v < LABELS_MAX; n_v++)
		v[n_v] = labels->v[n_v];
	for (size_t i = 0; i < n && n_v < LABELS_MAX; i++) {
		v[n_v].name = str_of(rows[i].label);
		v[n_v].value = STR("");
		(void)host_attr(dir, rows[i].file, c->scratch, &v[n_v++].value);
	}
	family_add(metrics_family(c->out, desc), metrics_labels(c->out, n_v, v), 1);
}

static int each_of(struct collect *c, int dir, collect_each_fn *each, void *arg, size_t *ret_found)
{
	struct str *names;
	size_t n;
	int result = host_list_dir(dir, c->scratch, &names, &n);

	if (result < 0)
		return result;
	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int one = openat(dir, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int r = one < 0 ? 0 : each(c, one, names[i], arg);

		*ret_found += one >= 0;
		result = r < 0 ? r : result;
	}
	return result;
}

int collect_each(struct collect *c, enum host_root root, const char *path, collect_each_fn *each,
		 void *arg)
{
	_cleanup_fd_ int dir = host_open_dir(c->host, root, path);
	size_t found = 0;
	int r = dir < 0 ? dir : each_of(c, dir, each, arg, &found);

	if (dir < 0 || (r < 0 && !found))
		return collect_explain(c, r, root, path);
	return found ? r : collect_fail(c, 0, "%s/%s is empty", collect_root(root), path);
}

int collect_each_in(struct collect *c, int dir, const char *path, collect_each_fn *each, void *arg)
{
	_cleanup_fd_ int below = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t found = 0;

	if (below < 0)
		return errno == ENOENT ? 0 : -errno;
	return each_of(c, below, each, arg, &found);
}

struct family *collect_familyf(struct collect *c, enum metric_type type, const char *help,
			       const char *format, ...)
{
	char name[NAME_MAX_LENGTH];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(name, sizeof(name), format, ap);
	va_end(ap);
	for (char *p = name; *p; p++)
		if (!((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') && !(*p >= '0' && *p <= '9'))
			*p = '_';
	return metrics_family_named(c->out, str_of(name), str_of(help), type);
}

const struct labels *collect_labels_and(struct collect *c, const struct labels *labels,
					struct str name, struct str value)
{
	struct label v[LABELS_MAX];
	size_t n = 0;

	for (; n < labels->n && n < LABELS_MAX - 1; n++)
		v[n] = labels->v[n];
	v[n++] = (struct label){ name, value };
	return metrics_labels(c->out, n, v);
}

static int by_labels(const void *a, const void *b)
{
	const struct merged *x = a, *y = b;

	return x->labels->id < y->labels->id ? -1 : x->labels->id > y->labels->id;
}

size_t collect_merge(struct merged *v, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(v, n, sizeof(*v), by_labels);
	for (size_t i = 0; i < n; i++) {
		if (!kept || v[kept - 1].labels != v[i].labels) {
			v[kept++] = v[i];
			continue;
		}
		for (size_t k = 0; k < ARRAY_SIZE(v->v); k++)
			v[kept - 1].v[k] += v[i].v[k];
	}
	return kept;
}
