/* SPDX-License-Identifier: Apache-2.0 */
/* The text exposition format 0.0.4, as Prometheus, the Pushgateway and VictoriaMetrics read it. */
#include "encode/encoder.h"

#include <math.h>

#include "base/num.h"

/* HELP escapes backslash and line end only; bytes that are not UTF-8 would stop the scraper. */
static void put_help(struct buf *out, struct str help)
{
	while (help.n) {
		size_t n = str_utf8_char(help);

		if (!n)
			buf_cstr(out, "\xef\xbf\xbd");
		else if (help.p[0] == '\\')
			buf_cstr(out, "\\\\");
		else if (help.p[0] == '\n')
			buf_cstr(out, "\\n");
		else
			buf_put(out, help.p, n);
		help = str_skip(help, n ? n : 1);
	}
}

static void put_header(struct buf *out, const struct family *f)
{
	if (f->help.n) {
		buf_cstr(out, "# HELP ");
		buf_str(out, f->name);
		buf_char(out, ' ');
		put_help(out, f->help);
		buf_char(out, '\n');
	}
	buf_cstr(out, "# TYPE ");
	buf_str(out, f->name);
	buf_char(out, ' ');
	buf_cstr(out, metric_type_name(f->type));
	buf_char(out, '\n');
}

/* name{labels} value\n in one reservation: the hot line of the program. */
static void put_sample(struct buf *out, struct str name, struct str labels, double value)
{
	char *begin = buf_reserve(out, name.n + labels.n + NUM_TEXT_MAX + 4), *to = begin;

	if (!begin)
		return;
	memcpy(to, name.p, name.n);
	to += name.n;
	if (labels.n) {
		*to++ = '{';
		memcpy(to, labels.p, labels.n);
		to += labels.n;
		*to++ = '}';
	}
	*to++ = ' ';
	to += num_print_f64(to, value);
	*to++ = '\n';
	out->n += (size_t)(to - begin);
}

static void put_part(struct buf *out, struct str name, const char *suffix, struct str labels,
		     double value)
{
	buf_str(out, name);
	buf_cstr(out, suffix);
	put_sample(out, STR(""), labels, value);
}

static void put_bucket(struct buf *out, struct str name, struct str labels, double upper,
		       uint64_t count)
{
	buf_str(out, name);
	buf_cstr(out, "_bucket{");
	buf_str(out, labels);
	if (labels.n)
		buf_char(out, ',');
	buf_cstr(out, "le=\"");
	buf_f64(out, upper);
	buf_cstr(out, "\"} ");
	buf_u64(out, count);
	buf_char(out, '\n');
}

static void put_histogram(struct buf *out, const struct family *f, const struct sample *s)
{
	const struct histogram *h = s->histogram;

	for (size_t i = 0; i < h->n && h->buckets[i].upper < (double)INFINITY; i++)
		put_bucket(out, f->name, s->labels->text, h->buckets[i].upper, h->buckets[i].count);
	put_bucket(out, f->name, s->labels->text, (double)INFINITY, h->count);
	put_part(out, f->name, "_sum", s->labels->text, h->sum);
	put_part(out, f->name, "_count", s->labels->text, (double)h->count);
}

static void put_summary(struct buf *out, const struct family *f, const struct sample *s)
{
	const struct summary *m = s->summary;

	for (size_t i = 0; i < m->n; i++) {
		buf_str(out, f->name);
		buf_char(out, '{');
		buf_str(out, s->labels->text);
		if (s->labels->text.n)
			buf_char(out, ',');
		buf_cstr(out, "quantile=\"");
		buf_f64(out, m->quantiles[i].quantile);
		buf_cstr(out, "\"} ");
		buf_f64(out, m->quantiles[i].value);
		buf_char(out, '\n');
	}
	put_part(out, f->name, "_sum", s->labels->text, m->sum);
	put_part(out, f->name, "_count", s->labels->text, (double)m->count);
}

static void encode_text(const struct metrics *metrics, struct buf *out)
{
	for (const struct family *f = metrics->first; f; f = f->next) {
		if (!f->series)
			continue;
		put_header(out, f);
		for (const struct block *b = f->first; b; b = b->next)
			for (uint32_t i = 0; i < b->n; i++) {
				const struct sample *s = &b->samples[i];

				if (f->type == METRIC_HISTOGRAM)
					put_histogram(out, f, s);
				else if (f->type == METRIC_SUMMARY)
					put_summary(out, f, s);
				else
					put_sample(out, f->name, s->labels->text, s->value);
			}
	}
}

const struct encoder encoder_text = {
	.name = "text",
	.content_type = "text/plain; version=0.0.4; charset=utf-8",
	.encode = encode_text,
};
