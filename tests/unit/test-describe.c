/* SPDX-License-Identifier: Apache-2.0 */
/* What objects tell of themselves: nothing is loaded, so this needs no privileges. */
#include "unit.h"

#include <errno.h>

#include "bpf/describe.h"

struct opened {
	struct libbpf lib;
	struct arena arena;
	struct bpf_object *object;
	struct btf *kernel;
	struct spec spec;
	struct str why;
};

static void open_object(struct opened *o, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	const char *build = getenv("top_builddir"), *missing;
	struct str path, bytes;

	*o = (struct opened){ 0 };
	assert_int_equal(libbpf_open(&o->lib, &missing), 0);
	path = arena_printf(&o->arena, "%s/tests/unit/bpf/%s.bpf.o", build ? build : ".", name);
	assert_int_equal(file_read(AT_FDCWD, path.p, 1 << 20, &o->arena, &bytes), 0);
	o->object = o->lib.bpf_object__open_mem(bytes.p, bytes.n, &opts);
	assert_non_null(o->object);
	o->kernel = o->lib.btf__load_vmlinux_btf();
}

static void close_object(struct opened *o)
{
	o->lib.bpf_object__close(o->object);
	o->lib.btf__free(o->kernel);
	arena_release(&o->arena);
}

/* With the text of a sidecar. */
static int told(struct opened *o, const char *name, const char *text)
{
	struct sidecar sidecar;
	int r;

	open_object(o, name);
	r = sidecar_parse(&o->lib, o->object, str_of(text), STR("x.conf"), &o->arena, &sidecar,
			  &o->why);
	if (r == 0)
		r = describe(&o->lib, o->object, o->kernel, &sidecar, &o->arena, &o->spec, &o->why);
	return r;
}

static const struct spec_metric *metric(const struct opened *o, const char *name)
{
	for (size_t i = 0; i < o->spec.n_metrics; i++)
		if (str_eq(o->spec.metrics[i].name, str_of(name)))
			return &o->spec.metrics[i];
	print_error("no metric %s\n", name);
	fail();
	return NULL;
}

static void assert_label(const struct spec_metric *m, size_t i, const char *name, uint32_t offset,
			 uint32_t size, enum decoder_kind kind)
{
	assert_in_range(i, 0, m->n_labels - 1);
	assert_text(m->labels[i].name, name);
	assert_int_equal(m->labels[i].offset, offset);
	assert_int_equal(m->labels[i].size, size);
	assert_int_equal(m->labels[i].decoders[0].kind, kind);
}

static struct str of_map(const struct spec_label *label, const char *key)
{
	const struct spec_decoder *d = &label->decoders[0];

	assert_int_equal(d->kind, DECODE_MAP);
	for (size_t i = 0; i + 1 < d->n; i += 2)
		if (str_eq(d->args[i], str_of(key)))
			return d->args[i + 1];
	return STR("(none)");
}

static void test_labels(void **state)
{
	const struct spec_metric *m;
	struct opened o;

	(void)state;
	assert_int_equal(told(&o, "tagged", ""), 0);
	m = metric(&o, "ebpf_exporter_labels_total");
	assert_int_equal(m->type, SPEC_COUNTER);
	assert_text(m->help, "Everything, said in labels.");
	assert_int_equal(m->n_labels, 9);
	assert_label(m, 0, "disk", 0, 4, DECODE_MAJORMINOR);
	assert_label(m, 1, "port", 4, 2, DECODE_BE);
	assert_label(m, 2, "colour", 8, 4, DECODE_MAP);
	assert_label(m, 3, "balance", 12, 4, DECODE_INT);
	assert_label(m, 4, "address", 16, 4, DECODE_INET_IP);
	assert_label(m, 5, "comm", 20, 16, DECODE_STRING);
	assert_label(m, 6, "raw", 36, 6, DECODE_HEX);
	assert_label(m, 7, "other", 42, 2, DECODE_BE);
	assert_label(m, 8, "operation", 44, 4, DECODE_MAP);
	assert_text(of_map(&m->labels[2], "1"), "red");
	assert_text(of_map(&m->labels[2], "7"), "dark_blue");
	if (o.kernel) {
		assert_text(of_map(&m->labels[8], "0"), "read");
		assert_text(of_map(&m->labels[8], "1"), "write");
		assert_text(of_map(&m->labels[8], "99"), "(none)");
	}
	close_object(&o);
}

static void test_values(void **state)
{
	const struct spec_metric *m;
	struct opened o;

	(void)state;
	assert_int_equal(told(&o, "tagged", ""), 0);
	m = metric(&o, "ebpf_exporter_wait_seconds");
	assert_int_equal(m->type, SPEC_HISTOGRAM);
	assert_true(m->histogram.in_key);
	assert_int_equal(m->histogram.offset, 4);
	assert_int_equal(m->histogram.size, 4);
	assert_int_equal(m->histogram.buckets, BUCKETS_EXP2);
	assert_int_equal(m->n_labels, 1);
	assert_label(m, 0, "kind", 0, 4, DECODE_UINT);
	m = metric(&o, "ebpf_exporter_size_bytes");
	assert_false(m->histogram.in_key);
	assert_int_equal(m->histogram.offset, 0);
	assert_int_equal(m->histogram.sum_offset, 28 * 8);
	assert_int_equal(m->histogram.max, 27);
	assert_float_equal(m->scale, 512, 0);
	m = metric(&o, "ebpf_exporter_in");
	assert_text(m->help, "In.");
	assert_label(m, 0, "syscall", 0, 8, DECODE_SYSCALL);
	assert_int_equal(m->histogram.offset, 8);
	assert_int_equal(m->histogram.sum_offset, 8 + 28 * 8);
	assert_float_equal(m->histogram.factor, 1e-6, 0);
	assert_float_equal(m->scale, 1e-9, 0);
	m = metric(&o, "ebpf_exporter_out_seconds");
	assert_label(m, 0, "syscall", 0, 8, DECODE_SYSCALL);
	assert_int_equal(m->histogram.offset, 8 + 29 * 8);
	assert_int_equal(m->histogram.sum_offset, 8 + 29 * 8 + 28 * 8);
	assert_float_equal(m->scale, 1, 0);
	m = metric(&o, "ebpf_exporter_depth_meters");
	assert_int_equal(m->type, SPEC_GAUGE);
	assert_true(m->is_signed);
	assert_int_equal(m->n_labels, 0);
	assert_float_equal(m->scale, 0.001, 0);
	m = metric(&o, "ebpf_exporter_by_reason_total");
	assert_int_equal(m->n_labels, 1);
	assert_label(m, 0, "reason", 0, 4, DECODE_UINT);
	assert_int_equal(o.spec.n_metrics, 7);
	close_object(&o);
}

static void test_programs(void **state)
{
	const struct btf *btf;
	struct opened o;

	(void)state;
	assert_int_equal(told(&o, "tagged", ""), 0);
	btf = o.lib.bpf_object__btf(o.object);
	assert_int_equal(o.spec.n_programs, 3);
	for (size_t i = 0; i < o.spec.n_programs; i++) {
		const struct spec_program *p = &o.spec.programs[i];
		bool iterator = str_eq(p->name, STR("refresh_each_cpu"));

		assert_int_equal(p->refresh, iterator ? REFRESH_EACH_CPU : REFRESH_NONE);
		if (str_eq(p->name, STR("second")))
			assert_text(p->hook, "fentry/do_exit");
	}
	assert_text(describe_function_tag(&o.lib, btf, "second", STR("fallback:")), "first");
	assert_int_equal(describe_function_tag(&o.lib, btf, "first", STR("fallback:")).n, 0);
	assert_text(describe_map_tag(&o.lib, btf, &(struct sidecar){ 0 }, "events", STR("perf:")),
		    "software:page-faults");
	close_object(&o);
}

static void test_untagged(void **state)
{
	struct opened o;

	(void)state;
	/* Nothing is said at all: what counts is taken, where its key needs no words. */
	assert_int_equal(told(&o, "plain", ""), -EINVAL);
	assert_part(o.why, "timer_starts_total: its key is no struct");
	close_object(&o);
}

static void test_sidecar(void **state)
{
	const struct spec_metric *m;
	struct opened o;

	(void)state;
	assert_int_equal(
		told(&o, "plain",
		     "bio_latency_seconds = { help = \"Latency.\"; buckets = \"exp2 0..26 * "
		     "1e-6\";\n"
		     "  labels = { device = \"majorminor\"; operation = \"map:0=read,1=write\"; }; "
		     "};\n"
		     "timer_starts_total = { labels = { function = \"ksym\"; }; };\n"
		     "stacks_total = { labels = { kstack = \"kstack\"; }; };\n"
		     "ticks_total = { help = \"Ticks.\"; name = \"tocks_total\"; }; # the end"),
		0);
	assert_int_equal(o.spec.n_metrics, 4);
	m = metric(&o, "ebpf_exporter_bio_latency_seconds");
	assert_int_equal(m->type, SPEC_HISTOGRAM);
	assert_true(m->histogram.in_key);
	assert_int_equal(m->histogram.offset, 8);
	assert_int_equal(m->histogram.size, 8);
	assert_label(m, 0, "device", 0, 4, DECODE_MAJORMINOR);
	assert_label(m, 1, "operation", 4, 1, DECODE_MAP);
	m = metric(&o, "ebpf_exporter_timer_starts_total");
	assert_int_equal(m->type, SPEC_COUNTER);
	assert_label(m, 0, "function", 0, 8, DECODE_KSYM);
	assert_label(metric(&o, "ebpf_exporter_stacks_total"), 0, "kstack", 0, 160, DECODE_KSTACK);
	assert_int_equal(metric(&o, "ebpf_exporter_tocks_total")->n_labels, 0);
	close_object(&o);
}

static void test_wrong_sidecars(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "timer_starts_total = {\n labels = { a = \"ksym\"; b = \"uint\"; }; };",
		  "timer_starts_total: its key is one number and it has more than one label" },
		{ "bio_latency_seconds = { buckets = \"exp2 0..26\"; labels = { a = \"uint\"; }; "
		  "};",
		  "fewer labels than its key has members" },
		{ "bio_latency_seconds = { buckets = \"exp2 0..26\"; labels = "
		  "{ a = \"uint\"; b = \"uint\"; c = \"uint\"; }; };",
		  "more labels than its key has members" },
		{ "bio_latency_seconds = { buckets = \"log3 0..26\"; };", "bio_latency_seconds: " },
		{ "ticks_total = { type = \"meter\"; };", "none of counter, gauge, histogram" },
		{ "ticks_total = { scale = \"-1\"; };", "its scale is not a number above 0" },
		{ "ticks_total = { labels = { a = \"nonsense\"; }; };", "ticks_total: " },
		{ "events = { help = \"x\"; };", "events: no metric can be of its type" },
		{ "tics_total = { };", "x.conf:1: tics_total: unknown section (did you mean "
				       "ticks_total?)" },
		{ "ticks_total = {\n\n hlep = \"x\"; };",
		  "x.conf:3: ticks_total.hlep: unknown option (did you mean ticks_total.help?)" },
		{ "ticks_total = {\n help = 7; };", "x.conf:2: ticks_total.help: expected" },
		{ "ticks_total = { labels = (\"a\"); };",
		  "x.conf:1: ticks_total.labels: expected" },
		{ "\nticks_total = 7;", "x.conf:2: ticks_total: expected a group" },
		{ "ticks_total = {", "x.conf:2: syntax error" },
		{ "@include \"/etc/passwd\"", "x.conf:1: no @include" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct opened o;

		print_message("%s\n", wrong[i].text);
		assert_int_equal(told(&o, "plain", wrong[i].text), -EINVAL);
		assert_part(o.why, wrong[i].why);
		close_object(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_programs), cmocka_unit_test(test_untagged),
		cmocka_unit_test(test_sidecar),  cmocka_unit_test(test_wrong_sidecars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
