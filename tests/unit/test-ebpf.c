/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "one-collector.h"
#include "pinned.h"

#include <errno.h>
#include <linux/bpf.h>

#include "bpf/settings.h"
#include "encode/encoder.h"

static struct pinned pinned;

/* Descriptions in the text form, each of an object with map number 0 and more. */
#define HEAD(object)                                                            \
	"peekpush-bpf 1\nobject\t" object "\nfile\tx.bpf.o\nhash\t" PINNED_HASH \
	"\nkernel\t6.1\nloaded\t17\n"
#define DIR_OF(object) object "_" PINNED_HASH

static struct ebpf_conf conf = { .pins = { pinned.path, 0 }, .max_series = 10000 };

static struct str all[] = { { "all", 3 } }, preset[] = { { "default", 7 } },
		  without[] = { { "-demo", 5 } };

static struct one *begin(void)
{
	static struct one one;

	conf.pins.n = strlen(pinned.path);
	conf.programs = (struct opt_list){ 1, all };
	conf.max_series = 10000;
	one_start(&one, "ebpf", &conf, true);
	return &one;
}

static int cycle(struct one *one)
{
	one->c.notes = NULL;
	one->c.n_notes = one->c.more_notes = 0;
	return one_run(one);
}

/* Whether one of the notes has these words. */
static bool noted(const struct one *one, const char *words)
{
	for (uint32_t i = 0; i < one->c.n_notes; i++)
		if (memmem(one->c.notes[i].text.p, one->c.notes[i].text.n, words, strlen(words)))
			return true;
	return false;
}

static double value(const struct one *one, const char *family, const char *labels)
{
	return one_value(one, family, labels);
}

/* The family as text, without its HELP and TYPE. */
static void must_print(struct one *one, const char *family, const char *want)
{
	_cleanup_buf_ struct buf text = { 0 }, got = { 0 };
	struct str rest, line;

	encoder_text.encode(&one->metrics, &text);
	rest = buf_view(&text);
	while (str_line(&rest, &line)) {
		if (!str_starts(line, str_of(family)))
			continue;
		buf_str(&got, line);
		buf_char(&got, '\n');
	}
	assert_text(buf_view(&got), want);
}

static void test_nothing(void **state)
{
	struct one *one = begin();

	(void)state;
	assert_int_equal(cycle(one), -ENODATA);
	assert_text(one->c.why, "no programs are loaded: peekpush bpf load, as root");
	/* And what is loaded later is found. */
	pinned_text(&pinned, DIR_OF("demo"), STR(HEAD("demo") "end\n"));
	assert_int_equal(cycle(one), 0);
	assert_int_equal(value(one, "ebpf_exporter_enabled_configs", "name=\"demo\""), 1);
	pinned_drop(&pinned, DIR_OF("demo"));
	assert_int_equal(cycle(one), -ENODATA);
	one_stop(one);
}

struct named {
	uint32_t id;
	char name[12];
};

/* What decodes to the same labels is one series, over CPUs and entries. */
static void test_counter(void **state)
{
	static const struct named keys[] = { { 1, "x" }, { 2, "x" }, { 1, "y\0junk" }, { 9, "x" } };
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_PERCPU_HASH, 16, 8, 100);
	_cleanup_free_ uint64_t *values = calloc(loaded_cpus(), sizeof(*values));
	struct one *one = begin();
	double cpus = (double)loaded_cpus();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		for (size_t cpu = 0; cpu < loaded_cpus(); cpu++)
			values[cpu] = 10 * i + 1;
		pinned_put(map, &keys[i], values);
	}
	pinned_text(&pinned, DIR_OF("demo"),
		    STR(HEAD("demo") "map\tcounts\t5\t16\t8\t100\n"
				     "metric\tebpf_exporter_m_total\tcounter\t0\t0\t0\t1\tHelp.\n"
				     "label\tkind\t0\t4\ndecoder\tmap\t0\t1\tlow\t2\tlow\n"
				     "label\tname\t4\t12\ndecoder\tstring\t0\nend\n"));
	pinned_add(&pinned, DIR_OF("demo"), "map_counts", map);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(cycle(one), 0);
		assert_true(value(one, "ebpf_exporter_m_total", "kind=\"low\",name=\"x\"") ==
			    12 * cpus);
		assert_true(value(one, "ebpf_exporter_m_total", "kind=\"low\",name=\"y\"") ==
			    21 * cpus);
		assert_true(value(one, "ebpf_exporter_m_total", "kind=\"unknown:9\",name=\"x\"") ==
			    31 * cpus);
		assert_int_equal(metrics_find(&one->metrics, STR("ebpf_exporter_m_total"))->series,
				 3);
		assert_int_equal(one->c.n_notes, 0);
	}
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

/* Pins one map of one entry, key 0. */
static void pin_value(const char *name, uint32_t size, const void *content)
{
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_HASH, 4, size, 5);
	uint32_t zero = 0;

	pinned_put(map, &zero, content);
	pinned_add(&pinned, DIR_OF("demo"), name, map);
}

static void test_numbers(void **state)
{
	struct one *one = begin();

	(void)state;
	pinned_text(&pinned, DIR_OF("demo"),
		    STR(HEAD("demo") "map\ta\t1\t4\t1\t5\nmap\tb\t1\t4\t2\t5\nmap\tc\t1\t4\t4\t5\n"
				     "map\td\t1\t4\t8\t5\n"
				     "metric\ta\tgauge\t0\t1\t0\t1\tH.\n"
				     "metric\tb\tgauge\t1\t0\t0\t1\tH.\n"
				     "metric\tc\tgauge\t2\t1\t0\t0.5\tH.\n"
				     "metric\td_total\tcounter\t3\t0\t0\t1e-09\t\nend\n"));
	pin_value("map_a", 1, "\xff");
	pin_value("map_b", 2, &(uint16_t){ 0xffff });
	pin_value("map_c", 4, &(int32_t){ -3 });
	pin_value("map_d", 8, &(uint64_t){ 123456789 });
	assert_int_equal(cycle(one), 0);
	assert_true(value(one, "a", "") == -1);
	assert_true(value(one, "b", "") == 65535);
	assert_true(value(one, "c", "") == -1.5);
	/* Not 0.12345678900000001. */
	must_print(one, "d_total", "d_total 0.123456789\n");
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

/* Our layout: slots and sum in one value. */
static void test_slots(void **state)
{
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_PERCPU_HASH, 4, 48, 100);
	_cleanup_free_ uint64_t *values = calloc(loaded_cpus(), 48);
	const uint64_t first[] = { 1, 0, 2, 0, 4, 1000000 };
	struct one *one = begin();

	(void)state;
	memcpy(values, first, sizeof(first));
	if (loaded_cpus() > 1)
		memcpy(values + 6, (uint64_t[]){ 0, 0, 0, 0, 1, 500000 }, 48);
	else
		values[4]++, values[5] += 500000;
	pinned_put(map, &(uint32_t){ 5 }, values);
	pinned_text(&pinned, DIR_OF("demo"),
		    STR(HEAD("demo") "map\th\t5\t4\t48\t100\n"
				     "metric\tlat_seconds\thistogram\t0\t0\t0\t1e-06\tHelp.\n"
				     "histogram\texp2\t0\t0\t40\t40\t1\t4\t1e-06\n"
				     "label\tdev\t0\t4\ndecoder\tuint\t0\nend\n"));
	pinned_add(&pinned, DIR_OF("demo"), "map_h", map);
	assert_int_equal(cycle(one), 0);
	must_print(one, "lat_seconds",
		   "lat_seconds_bucket{dev=\"5\",le=\"0.000002\"} 1\n"
		   "lat_seconds_bucket{dev=\"5\",le=\"0.000004\"} 3\n"
		   "lat_seconds_bucket{dev=\"5\",le=\"0.000008\"} 3\n"
		   "lat_seconds_bucket{dev=\"5\",le=\"0.000016\"} 8\n"
		   "lat_seconds_bucket{dev=\"5\",le=\"+Inf\"} 8\n"
		   "lat_seconds_sum{dev=\"5\"} 1.5\n"
		   "lat_seconds_count{dev=\"5\"} 8\n");
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

struct in_key {
	uint32_t dev;
	uint32_t bucket;
};

/* Theirs: the bucket in the key, the sum behind the last one; what is not there is backfilled. */
static void must_read_in_key(const char *buckets, const struct in_key *keys, size_t n,
			     uint64_t errors, const char *want)
{
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_HASH, 8, 8, 100);
	_cleanup_buf_ struct buf text = { 0 };
	struct one *one = begin();

	buf_cstr(&text, HEAD("demo") "map\th\t1\t8\t8\t100\n"
				     "metric\tlat\thistogram\t0\t0\t0\t0.5\tHelp.\n");
	buf_printf(&text, "histogram\t%s\nlabel\tdev\t0\t4\ndecoder\tuint\t0\nend\n", buckets);
	pinned_text(&pinned, DIR_OF("demo"), buf_view(&text));
	pinned_add(&pinned, DIR_OF("demo"), "map_h", map);
	for (size_t i = 0; i < n; i++)
		pinned_put(map, &keys[i], &(uint64_t){ i + 1 });
	assert_int_equal(cycle(one), 0);
	must_print(one, "lat", want);
	assert_int_equal(value(one, "ebpf_exporter_decoder_errors_total", "config=\"demo\""),
			 errors);
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

static void test_in_key(void **state)
{
	static const struct in_key zero[] = { { 7, 0 }, { 7, 1 }, { 7, 4 }, { 7, 5 }, { 7, 3 } };
	static const struct in_key linear[] = { { 7, 12 }, { 7, 10 }, { 7, 2 }, { 7, 13 } };
	static const struct in_key fixed[] = { { 7, 50 }, { 7, 100 }, { 7, 51 }, { 7, 501 } };

	(void)state;
	/* 5 is behind the sum of 0..3: no bucket, so it is an error. */
	must_read_in_key("exp2zero\t1\t4\t4\t0\t0\t3\t0.5", zero, ARRAY_SIZE(zero), 1,
			 "lat_bucket{dev=\"7\",le=\"0\"} 1\n"
			 "lat_bucket{dev=\"7\",le=\"0.5\"} 3\n"
			 "lat_bucket{dev=\"7\",le=\"1\"} 3\n"
			 "lat_bucket{dev=\"7\",le=\"2\"} 8\n"
			 "lat_bucket{dev=\"7\",le=\"+Inf\"} 8\n"
			 "lat_sum{dev=\"7\"} 1.5\n"
			 "lat_count{dev=\"7\"} 8\n");
	/* What is below the first bound is in its bucket. */
	must_read_in_key("linear\t1\t4\t4\t0\t10\t12\t2", linear, ARRAY_SIZE(linear), 0,
			 "lat_bucket{dev=\"7\",le=\"20\"} 5\n"
			 "lat_bucket{dev=\"7\",le=\"22\"} 5\n"
			 "lat_bucket{dev=\"7\",le=\"24\"} 6\n"
			 "lat_bucket{dev=\"7\",le=\"+Inf\"} 6\n"
			 "lat_sum{dev=\"7\"} 2\n"
			 "lat_count{dev=\"7\"} 6\n");
	must_read_in_key("fixed\t1\t4\t4\t0\t0\t2\t1\t50\t100\t500", fixed, ARRAY_SIZE(fixed), 1,
			 "lat_bucket{dev=\"7\",le=\"50\"} 1\n"
			 "lat_bucket{dev=\"7\",le=\"100\"} 3\n"
			 "lat_bucket{dev=\"7\",le=\"500\"} 3\n"
			 "lat_bucket{dev=\"7\",le=\"+Inf\"} 3\n"
			 "lat_sum{dev=\"7\"} 2\n"
			 "lat_count{dev=\"7\"} 3\n");
}

#define PLAIN                                               \
	"metric\tplain_total\tcounter\t0\t0\t0\t1\tHelp.\n" \
	"label\tn\t0\t4\ndecoder\tuint\t0\n"

/* An object with one hash map of n entries, i → 1. */
static void pin_plain(const char *dir, struct str text, uint32_t n, uint32_t max_entries)
{
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_HASH, 4, 8, max_entries);

	for (uint32_t i = 0; i < n; i++)
		pinned_put(map, &i, &(uint64_t){ 1 });
	pinned_text(&pinned, dir, text);
	pinned_add(&pinned, dir, "map_m", map);
}

static void test_limits(void **state)
{
	struct one *one = begin();

	(void)state;
	pin_plain(DIR_OF("demo"), STR(HEAD("demo") "map\tm\t1\t4\t8\t100\n" PLAIN "end\n"), 100,
		  100);
	assert_int_equal(cycle(one), 0);
	assert_int_equal(metrics_find(&one->metrics, STR("plain_total"))->series, 100);
	assert_true(noted(one, "map m is full"));
	assert_int_equal(one->metrics.dropped[DROP_LIMIT], 0);
	conf.max_series = 30;
	assert_int_equal(cycle(one), 0);
	assert_int_equal(metrics_find(&one->metrics, STR("plain_total"))->series, 30);
	assert_true(noted(one, "ebpf.max_series (30)"));
	assert_int_equal(one->metrics.dropped[DROP_LIMIT], 70);
	assert_text(one->metrics.dropped_example[DROP_LIMIT], "plain_total");
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

/* Many rows: all of them, once, and the table that finds them grows. */
static void test_many(void **state)
{
	struct one *one = begin();

	(void)state;
	pin_plain(DIR_OF("demo"), STR(HEAD("demo") "map\tm\t1\t4\t8\t8000\n" PLAIN "end\n"), 5000,
		  8000);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(cycle(one), 0);
		assert_int_equal(metrics_find(&one->metrics, STR("plain_total"))->series, 5000);
		assert_int_equal(value(one, "plain_total", "n=\"4999\""), 1);
		assert_int_equal(one->metrics.dropped[DROP_DUPLICATE], 0);
	}
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

static void test_chosen(void **state)
{
	struct one *one = begin();

	(void)state;
	pin_plain(DIR_OF("demo"), STR(HEAD("demo") "map\tm\t1\t4\t8\t10\n" PLAIN "end\n"), 1, 10);
	conf.programs.v = without;
	assert_int_equal(cycle(one), -ENODATA);
	assert_part(one->c.why, "taken out by ebpf.programs");
	one_restart(one);
	conf.programs.v = preset;
	assert_int_equal(cycle(one), 0);
	assert_int_equal(value(one, "plain_total", "n=\"0\""), 1);
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

/* One metric of two objects is one; what only has the same name is left out, and that is said. */
static void test_same_name(void **state)
{
	static const char other[] =
		HEAD("zeta") "map\tm\t1\t4\t8\t10\nmetric\tplain_total\tgauge\t0\t0\t0\t1\tHelp.\n"
			     "label\tn\t0\t4\ndecoder\tuint\t0\nend\n";
	struct one *one = begin();

	(void)state;
	pin_plain(DIR_OF("alpha"), STR(HEAD("alpha") "map\tm\t1\t4\t8\t10\n" PLAIN "end\n"), 2, 10);
	pin_plain(DIR_OF("beta"), STR(HEAD("beta") "map\tm\t1\t4\t8\t10\n" PLAIN "end\n"), 3, 10);
	pin_plain(DIR_OF("zeta"), str_of(other), 5, 10);
	assert_int_equal(cycle(one), 0);
	assert_int_equal(metrics_find(&one->metrics, STR("plain_total"))->series, 3);
	assert_int_equal(value(one, "plain_total", "n=\"0\""), 2);
	assert_int_equal(value(one, "plain_total", "n=\"1\""), 2);
	assert_int_equal(value(one, "plain_total", "n=\"2\""), 1);
	assert_true(noted(one, "plain_total: zeta defines it otherwise than alpha does"));
	assert_int_equal(one->c.n_notes, 1);
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("alpha"));
	pinned_drop(&pinned, DIR_OF("beta"));
	pinned_drop(&pinned, DIR_OF("zeta"));
}

/* An array has a slot for whatever may come. */
static void test_skip_zero(void **state)
{
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 20);
	_cleanup_free_ uint64_t *values = calloc(loaded_cpus(), sizeof(*values));
	struct one *one = begin();

	(void)state;
	values[loaded_cpus() - 1] = 3;
	pinned_put(map, &(uint32_t){ 11 }, values);
	pinned_text(&pinned, DIR_OF("demo"),
		    STR(HEAD("demo") "map\tm\t6\t4\t8\t20\n"
				     "metric\tsome_total\tcounter\t0\t0\t1\t1\tHelp.\n"
				     "label\tn\t0\t4\ndecoder\tuint\t0\n"
				     "metric\tevery_total\tcounter\t0\t0\t0\t1\tHelp.\n"
				     "label\tn\t0\t4\ndecoder\tuint\t0\nend\n"));
	pinned_add(&pinned, DIR_OF("demo"), "map_m", map);
	assert_int_equal(cycle(one), 0);
	must_print(one, "some_total", "some_total{n=\"11\"} 3\n");
	assert_int_equal(metrics_find(&one->metrics, STR("every_total"))->series, 20);
	/* An array is always full. */
	assert_int_equal(one->c.n_notes, 0);
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

/* A row that no expression wants is gone, and no error. */
static void test_regexp(void **state)
{
	struct one *one = begin();

	(void)state;
	pin_plain(
		DIR_OF("demo"),
		STR(HEAD("demo") "map\tm\t1\t4\t8\t50\nmetric\tplain_total\tcounter\t0\t0\t0\t1\tH."
				 "\n"
				 "label\tn\t0\t4\ndecoder\tuint\t0\ndecoder\tregexp\t0\t^([12]).$\n"
				 "end\n"),
		30, 50);
	assert_int_equal(cycle(one), 0);
	assert_int_equal(metrics_find(&one->metrics, STR("plain_total"))->series, 2);
	assert_int_equal(value(one, "plain_total", "n=\"1\""), 10);
	assert_int_equal(value(one, "plain_total", "n=\"2\""), 10);
	assert_int_equal(value(one, "ebpf_exporter_decoder_errors_total", "config=\"demo\""), 0);
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

static void test_errors_add_up(void **state)
{
	struct one *one = begin();

	(void)state;
	pin_plain(DIR_OF("demo"),
		  STR(HEAD("demo") "map\tm\t1\t4\t8\t50\nmetric\tlat\thistogram\t0\t0\t0\t1\tH.\n"
				   "histogram\tlinear\t1\t0\t4\t0\t0\t9\t1\nend\n"),
		  20, 50);
	for (int round = 1; round <= 3; round++) {
		assert_int_equal(cycle(one), 0);
		assert_int_equal(
			value(one, "ebpf_exporter_decoder_errors_total", "config=\"demo\""),
			9 * round);
		if (round == 2)
			one_restart(one);
	}
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

static void test_own(void **state)
{
	_cleanup_fd_ int lost = pinned_map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1);
	_cleanup_free_ uint64_t *values = calloc(loaded_cpus(), sizeof(*values));
	struct one *one = begin();

	(void)state;
	for (size_t cpu = 0; cpu < loaded_cpus(); cpu++)
		values[cpu] = 5;
	pinned_put(lost, &(uint32_t){ 0 }, values);
	pinned_text(&pinned, DIR_OF("demo"),
		    STR(HEAD("demo") "program\tenter\ttp_btf/sys_enter\t4000000001\t"
				     "0011223344556677\tnone\t\n"
				     "program\tgone\ttp_btf/sys_exit\t4000000002\t"
				     "1111111111111111\tnone\t\n"
				     "program\tabsent\tkprobe/x\t0\t\tnone\tthere is no such hook\n"
				     "map\tpp_lost\t6\t4\t8\t1\nend\n"));
	pinned_add(&pinned, DIR_OF("demo"), "map_pp_lost", lost);
	pinned_add(&pinned, DIR_OF("demo"), "link_enter", lost);
	assert_int_equal(cycle(one), 0);
	must_print(one, "ebpf_exporter_ebpf_program_",
		   "ebpf_exporter_ebpf_program_info{config=\"demo\",id=\"4000000001\","
		   "program=\"enter\",tag=\"0011223344556677\"} 1\n"
		   "ebpf_exporter_ebpf_program_info{config=\"demo\",id=\"4000000002\","
		   "program=\"gone\",tag=\"1111111111111111\"} 1\n"
		   "ebpf_exporter_ebpf_program_attached{id=\"4000000001\"} 1\n"
		   "ebpf_exporter_ebpf_program_attached{id=\"4000000002\"} 0\n");
	assert_true(value(one, "peekpush_bpf_lost_total", "object=\"demo\"") ==
		    5 * (double)loaded_cpus());
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

/* A map that is not what is written of it, beside one that is. */
static void test_damaged_map(void **state)
{
	struct str text =
		STR(HEAD("demo") "map\tm\t1\t4\t8\t10\nmap\tmissing\t1\t4\t8\t10\n" PLAIN
				 "metric\tmissing_total\tcounter\t1\t0\t0\t1\tHelp.\nend\n");
	_cleanup_fd_ int strange = pinned_map(BPF_MAP_TYPE_HASH, 8, 8, 10);
	struct one *one = begin();

	(void)state;
	pin_plain(DIR_OF("demo"), text, 1, 10);
	assert_int_equal(cycle(one), 0);
	assert_int_equal(value(one, "plain_total", "n=\"0\""), 1);
	assert_true(noted(one, "demo: map missing cannot be read: No such file"));
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
	/* Nothing at all can be read: that is a failure, and it has one reason. */
	pinned_text(&pinned, DIR_OF("demo"),
		    STR(HEAD("demo") "map\tm\t1\t4\t8\t10\n" PLAIN "end\n"));
	pinned_add(&pinned, DIR_OF("demo"), "map_m", strange);
	one = begin();
	assert_int_equal(cycle(one), -EBADMSG);
	assert_int_equal(one->c.n_notes, 0);
	assert_part(one->c.why, "maps cannot be read");
	one_stop(one);
	pinned_drop(&pinned, DIR_OF("demo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),   cmocka_unit_test(test_counter),
		cmocka_unit_test(test_numbers),   cmocka_unit_test(test_slots),
		cmocka_unit_test(test_in_key),    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many),      cmocka_unit_test(test_chosen),
		cmocka_unit_test(test_same_name), cmocka_unit_test(test_skip_zero),
		cmocka_unit_test(test_regexp),    cmocka_unit_test(test_errors_add_up),
		cmocka_unit_test(test_own),       cmocka_unit_test(test_damaged_map),
	};
	int failed;

	if (!pinned_start(&pinned))
		return 0;
	failed = cmocka_run_group_tests_name("ebpf", tests, NULL, NULL);
	pinned_stop(&pinned);
	return failed;
}
