/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the encoder wrote, read by a decoder that shares nothing with it: it knows the wire
 * format and the field numbers of io.prometheus.client, and refuses whatever else it meets.
 */
#include <errno.h>
#include <math.h>

#include "unit.h"

#include "encode/encoder.h"

#define INF ((double)INFINITY)

struct field {
	unsigned number, type;
	uint64_t varint;
	double value;
	struct str bytes;
};

static uint64_t take_varint(struct str *rest)
{
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		assert_true(rest->n > 0 && shift < 64);

		unsigned char byte = (unsigned char)rest->p[0];

		*rest = str_skip(*rest, 1);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
}

static struct str take_bytes(struct str *rest, uint64_t n)
{
	struct str bytes = { rest->p, n };

	assert_true(n <= rest->n);
	*rest = str_skip(*rest, n);
	return bytes;
}

/* Takes one field off the front; false at the end of the message. */
static bool take_field(struct str *rest, struct field *ret)
{
	if (!rest->n)
		return false;

	uint64_t tag = take_varint(rest), bits = 0;

	*ret = (struct field){ .number = (unsigned)(tag >> 3), .type = (unsigned)(tag & 7) };
	switch (ret->type) {
	case 0:
		ret->varint = take_varint(rest);
		break;
	case 1:
		for (unsigned i = 0; i < 8; i++)
			bits |= (uint64_t)(unsigned char)take_bytes(rest, 1).p[0] << 8 * i;
		memcpy(&ret->value, &bits, sizeof(bits));
		break;
	case 2:
		ret->bytes = take_bytes(rest, take_varint(rest));
		break;
	default:
		fail_msg("wire type %u", ret->type);
	}
	return true;
}

static struct field want(struct str *rest, unsigned number, unsigned type)
{
	struct field f = { 0 };

	assert_true(take_field(rest, &f));
	assert_int_equal(f.number, number);
	assert_int_equal(f.type, type);
	return f;
}

static void same_double(double got, double wanted)
{
	assert_memory_equal(&got, &wanted, sizeof(got));
}

/* Histogram: sample_count 1, sample_sum 2, bucket 3 { cumulative_count 1, upper_bound 2 }. */
static void check_histogram(struct str rest, const struct histogram *h)
{
	assert_int_equal(want(&rest, 1, 0).varint, h->count);
	same_double(want(&rest, 2, 1).value, h->sum);
	for (size_t i = 0; i < h->n && h->buckets[i].upper < INF; i++) {
		struct str bucket = want(&rest, 3, 2).bytes;

		assert_int_equal(want(&bucket, 1, 0).varint, h->buckets[i].count);
		same_double(want(&bucket, 2, 1).value, h->buckets[i].upper);
		assert_int_equal(bucket.n, 0);
	}
	assert_int_equal(rest.n, 0);
}

/* Summary: sample_count 1, sample_sum 2, quantile 3 { quantile 1, value 2 }. */
static void check_summary(struct str rest, const struct summary *s)
{
	assert_int_equal(want(&rest, 1, 0).varint, s->count);
	same_double(want(&rest, 2, 1).value, s->sum);
	for (size_t i = 0; i < s->n; i++) {
		struct str quantile = want(&rest, 3, 2).bytes;

		same_double(want(&quantile, 1, 1).value, s->quantiles[i].quantile);
		same_double(want(&quantile, 2, 1).value, s->quantiles[i].value);
		assert_int_equal(quantile.n, 0);
	}
	assert_int_equal(rest.n, 0);
}

/* Metric: label 1 { name 1, value 2 }, gauge 2, counter 3, summary 4, untyped 5, histogram 7. */
static void check_metric(struct str rest, const struct family *f, const struct sample *s)
{
	static const unsigned value_field[] = {
		[METRIC_COUNTER] = 3,   [METRIC_GAUGE] = 2,   [METRIC_UNTYPED] = 5,
		[METRIC_HISTOGRAM] = 7, [METRIC_SUMMARY] = 4,
	};
	struct str value;

	for (uint32_t i = 0; i < s->labels->n; i++) {
		struct str pair = want(&rest, 1, 2).bytes;

		assert_true(str_eq(want(&pair, 1, 2).bytes, s->labels->v[i].name));
		assert_true(str_eq(want(&pair, 2, 2).bytes, s->labels->v[i].value));
		assert_int_equal(pair.n, 0);
	}
	value = want(&rest, value_field[f->type], 2).bytes;
	assert_int_equal(rest.n, 0);
	if (f->type == METRIC_HISTOGRAM) {
		check_histogram(value, s->histogram);
		return;
	}
	if (f->type == METRIC_SUMMARY) {
		check_summary(value, s->summary);
		return;
	}
	same_double(want(&value, 1, 1).value, s->value);
	assert_int_equal(value.n, 0);
}

/* MetricFamily: name 1, help 2, type 3, metric 4; each after its length. */
static void check(const struct metrics *m, struct str rest)
{
	static const unsigned types[] = {
		[METRIC_COUNTER] = 0,   [METRIC_GAUGE] = 1,   [METRIC_UNTYPED] = 3,
		[METRIC_HISTOGRAM] = 4, [METRIC_SUMMARY] = 2,
	};

	for (const struct family *f = m->first; f; f = f->next) {
		struct str family;

		if (!f->series)
			continue;
		family = take_bytes(&rest, take_varint(&rest));
		assert_true(str_eq(want(&family, 1, 2).bytes, f->name));
		assert_true(str_eq(want(&family, 2, 2).bytes,
				   str_utf8_valid(f->help) ? f->help : STR("")));
		assert_int_equal(want(&family, 3, 0).varint, types[f->type]);
		for (const struct block *b = f->first; b; b = b->next)
			for (uint32_t i = 0; i < b->n; i++)
				check_metric(want(&family, 4, 2).bytes, f, &b->samples[i]);
		assert_int_equal(family.n, 0);
	}
	assert_int_equal(rest.n, 0);
}

struct world {
	struct metrics metrics;
	struct buf out;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	metrics_init(&w->metrics, (struct metrics_limits){ 0 });
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	metrics_release(&w->metrics);
	buf_release(&w->out);
	free(w);
	return 0;
}

static struct str encode(struct world *w)
{
	buf_reset(&w->out);
	encoder_proto.encode(&w->metrics, &w->out);
	assert_int_equal(w->out.err, 0);
	return buf_view(&w->out);
}

static struct family *family(struct world *w, const char *name, enum metric_type type)
{
	return metrics_family_named(&w->metrics, str_of(name), STR("Help."), type);
}

/* One small message byte for byte, as the Go client writes it. */
static void test_bytes(void **state)
{
	static const unsigned char bytes[] = {
		0x28, 0x0a, 0x03, 'a',  '_',  'b',  0x12, 0x05, 'H',  'e',  'l',  'p',  '.',  0x18,
		0x00, 0x22, 0x18, 0x0a, 0x0b, 0x0a, 0x03, 'k',  'e',  'y',  0x12, 0x04, 'v',  'a',
		'l',  'u',  0x1a, 0x09, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x3f,
	};
	struct world *w = *state;
	struct str got;

	assert_int_equal(encode(w).n, 0);
	family_add(family(w, "a_b", METRIC_COUNTER),
		   METRIC_LABELS(&w->metrics, { STR("key"), STR("valu") }), 1.5);
	got = encode(w);
	assert_int_equal(got.n, sizeof(bytes));
	assert_memory_equal(got.p, bytes, sizeof(bytes));
}

static void test_types(void **state)
{
	static const struct histogram_bucket finite[] = { { 0.005, 1 }, { 2.5, 300 } };
	static const struct histogram_bucket closed[] = { { -INF, 0 },
							  { 1, UINT64_MAX },
							  { INF, 9 } };
	static const struct histogram histograms[] = {
		{ 7.5, 4, 2, finite },
		{ -1, UINT64_MAX, 3, closed },
		{ 0, 0, 0, NULL },
	};
	static const struct quantile quantiles[] = { { 0.5, 1.25 }, { 1, (double)NAN } };
	static const struct summary summaries[] = {
		{ 7.5, 300, 2, quantiles },
		{ -INF, UINT64_MAX, 0, NULL },
	};
	static const double values[] = { 0, -0.0, 1, -1.5, 1e300, 5e-324, INF, -INF, (double)NAN };
	struct world *w = *state;
	struct metrics *m = &w->metrics;
	char text[16];

	for (int type = METRIC_COUNTER; type <= METRIC_UNTYPED; type++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			(void)snprintf(text, sizeof(text), "%zu", i);
			family_add(family(w, metric_type_name((enum metric_type)type),
					  (enum metric_type)type),
				   METRIC_LABELS(m, { STR("i"), str_of(text) },
						 { STR("empty"), STR("") }),
				   values[i]);
		}
	family_add(family(w, "bare", METRIC_GAUGE), metrics_no_labels(m), 1);
	(void)family(w, "unused", METRIC_GAUGE);
	for (size_t i = 0; i < ARRAY_SIZE(histograms); i++) {
		(void)snprintf(text, sizeof(text), "%zu", i);
		family_add_histogram(family(w, "h", METRIC_HISTOGRAM),
				     METRIC_LABELS(m, { STR("i"), str_of(text) }), &histograms[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(summaries); i++) {
		(void)snprintf(text, sizeof(text), "%zu", i);
		family_add_summary(family(w, "s", METRIC_SUMMARY),
				   METRIC_LABELS(m, { STR("i"), str_of(text) }), &summaries[i]);
	}
	assert_int_equal(m->series, 3 * 9 + 1 + 3 + 2);
	check(m, encode(w));
	assert_null(memmem(w->out.p, w->out.n, "unused", 6));
}

/* Lengths around where a varint grows by a byte, on each level. */
static void test_lengths(void **state)
{
	static const size_t sizes[] = { 0,     1,     90,    100,     105,     110,
					115,   126,   127,   128,     129,     16300,
					16383, 16384, 16385, 2097151, 2097152, 70000 };
	struct world *w = *state;
	struct metrics *m = &w->metrics;
	char *value = malloc(2097152);

	assert_non_null(value);
	memset(value, 'v', 2097152);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		metrics_reset(m);
		family_add(family(w, "a", METRIC_GAUGE),
			   METRIC_LABELS(m, { STR("l"), { value, sizes[i] } }), 1);
		check(m, encode(w));
		if (!sizes[i])
			continue;
		metrics_reset(m);
		family_add(metrics_family_named(m, (struct str){ value, sizes[i] },
						(struct str){ value, sizes[i] }, METRIC_COUNTER),
			   METRIC_LABELS(m, { { value, sizes[i] }, STR("x") }), 1);
		check(m, encode(w));
	}
	for (unsigned n = 1; n < 40; n++) {
		metrics_reset(m);
		for (unsigned i = 0; i < n; i++) {
			(void)snprintf(value, 16, "%u", i);
			family_add(family(w, "a", METRIC_GAUGE),
				   METRIC_LABELS(m, { STR("i"), str_of(value) }), i);
		}
		check(m, encode(w));
	}
	free(value);
}

static void test_text(void **state)
{
	struct world *w = *state;
	struct metrics *m = &w->metrics;

	/* No escapes here; what is no UTF-8 is repaired in values and left out of HELP. */
	family_add(metrics_family_named(m, STR("a"), STR("latin \xe9"), METRIC_GAUGE),
		   METRIC_LABELS(m, { STR("l"), STR("a\"\\\nb\xff") }), 1);
	family_add(metrics_family_named(m, STR("b"), STR("two\nlines \\"), METRIC_GAUGE),
		   METRIC_LABELS(m, { STR("l"), { "x\0y", 3 } }), 1);
	check(m, encode(w));
	assert_part(buf_view(&w->out), "a\"\\\nb\xef\xbf\xbd");
	assert_part(buf_view(&w->out), "two\nlines \\");
	assert_null(memmem(w->out.p, w->out.n, "latin", 5));
}

static void test_many(void **state)
{
	struct world *w = *state;
	struct metrics *m = &w->metrics;
	char text[16];

	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(text, sizeof(text), "f%u", i % 700);
		struct family *f = family(w, text, METRIC_UNTYPED);

		(void)snprintf(text, sizeof(text), "%u", i);
		family_add(f, METRIC_LABELS(m, { STR("device"), str_of(text) }), i);
	}
	metrics_reject(m, metrics_find(m, STR("f5")));
	check(m, encode(w));

	w->out.max = 5000;
	buf_release(&w->out);
	encoder_proto.encode(m, &w->out);
	assert_int_equal(w->out.err, -E2BIG);
	assert_true(w->out.n <= 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests_name("proto", tests, NULL, NULL);
}
