/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delimited io.prometheus.client.MetricFamily messages, written by hand: three wire types are
 * all it takes. Lengths stand before contents, so every message is sized first, then written.
 */
#include "encode/encoder.h"

#include <math.h>

/* metrics.proto: the numbers of MetricType, and of the Metric field that holds the value. */
static const struct {
	uint8_t type, field;
} wire[] = {
	[METRIC_COUNTER] = { 0, 3 },   [METRIC_GAUGE] = { 1, 2 },   [METRIC_UNTYPED] = { 3, 5 },
	[METRIC_HISTOGRAM] = { 4, 7 }, [METRIC_SUMMARY] = { 2, 4 },
};

enum { VARINT = 0, FIXED64 = 1, BYTES = 2 };

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

static char *put_varint(char *to, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (char)(v | 0x80);
	*to++ = (char)v;
	return to;
}

/* All field numbers here are below 16: a tag is one byte. */
static char *put_tag(char *to, unsigned field, unsigned type)
{
	*to++ = (char)(field << 3 | type);
	return to;
}

static char *put_bytes(char *to, unsigned field, struct str s)
{
	to = put_varint(put_tag(to, field, BYTES), s.n);
	if (s.n)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

static size_t bytes_size(size_t n)
{
	return 1 + varint_size(n) + n;
}

static char *put_double(char *to, unsigned field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	to = put_tag(to, field, FIXED64);
	for (int i = 0; i < 8; i++, bits >>= 8)
		*to++ = (char)bits;
	return to;
}

enum { DOUBLE_SIZE = 9 };

static size_t label_size(const struct label *l)
{
	return bytes_size(l->name.n) + bytes_size(l->value.n);
}

static size_t bucket_size(const struct histogram_bucket *b)
{
	return 1 + varint_size(b->count) + DOUBLE_SIZE;
}

/* The +Inf bucket is implied by the count, as the Go client leaves it out too. */
static size_t finite_buckets(const struct histogram *h)
{
	size_t n = h->n;

	while (n && !(h->buckets[n - 1].upper < (double)INFINITY))
		n--;
	return n;
}

static size_t summary_size(const struct summary *s)
{
	return 1 + varint_size(s->count) + DOUBLE_SIZE + s->n * bytes_size(2 * DOUBLE_SIZE);
}

static char *put_summary(char *to, const struct summary *s)
{
	to = put_varint(put_tag(to, 1, VARINT), s->count);
	to = put_double(to, 2, s->sum);
	for (size_t i = 0; i < s->n; i++) {
		to = put_varint(put_tag(to, 3, BYTES), 2 * DOUBLE_SIZE);
		to = put_double(to, 1, s->quantiles[i].quantile);
		to = put_double(to, 2, s->quantiles[i].value);
	}
	return to;
}

static size_t value_size(const struct family *f, const struct sample *s)
{
	if (f->type == METRIC_SUMMARY)
		return summary_size(s->summary);
	if (f->type != METRIC_HISTOGRAM)
		return DOUBLE_SIZE;

	const struct histogram *h = s->histogram;
	size_t n = 1 + varint_size(h->count) + DOUBLE_SIZE;

	for (size_t i = 0; i < finite_buckets(h); i++)
		n += bytes_size(bucket_size(&h->buckets[i]));
	return n;
}

static char *put_value(char *to, const struct family *f, const struct sample *s)
{
	if (f->type == METRIC_SUMMARY)
		return put_summary(to, s->summary);
	if (f->type != METRIC_HISTOGRAM)
		return put_double(to, 1, s->value);

	const struct histogram *h = s->histogram;

	to = put_varint(put_tag(to, 1, VARINT), h->count);
	to = put_double(to, 2, h->sum);
	for (size_t i = 0; i < finite_buckets(h); i++) {
		to = put_varint(put_tag(to, 3, BYTES), bucket_size(&h->buckets[i]));
		to = put_varint(put_tag(to, 1, VARINT), h->buckets[i].count);
		to = put_double(to, 2, h->buckets[i].upper);
	}
	return to;
}

static size_t metric_size(const struct family *f, const struct sample *s)
{
	size_t n = bytes_size(value_size(f, s));

	for (uint32_t i = 0; i < s->labels->n; i++)
		n += bytes_size(label_size(&s->labels->v[i]));
	return n;
}

static char *put_metric(char *to, const struct family *f, const struct sample *s)
{
	to = put_varint(put_tag(to, 4, BYTES), metric_size(f, s));
	for (uint32_t i = 0; i < s->labels->n; i++) {
		const struct label *l = &s->labels->v[i];

		to = put_varint(put_tag(to, 1, BYTES), label_size(l));
		to = put_bytes(to, 1, l->name);
		to = put_bytes(to, 2, l->value);
	}
	to = put_varint(put_tag(to, wire[f->type].field, BYTES), value_size(f, s));
	return put_value(to, f, s);
}

static size_t family_size(const struct family *f, struct str help)
{
	size_t n = bytes_size(f->name.n) + bytes_size(help.n) + 2;

	for (const struct block *b = f->first; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			n += bytes_size(metric_size(f, &b->samples[i]));
	return n;
}

static void encode_family(const struct family *f, struct buf *out)
{
	/* A HELP text that is not UTF-8 makes Prometheus drop the whole gateway: leave it out. */
	struct str help = str_utf8_valid(f->help) ? f->help : STR("");
	size_t size = family_size(f, help);
	char *begin = buf_reserve(out, varint_size(size) + size), *to = begin;

	if (!begin)
		return;
	to = put_varint(to, size);
	to = put_bytes(to, 1, f->name);
	to = put_bytes(to, 2, help);
	to = put_varint(put_tag(to, 3, VARINT), wire[f->type].type);
	for (const struct block *b = f->first; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			to = put_metric(to, f, &b->samples[i]);
	out->n += (size_t)(to - begin);
}

static void encode_proto(const struct metrics *metrics, struct buf *out)
{
	for (const struct family *f = metrics->first; f; f = f->next)
		if (f->series)
			encode_family(f, out);
}

const struct encoder encoder_proto = {
	.name = "protobuf",
	.content_type = "application/vnd.google.protobuf; "
			"proto=io.prometheus.client.MetricFamily; encoding=delimited",
	.encode = encode_proto,
};
