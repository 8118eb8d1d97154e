/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that is left beside the pins. Everything must come back as it went out, and no text
 * may make a reader look outside of a key, a value or a directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/bpf.h>

#include "base/cleanup.h"
#include "bpf/decode.h"
#include "bpf/spec.h"

#define HEAD               \
	"peekpush-bpf 1\n" \
	"object\tdemo\nfile\t/x/demo.bpf.o\nhash\t0123456789abcdef\nkernel\t6.1.0\nloaded\t17\n"
#define HASH_8_8 "map\tm\t1\t8\t8\t10\n"
#define COUNTER "metric\tm_total\tcounter\t0\t0\t0\t1\tHelp.\n"
#define LABEL "label\ta\t0\t4\ndecoder\tuint\t0\n"
#define SLOTS_4 "map\tm\t5\t8\t40\t10\n"
#define HISTOGRAM "metric\tm_seconds\thistogram\t0\t0\t0\t1e-06\tHelp.\n"

static struct spec must_parse(struct arena *arena, struct str text)
{
	struct str why = { 0 };
	struct spec spec;

	if (spec_parse(text, arena, &spec, &why))
		fail_msg("%.*s", STR_ARG(why));
	return spec;
}

static void must_fail(struct str text, const char *what)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str why = { 0 };
	struct spec spec;
	int r = spec_parse(text, &arena, &spec, &why);

	if (r != -EBADMSG)
		fail_msg("%d for %.*s", r, STR_ARG(text));
	if (!strstr(arena_cstr(&arena, why), what))
		fail_msg("\"%.*s\" does not say \"%s\"", STR_ARG(why), what);
}

static struct spec *full_spec(void)
{
	static struct str pairs[] = { STR("0"), STR("read"), STR("1"), STR("a\tb\\c\nd") };
	static struct str expressions[] = { STR("^/a(|b)$"), STR("x") };
	static uint64_t keys[] = { 1, 5, UINT64_MAX };
	static struct spec_decoder decoders[] = {
		{ .kind = DECODE_UINT },
		{ .kind = DECODE_MAP, .keep_unknown = true, .n = 4, .args = pairs },
		{ .kind = DECODE_REGEXP, .n = 2, .args = expressions },
	};
	static struct spec_label labels[] = {
		{ STR("operation"), 4, 2, 3, decoders },
		{ STR("device"), 0, 4, 1, decoders },
	};
	static struct spec_map maps[] = {
		{ STR("plain"), BPF_MAP_TYPE_HASH, 8, 8, 1024, 0 },
		{ STR("slots"), BPF_MAP_TYPE_PERCPU_HASH, 8, 40, UINT32_MAX, 0 },
		{ STR("pp_lost"), BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0 },
		{ STR("events"), BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 20, 0 },
	};
	static struct spec_metric metrics[] = {
		{
			.name = STR("ebpf_exporter_plain_total"),
			.help = STR("With a \\, a\ttab,\na line and \xc3\xa9."),
			.type = SPEC_COUNTER,
			.is_signed = true,
			.skip_zero = true,
			.scale = 0.1,
			.n_labels = 2,
			.labels = labels,
		},
		{
			.name = STR("seconds"),
			.type = SPEC_HISTOGRAM,
			.map = 1,
			.scale = 1e-6,
			.histogram = { BUCKETS_FIXED, false, 0, 32, 32, 0, 2, 1e-6, 3, keys },
		},
		{
			.name = STR("in_key"),
			.type = SPEC_HISTOGRAM,
			.scale = 1,
			.n_labels = 1,
			.labels = labels + 1,
			.histogram = { BUCKETS_EXP2, true, 6, 2, 0, 2, 63, 1, 0, NULL },
		},
		{ .name = STR("up"), .type = SPEC_GAUGE, .map = 2, .scale = -1 },
	};
	static struct spec_program programs[] = {
		{ STR("sys_enter"), STR("tp_btf/sys_enter"), 4711, "0011223344556677", REFRESH_NONE,
		  STR("") },
		{ STR("refresh_each_cpu"), STR("iter/task"), 0, "", REFRESH_EACH_CPU,
		  STR("no\nsuch hook") },
	};
	static struct spec spec = {
		STR("bio-latency2"),
		STR("/etc/x y/b.bpf.o"),
		STR("00000000000000ff"),
		STR("6.18"),
		1790000000123456789,
		ARRAY_SIZE(programs),
		ARRAY_SIZE(maps),
		ARRAY_SIZE(metrics),
		programs,
		maps,
		metrics,
	};

	return &spec;
}

static void must_equal_metric(const struct spec_metric *a, const struct spec_metric *b)
{
	assert_true(str_eq(a->name, b->name) && str_eq(a->help, b->help));
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->map, b->map);
	assert_int_equal(a->is_signed, b->is_signed);
	assert_int_equal(a->skip_zero, b->skip_zero);
	assert_memory_equal(&a->scale, &b->scale, sizeof(a->scale));
	assert_int_equal(a->n_labels, b->n_labels);
	for (size_t i = 0; i < a->n_labels; i++) {
		const struct spec_label *x = &a->labels[i], *y = &b->labels[i];

		assert_true(str_eq(x->name, y->name));
		assert_int_equal(x->offset, y->offset);
		assert_int_equal(x->size, y->size);
		assert_int_equal(x->n, y->n);
		for (size_t d = 0; d < x->n; d++) {
			assert_int_equal(x->decoders[d].kind, y->decoders[d].kind);
			assert_int_equal(x->decoders[d].keep_unknown, y->decoders[d].keep_unknown);
			assert_int_equal(x->decoders[d].n, y->decoders[d].n);
			for (size_t k = 0; k < x->decoders[d].n; k++)
				assert_true(str_eq(x->decoders[d].args[k], y->decoders[d].args[k]));
		}
	}
	assert_true(spec_same_metric(a, b));
	assert_int_equal(a->histogram.in_key, b->histogram.in_key);
	assert_int_equal(a->histogram.offset, b->histogram.offset);
	assert_int_equal(a->histogram.size, b->histogram.size);
	assert_int_equal(a->histogram.sum_offset, b->histogram.sum_offset);
	assert_int_equal(a->histogram.min, b->histogram.min);
	assert_int_equal(a->histogram.max, b->histogram.max);
}

static void test_round_trip(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 }, again = { 0 };
	struct spec *spec = full_spec(), back;

	(void)state;
	spec_print(spec, &out);
	buf_put(&out, "\0\0\0", 3);
	back = must_parse(&arena, buf_view(&out));
	assert_true(str_eq(spec->object, back.object) && str_eq(spec->file, back.file));
	assert_true(str_eq(spec->hash, back.hash) && str_eq(spec->kernel, back.kernel));
	assert_true(spec->loaded_ns == back.loaded_ns);
	assert_int_equal(spec->n_programs, back.n_programs);
	for (size_t i = 0; i < back.n_programs; i++) {
		assert_true(str_eq(spec->programs[i].name, back.programs[i].name));
		assert_true(str_eq(spec->programs[i].hook, back.programs[i].hook));
		assert_true(str_eq(spec->programs[i].why, back.programs[i].why));
		assert_string_equal(spec->programs[i].tag, back.programs[i].tag);
		assert_int_equal(spec->programs[i].id, back.programs[i].id);
		assert_int_equal(spec->programs[i].refresh, back.programs[i].refresh);
	}
	assert_int_equal(spec->n_maps, back.n_maps);
	for (size_t i = 0; i < back.n_maps; i++) {
		assert_true(str_eq(spec->maps[i].name, back.maps[i].name));
		assert_int_equal(spec->maps[i].type, back.maps[i].type);
		assert_int_equal(spec->maps[i].key_size, back.maps[i].key_size);
		assert_int_equal(spec->maps[i].value_size, back.maps[i].value_size);
		assert_int_equal(spec->maps[i].max_entries, back.maps[i].max_entries);
	}
	assert_int_equal(spec->n_metrics, back.n_metrics);
	for (size_t i = 0; i < back.n_metrics; i++)
		must_equal_metric(&spec->metrics[i], &back.metrics[i]);
	spec_print(&back, &again);
	buf_put(&again, "\0\0\0", 3);
	assert_true(str_eq(buf_view(&out), buf_view(&again)));
}

/* Whatever is cut off is missed: each prefix of the text is an error. */
static void test_cut_off(void **state)
{
	_cleanup_buf_ struct buf out = { 0 };

	(void)state;
	spec_print(full_spec(), &out);
	for (size_t n = 0; n < out.n; n++)
		must_fail((struct str){ out.p, n }, "");
}

static void test_syntax(void **state)
{
	static const struct {
		struct str text;
		const char *why;
	} cases[] = {
		{ STR(""), "version" },
		{ STR("peekpush-bpf 2\nend\n"), "version" },
		{ STR(HEAD), "line 7: it breaks off" },
		{ STR(HEAD "end"), "breaks off" },
		{ STR(HEAD "end\n\0\0x"), "after the end" },
		{ STR(HEAD "nonsense\t1\nend\n"), "line 7: nonsense: is unknown" },
		{ STR(HEAD "\nend\n"), "unknown" },
		{ STR(HEAD "object\tdemo\nend\n"), "twice" },
		{ STR("peekpush-bpf 1\nobject\nend\n"), "empty" },
		{ STR("peekpush-bpf 1\nend\n"), "object's name" },
		{ STR("peekpush-bpf 1\nobject\t../etc\nend\n"), "object's name" },
		{ STR("peekpush-bpf 1\nobject\ta.b\nend\n"), "object's name" },
		{ STR(HEAD "loaded\t-1\nend\n"), "not a time" },
		{ STR(HEAD "loaded\t9223372036854775808\nend\n"), "not a time" },
		{ STR(HEAD "map\tm\t1\t8\t8\nend\n"), "not a map" },
		{ STR(HEAD "map\tm\t1\t8\t8\t1\t1\nend\n"), "too many" },
		{ STR(HEAD "map\tm\t1\t8\t8\t4294967296\nend\n"), "not a map" },
		{ STR(HEAD "map\tm\\x\t1\t8\t8\t1\nend\n"), "not a map" },
		{ STR(HEAD "map\tm\\\t1\t8\t8\t1\nend\n"), "not a map" },
		{ STR(HEAD "map\t../meta\t1\t8\t8\t1\nend\n"), "map's name" },
		{ STR(HEAD "map\t\t1\t8\t8\t1\nend\n"), "map's name" },
		{ STR(HEAD HASH_8_8 HASH_8_8 "end\n"), "twice" },
		{ STR(HEAD "map\tm\t1\t4097\t8\t1\nend\n"), "keys are too large" },
		{ STR(HEAD "program\tp\th\t0\t0123456789abcdef0\tnone\t\nend\n"), "not a prog" },
		{ STR(HEAD "program\tp\th\t0\t\tsometimes\t\nend\n"), "not a program" },
		{ STR(HEAD "program\ta/b\th\t0\t\tnone\t\nend\n"), "program's name" },
		{ STR(HEAD HASH_8_8 "label\ta\t0\t4\nend\n"), "no metric" },
		{ STR(HEAD HASH_8_8 COUNTER "decoder\tuint\t0\nend\n"), "no label" },
		{ STR(HEAD HASH_8_8 COUNTER "label\ta\t0\t4\ndecoder\tfoo\t0\nend\n"),
		  "not a decoder" },
		{ STR(HEAD HASH_8_8 COUNTER "label\ta\t0\t4\ndecoder\tuint\t2\nend\n"),
		  "not a decoder" },
		{ STR(HEAD HASH_8_8 COUNTER "histogram\texp2\t1\t0\t8\t0\t0\t1\t1\nend\n"),
		  "no metric" },
		{ STR(HEAD HASH_8_8 "metric\tm\tsummary\t0\t0\t0\t1\t\nend\n"), "not a metric" },
		{ STR(HEAD HASH_8_8 "metric\tm\tgauge\t0\t0\t0\tx\t\nend\n"), "not a metric" },
		{ STR(HEAD SLOTS_4 HISTOGRAM "end\n"), "unknown" },
		{ STR(HEAD SLOTS_4 HISTOGRAM COUNTER "end\n"), "no histogram" },
		{ STR(HEAD SLOTS_4 HISTOGRAM LABEL "end\n"), "no metric" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		must_fail(cases[i].text, cases[i].why);
}

/* Numbers that fit their fields but lead out of the key, the value or the kernel's maps. */
static void test_meaning(void **state)
{
	static const struct {
		struct str text;
		const char *why;
	} cases[] = {
		{ STR(HASH_8_8 "metric\tm\tgauge\t1\t0\t0\t1\t\n"), "has no map" },
		{ STR(HASH_8_8 "metric\t1m\tgauge\t0\t0\t0\t1\t\n"), "not a metric's name" },
		{ STR(HASH_8_8 "metric\tm\tgauge\t0\t0\t0\tNaN\t\n"), "scale" },
		{ STR(HASH_8_8 "metric\tm\tgauge\t0\t0\t0\t+Inf\t\n"), "scale" },
		{ STR(HASH_8_8 "metric\tm\tgauge\t0\t0\t0\t1\t\xff\n"), "UTF-8" },
		{ STR("map\tm\t27\t8\t8\t1\n" COUNTER), "only hash and array" },
		{ STR("map\tm\t1\t8\t65537\t1\n" COUNTER), "too large" },
		{ STR("map\tm\t1\t8\t12\t1\n" COUNTER), "not a number" },
		{ STR(HASH_8_8 COUNTER COUNTER "label\ta\t0\t4\ndecoder\tuint\t0\n"), "two ways" },
		{ STR(HASH_8_8 COUNTER "label\ta\t5\t4\ndecoder\tuint\t0\n"), "inside" },
		{ STR(HASH_8_8 COUNTER "label\ta\t4294967295\t4\ndecoder\tuint\t0\n"), "inside" },
		{ STR(HASH_8_8 COUNTER "label\ta\t4\t4294967295\ndecoder\thex\t0\n"), "inside" },
		{ STR(HASH_8_8 COUNTER "label\ta\t0\t0\ndecoder\tstring\t0\n"), "inside" },
		{ STR(HASH_8_8 COUNTER "label\ta\t0\t3\ndecoder\tuint\t0\n"), "1, 2, 4 or 8" },
		{ STR(HASH_8_8 COUNTER "label\ta\t0\t8\ndecoder\tinet_ip\t0\n"), "4 or 16" },
		{ STR(HASH_8_8 COUNTER "label\ta\t0\t4\ndecoder\tkstack\t0\n"), "8 bytes an" },
		{ STR(HASH_8_8 COUNTER "label\ta\t0\t4\n"), "no decoder" },
		{ STR(HASH_8_8 COUNTER LABEL "decoder\tinet_ip\t0\n"), "come first" },
		{ STR(HASH_8_8 COUNTER LABEL "decoder\tmap\t0\t1\n"), "pairs" },
		{ STR(HASH_8_8 COUNTER LABEL "decoder\tmap\t0\n"), "pairs" },
		{ STR(HASH_8_8 COUNTER LABEL "decoder\tregexp\t0\n"), "expression" },
		{ STR(HASH_8_8 COUNTER LABEL "decoder\tregexp\t0\t(\n"), "regular" },
		{ STR(HASH_8_8 COUNTER LABEL "decoder\tregexp\t0\tx\ndecoder\tmap\t0\t1\t2\n"),
		  "last" },
		{ STR(HASH_8_8 COUNTER "label\ta\t0\t4\ndecoder\tuint\t0\tx\n"), "argument" },
		{ STR(HASH_8_8 COUNTER "label\ta-b\t0\t4\ndecoder\tuint\t0\n"), "label's name" },
		{ STR(HASH_8_8 COUNTER "label\t__a\t0\t4\ndecoder\tuint\t0\n"), "label's name" },
		{ STR(HASH_8_8 COUNTER LABEL LABEL), "twice" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t0\t3\t1\n"
					"label\tle\t0\t4\ndecoder\tuint\t0\n"),
		  "own label" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t0\t4\t1\n"), "not fit" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t16\t32\t32\t0\t3\t1\n"), "not fit" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t33\t0\t3\t1\n"), "sum" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t3\t2\t1\n"), "none" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t0\t64\t1\n"), "too many" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\tlinear\t0\t0\t32\t32\t0\t4294967295\t1\n"),
		  "too many" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t0\t3\t0\n"), "factor" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t0\t3\t-1\n"), "factor" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t0\t3\tNaN\n"), "factor" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t0\t0\t32\t32\t0\t3\t1\t7\n"), "keys" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\tfixed\t0\t0\t32\t32\t0\t3\t1\t7\n"), "keys" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\tfixed\t0\t0\t32\t32\t0\t1\t1\t7\t7\n"),
		  "rise" },
		{ STR(SLOTS_4 HISTOGRAM "histogram\texp2\t1\t4\t4\t0\t0\t3\t1\n"), "8 bytes" },
		{ STR(HASH_8_8 HISTOGRAM "histogram\texp2\t1\t6\t4\t0\t0\t3\t1\n"), "inside" },
		{ STR(HASH_8_8 HISTOGRAM "histogram\texp2\t1\t0\t3\t0\t0\t3\t1\n"), "inside" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf text = { 0 };

		buf_cstr(&text, HEAD);
		buf_str(&text, cases[i].text);
		buf_cstr(&text, "end\n");
		must_fail(buf_view(&text), cases[i].why);
	}
}

/* `before` and `after` surround a number. */
static void must_be_bounded(const char *head, const char *before, const char *after, size_t n)
{
	_cleanup_buf_ struct buf text = { 0 };

	buf_cstr(&text, HEAD);
	buf_cstr(&text, head);
	for (size_t i = 0; i < n; i++) {
		buf_cstr(&text, before);
		buf_u64(&text, i);
		buf_cstr(&text, after);
	}
	buf_cstr(&text, "end\n");
	must_fail(buf_view(&text), "too many");
}

static void test_bounds(void **state)
{
	_cleanup_buf_ struct buf text = { 0 };

	(void)state;
	must_be_bounded("", "map\tm", "\t1\t8\t8\t10\n", 513);
	must_be_bounded("", "program\tp", "\th\t0\t\tnone\t\n", 513);
	must_be_bounded(HASH_8_8, "metric\tm", "\tgauge\t0\t0\t0\t1\t\n", 513);
	must_be_bounded(HASH_8_8 COUNTER, "label\ta", "\t0\t4\n", 33);
	must_be_bounded(HASH_8_8 COUNTER LABEL, "decoder\tmap\t0\t", "\tx\n", 9);
	must_be_bounded(HASH_8_8 COUNTER LABEL "decoder\tmap\t0", "\t", "", 8193);
	buf_cstr(&text, HEAD);
	while (text.n <= 4 << 20)
		buf_cstr(&text, "file\tx\n");
	must_fail(buf_view(&text), "too long");
}

static void test_same(void **state)
{
	struct spec_metric *metrics = full_spec()->metrics;
	struct spec_metric other = metrics[0];
	struct spec_label swapped[] = { other.labels[1], other.labels[0] };
	uint64_t keys[] = { 1, 5, 6 };

	(void)state;
	other.labels = swapped;
	assert_true(spec_same_metric(&metrics[0], &other));
	swapped[0].name = STR("disk");
	assert_false(spec_same_metric(&metrics[0], &other));
	other = metrics[0];
	other.type = SPEC_GAUGE;
	assert_false(spec_same_metric(&metrics[0], &other));
	other = metrics[1];
	assert_true(spec_same_metric(&metrics[1], &other));
	other.histogram.keys = keys;
	assert_false(spec_same_metric(&metrics[1], &other));
	other = metrics[2];
	other.histogram.in_key = false;
	assert_true(spec_same_metric(&metrics[2], &other));
	other.histogram.max--;
	assert_false(spec_same_metric(&metrics[2], &other));
	other.histogram.max++;
	other.histogram.factor = 2;
	assert_false(spec_same_metric(&metrics[2], &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_syntax),     cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_bounds),     cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
