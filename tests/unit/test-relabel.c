/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for samples, as they stand in the configuration, on text as it comes in. */
#include <errno.h>

#include "unit.h"

#include "base/conf.h"
#include "collect/source/relabel.h"
#include "encode/encoder.h"

struct source {
	struct opt_groups relabel;
	struct opt_map labels;
	struct opt_regex owned;
};

#define SOURCE(member) offsetof(struct source, member)

static const struct opt source_opts[] = {
	{ .name = "relabel",
	  .type = OPT_GROUPS,
	  .offset = SOURCE(relabel),
	  .preset = "",
	  .group = &section_relabel },
	{ .name = "labels", .type = OPT_MAP, .offset = SOURCE(labels), .preset = "" },
	{ .name = "owned", .type = OPT_REGEX, .offset = SOURCE(owned), .preset = "" },
	{ 0 },
};

static const struct opt_section section_source = {
	.path = "source",
	.opts = source_opts,
	.size = sizeof(struct source),
};

static const struct opt_section *const sections[] = { &section_source, NULL };

struct world {
	struct conf *conf;
	struct arena arena;
	struct metrics metrics;
	struct relabel relabel;
	struct feed_report report;
	struct buf out;
};

static struct str through(struct world *w, const char *settings, const char *text)
{
	const struct source *source;
	struct arena gone = { 0 };

	*w = (struct world){ .conf = conf_new(sections) };
	if (conf_load_text(w->conf, arena_printf(&w->arena, "source: { %s };", settings).p,
			   "a.conf") < 0)
		fail_msg("%.*s", STR_ARG(conf_error(w->conf)));
	source = conf_get(w->conf, &section_source);
	metrics_init(&w->metrics, (struct metrics_limits){ 0 });
	w->relabel = (struct relabel){
		.rules = &source->relabel,
		.labels = source->labels,
		.owned = &source->owned,
		.owner = { STR("target"), STR("me") },
	};
	feed_text_through(&w->metrics, arena_str(&gone, str_of(text)), STR("me"),
			  &(struct feed_hook){ relabel_sample, &w->relabel, false }, &w->arena,
			  &w->report);
	/* What came in need not live on. */
	arena_release(&gone);
	encoder_text.encode(&w->metrics, &w->out);
	return buf_view(&w->out);
}

static void end(struct world *w)
{
	buf_release(&w->out);
	metrics_release(&w->metrics);
	arena_release(&w->arena);
	conf_free(w->conf);
}

static void becomes(const char *settings, const char *text, const char *want)
{
	struct world w;

	assert_text(through(&w, settings, text), want);
	assert_int_equal(w.report.bad + w.report.dropped + w.report.n, 0);
	end(&w);
}

static const char page[] = "# HELP http_seconds How long.\n"
			   "# TYPE http_seconds histogram\n"
			   "http_seconds_bucket{code=\"200\",le=\"1\"} 2\n"
			   "http_seconds_bucket{code=\"200\",le=\"+Inf\"} 3\n"
			   "http_seconds_sum{code=\"200\"} 4.5\n"
			   "http_seconds_count{code=\"200\"} 3\n"
			   "# HELP jobs Jobs.\n"
			   "# TYPE jobs gauge\n"
			   "jobs{queue=\"In\",node=\"a:9\"} 1\n"
			   "jobs{queue=\"Out\",node=\"b:9\"} 2\n";

#define HISTOGRAM_OF(name, extra)                                                                  \
	"# HELP " name " How long.\n# TYPE " name " histogram\n" name "_bucket{code=\"200\"" extra \
	",le=\"1\"} 2\n" name "_bucket{code=\"200\"" extra ",le=\"+Inf\"} 3\n" name                \
	"_sum{code=\"200\"" extra "} 4.5\n" name "_count{code=\"200\"" extra "} 3\n"
#define JOBS "# HELP jobs Jobs.\n# TYPE jobs gauge\n"
#define IN "jobs{node=\"a:9\",queue=\"In\"} 1\n"
#define OUT "jobs{node=\"b:9\",queue=\"Out\"} 2\n"

static void test_nothing(void **state)
{
	(void)state;
	becomes("", page, JOBS IN OUT HISTOGRAM_OF("http_seconds", ""));
}

static void test_keep_and_drop(void **state)
{
	(void)state;
	becomes("relabel = ( { action = \"keep\"; regex = \"job.\"; } );", page, JOBS IN OUT);
	becomes("relabel = ( { action = \"keep\"; regex = \"job\"; } );", page, "");
	becomes("relabel = ( { action = \"drop\"; regex = \"jobs\"; } );", page,
		HISTOGRAM_OF("http_seconds", ""));
	becomes("relabel = ( { action = \"drop\"; regex = \"http_.*\"; },"
		" { action = \"drop\"; source_labels = (\"queue\"); regex = \"I\\\\w\"; } );",
		page, JOBS OUT);
	becomes("relabel = ( { action = \"keep\"; source_labels = (\"queue\", \"node\");"
		" regex = \"Out;b:\\\\d\"; } );",
		page, JOBS OUT);
	becomes("relabel = ( { action = \"keep\"; source_labels = (\"queue\", \"node\"); separator "
		"= \",\";"
		" regex = \"Out,b:9\"; } );",
		page, JOBS OUT);
	becomes("relabel = ( { action = \"keepequal\"; source_labels = (\"a\"); target_label = "
		"\"b\"; } );",
		"x{a=\"1\",b=\"1\"} 1\nx{a=\"1\",b=\"2\"} 2\n",
		"# TYPE x untyped\nx{a=\"1\",b=\"1\"} 1\n");
	becomes("relabel = ( { action = \"dropequal\"; source_labels = (\"a\"); target_label = "
		"\"b\"; } );",
		"x{a=\"1\",b=\"1\"} 1\nx{a=\"1\",b=\"2\"} 2\n",
		"# TYPE x untyped\nx{a=\"1\",b=\"2\"} 2\n");
	/* Of a histogram without some buckets there still is one. */
	becomes("relabel = ( { action = \"drop\"; source_labels = (\"__name__\", \"le\");"
		" regex = \"http_seconds_bucket;1\"; }, { action = \"drop\"; regex = \"jobs\"; } "
		");",
		page,
		"# HELP http_seconds How long.\n# TYPE http_seconds histogram\n"
		"http_seconds_bucket{code=\"200\",le=\"+Inf\"} 3\n"
		"http_seconds_sum{code=\"200\"} 4.5\nhttp_seconds_count{code=\"200\"} 3\n");
}

static void test_rename(void **state)
{
	(void)state;
	becomes("relabel = ( { action = \"rename\"; regex = \"http_(.*)\"; replacement = "
		"\"web_$1\"; },"
		" { action = \"drop\"; regex = \"jobs\"; } );",
		page, HISTOGRAM_OF("web_seconds", ""));
	/* As Prometheus has it: by the sample's own name, whose end is kept. */
	becomes("relabel = ( { source_labels = (\"__name__\"); regex = \"http_(.*)\";"
		" target_label = \"__name__\"; replacement = \"web_$1\"; },"
		" { action = \"drop\"; regex = \"jobs\"; } );",
		page, HISTOGRAM_OF("web_seconds", ""));
	becomes("relabel = ( { action = \"rename\"; regex = \"s\"; replacement = \"t\"; } );",
		"# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 3\ns_total 4\n",
		"# TYPE s_total untyped\ns_total 4\n"
		"# TYPE t summary\nt{quantile=\"0.5\"} 1\nt_sum 2\nt_count 3\n");
	/* A counter of OpenMetrics is one by the name of its family. */
	becomes("relabel = ( { action = \"rename\"; regex = \"hits(.*)\"; replacement = "
		"\"strikes$1\"; } );",
		"# HELP hits H.\n# TYPE hits counter\nhits_total 4\n",
		"# HELP strikes_total H.\n# TYPE strikes_total counter\nstrikes_total 4\n");
	becomes("relabel = ( { action = \"rename\"; regex = \"[ab]\"; replacement = \"c\"; } );",
		"# TYPE a gauge\n# TYPE b gauge\n# HELP b B.\na{x=\"1\"} 1\nb{x=\"2\"} 2\n",
		"# TYPE c gauge\nc{x=\"1\"} 1\nc{x=\"2\"} 2\n");
}

static void test_replace(void **state)
{
	(void)state;
	becomes("relabel = ( { action = \"drop\"; regex = \"http.*\"; }, { source_labels = "
		"(\"node\");"
		" regex = \"([^:]*):.*\"; target_label = \"node\"; },"
		" { action = \"uppercase\"; source_labels = (\"node\"); target_label = \"N\"; },"
		" { action = \"lowercase\"; source_labels = (\"queue\"); target_label = \"queue\"; "
		"} );",
		page,
		JOBS "jobs{N=\"A\",node=\"a\",queue=\"in\"} "
		     "1\njobs{N=\"B\",node=\"b\",queue=\"out\"} 2\n");
	becomes("relabel = ( { source_labels = (\"a\"); regex = \"(.)(.)?\"; target_label = \"b\";"
		" replacement = \"${2}-$1$$$\"; } );",
		"x{a=\"pq\"} 1\nx{a=\"r\"} 2\nx{a=\"long\"} 3\n",
		"# TYPE x untyped\nx{a=\"pq\",b=\"q-p$$\"} 1\nx{a=\"r\",b=\"-r$$\"} "
		"2\nx{a=\"long\"} 3\n");
	/* As in Prometheus: named groups, groups that are none, and a name as long as it can be. */
	becomes("relabel = ( { source_labels = (\"a\");"
		" regex = \"(?i:(?P<disk>[a-z]+?))(?:p)?(?P<part>\\\\d+)\";"
		" target_label = \"b\"; replacement = \"$disk/${part}$2$1x.\"; } );",
		"x{a=\"SDA12\"} 1\nx{a=\"nvmep3\"} 2\nx{a=\"sda\"} 3\n",
		"# TYPE x untyped\nx{a=\"SDA12\",b=\"SDA/1212.\"} 1\n"
		"x{a=\"nvmep3\",b=\"nvme/33.\"} 2\nx{a=\"sda\"} 3\n");
	/* An empty value takes the label away; without an expression everything matches. */
	becomes("relabel = ( { target_label = \"a\"; replacement = \"\"; },"
		" { target_label = \"c\"; replacement = \"all\"; } );",
		"x{a=\"1\",b=\"2\"} 1\n", "# TYPE x untyped\nx{b=\"2\",c=\"all\"} 1\n");
	becomes("relabel = ( { source_labels = (\"a\"); target_label = \"__tmp\"; },"
		" { source_labels = (\"__tmp\"); target_label = \"z\"; } );",
		"x{a=\"1\"} 1\n", "# TYPE x untyped\nx{a=\"1\",z=\"1\"} 1\n");
	becomes("relabel = ( { target_label = \"__name__\"; replacement = \"\"; } );", "x 1\n", "");
}

static void test_labels(void **state)
{
	(void)state;
	becomes("relabel = ( { action = \"labeldrop\"; regex = \"queue|code\"; } );",
		"x{queue=\"q\",b=\"2\"} 1\n", "# TYPE x untyped\nx{b=\"2\"} 1\n");
	becomes("relabel = ( { action = \"labelkeep\"; regex = \"b|c\"; } );",
		"x{a=\"q\",b=\"2\",c=\"3\",d=\"4\"} 1\n",
		"# TYPE x untyped\nx{b=\"2\",c=\"3\"} 1\n");
	becomes("relabel = ( { action = \"labelmap\"; regex = \"meta_(.*)\"; },"
		" { action = \"labeldrop\"; regex = \"meta_.*\"; } );",
		"x{meta_a=\"1\",meta_b=\"2\",c=\"3\"} 1\n",
		"# TYPE x untyped\nx{a=\"1\",b=\"2\",c=\"3\"} 1\n");
	becomes("labels = { rack = \"7\"; };", "x 1\ny{rack=\"own\"} 2\n",
		"# TYPE x untyped\nx{rack=\"7\"} 1\n# TYPE y untyped\ny{rack=\"own\"} 2\n");
	becomes("labels = { rack = \"7\"; }; relabel = ( { action = \"drop\"; regex = \"jobs\"; } "
		");",
		page, HISTOGRAM_OF("http_seconds", ",rack=\"7\""));
}

static void test_owned(void **state)
{
	(void)state;
	becomes("owned = \"(go|http)_.*\"; relabel = ( { action = \"drop\"; regex = \"jobs\"; } );",
		page, HISTOGRAM_OF("http_seconds", ",target=\"me\""));
	becomes("owned = \"http_seconds\"; relabel = ( { action = \"drop\"; regex = \"jobs\"; } );",
		page, HISTOGRAM_OF("http_seconds", ",target=\"me\""));
	becomes("owned = \"go_.*\";", "go_x{target=\"theirs\"} 1\nnogo_x{target=\"theirs\"} 2\n",
		"# TYPE go_x untyped\ngo_x{exported_target=\"theirs\",target=\"me\"} 1\n"
		"# TYPE nogo_x untyped\nnogo_x{target=\"theirs\"} 2\n");
}

/* What the rules spoil is named, and the rest is there. */
static void test_spoilt(void **state)
{
	struct world w;

	(void)state;
	assert_text(through(&w,
			    "relabel = ( { action = \"labeldrop\"; regex = \"le|queue|node\"; } );",
			    page),
		    JOBS "jobs 1\n# HELP http_seconds How long.\n"
			 "# TYPE http_seconds histogram\n"
			 "http_seconds_bucket{code=\"200\",le=\"+Inf\"} 3\n"
			 "http_seconds_sum{code=\"200\"} 4.5\n"
			 "http_seconds_count{code=\"200\"} 3\n");
	assert_int_equal(w.report.dropped, 3);
	assert_text(w.report.messages[0],
		    "me:3: http_seconds_bucket: a bucket needs one le that is a number");
	assert_text(w.report.messages[2], "me:10: jobs: the same series a second time");
	end(&w);
	assert_text(through(&w,
			    "relabel = ( { action = \"rename\"; regex = \"jobs\"; replacement = "
			    "\"no way\"; },"
			    " { action = \"drop\"; regex = \"http.*\"; } );",
			    page),
		    "");
	assert_int_equal(w.report.left_out, 4);
	assert_int_equal(w.report.dropped, 2);
	assert_text(w.report.messages[0],
		    "me:9: no way: an illegal metric or label name, or a label twice");
	end(&w);
	/* A part that is called otherwise is none. */
	assert_text(
		through(&w,
			"relabel = ( { source_labels = (\"__name__\"); regex = "
			"\"http_seconds_sum\";"
			" target_label = \"__name__\"; replacement = \"took\"; },"
			" { action = \"drop\"; regex = \"jobs|http_seconds_(bucket|count)\"; } );",
			page),
		"# TYPE took untyped\ntook{code=\"200\"} 4.5\n");
	end(&w);
	/* Nor has it an end that could stay, whatever it is called next. */
	assert_text(
		through(&w,
			"relabel = ( { source_labels = (\"__name__\"); regex = "
			"\"http_seconds_sum\";"
			" target_label = \"__name__\"; replacement = \"t\"; },"
			" { action = \"rename\"; regex = \"t\"; replacement = \"u\"; },"
			" { action = \"drop\"; regex = \"jobs|http_seconds_(bucket|count)\"; } );",
			page),
		"# TYPE u untyped\nu{code=\"200\"} 4.5\n");
	end(&w);
	/* The new name has another type already: the parts are metrics of their own. */
	assert_text(through(&w,
			    "relabel = ( { action = \"rename\"; regex = \"a\"; replacement = "
			    "\"b\"; } );",
			    "# TYPE a histogram\n# TYPE b gauge\na_bucket{le=\"+Inf\"} 1\na_count "
			    "1\nb 2\n"),
		    "# TYPE b_bucket untyped\nb_bucket{le=\"+Inf\"} 1\n"
		    "# TYPE b_count untyped\nb_count 1\n# TYPE b gauge\nb 2\n");
	end(&w);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "relabel = ( { action = \"replace\"; } );",
		  "relabel: this action needs a target_label" },
		{ "relabel = ( { target_label = \"a-b\"; } );",
		  "target_label: \"a-b\" is no label name" },
		{ "relabel = ( { target_label = \"a:b\"; } );",
		  "target_label: \"a:b\" is no label name" },
		{ "relabel = ( { action = \"drop\"; regex = \"(\"; } );",
		  "relabel.regex: not a regular expression: missing closing parenthesis at offset "
		  "1" },
		{ "relabel = ( { action = \"drop\"; regex = \"a)|(b\"; } );",
		  "relabel.regex: not a regular expression: unmatched closing parenthesis at "
		  "offset 1, behind \"a\"" },
		{ "relabel = ( { action = \"labeldrop\"; } );",
		  "relabel: this action needs a regex" },
		{ "relabel = ( { action = \"hashmod\"; } );",
		  "is not one of replace|keep|drop|rename" },
		{ "relabel = ( { source = \"a\"; } );",
		  "relabel.source: unknown option; there are: action, source_labels, separator, "
		  "regex, "
		  "target_label, replacement" },
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf *conf = conf_new(sections);

		assert_int_equal(
			conf_load_text(conf,
				       arena_printf(&arena, "source: { %s };", rows[i].text).p,
				       "a.conf"),
			-EINVAL);
		assert_part(conf_error(conf), rows[i].why);
		conf_free(conf);
	}
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_keep_and_drop),
		cmocka_unit_test(test_rename),  cmocka_unit_test(test_replace),
		cmocka_unit_test(test_labels),  cmocka_unit_test(test_owned),
		cmocka_unit_test(test_spoilt),  cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
