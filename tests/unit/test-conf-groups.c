/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of groups in the configuration: what is taken, what is refused, and how it prints. */
#include <errno.h>

#include "unit.h"

#include "base/conf.h"

struct inner {
	struct str word;
	struct opt_regex regex;
};

struct pet {
	struct str name;
	int64_t legs, span_ns;
	double weight;
	uint64_t size;
	bool tame;
	int kind;
	struct opt_list food;
	struct opt_map tags;
	struct opt_groups rules;
	struct opt_regex regex;
};

struct zoo {
	struct opt_groups pets;
	bool open;
};

#define INNER(member) offsetof(struct inner, member)
#define PET(member) offsetof(struct pet, member)

static const struct opt inner_opts[] = {
	{ .name = "word", .type = OPT_STRING, .offset = INNER(word), .preset = "none" },
	{ .name = "regex", .type = OPT_REGEX, .offset = INNER(regex), .preset = "x+" },
	{ 0 },
};

static const struct opt_section section_inner = {
	.path = "zoo.pets.rules",
	.opts = inner_opts,
	.size = sizeof(struct inner),
};

static int check_pet(const void *data, struct arena *arena, struct str *ret_why)
{
	const struct pet *pet = data;

	(void)arena;
	*ret_why = STR("a cat has four legs");
	return pet->kind == 1 && pet->legs != 4 ? -EINVAL : 0;
}

static const struct opt pet_opts[] = {
	{ .name = "name", .type = OPT_STRING, .offset = PET(name), .preset = "" },
	{ .name = "legs", .type = OPT_INT, .offset = PET(legs), .preset = "4" },
	{ .name = "span", .type = OPT_DURATION, .offset = PET(span_ns), .preset = "1s" },
	{ .name = "weight", .type = OPT_NUMBER, .offset = PET(weight), .preset = "0.5" },
	{ .name = "size", .type = OPT_SIZE, .offset = PET(size), .preset = "1k" },
	{ .name = "tame", .type = OPT_BOOL, .offset = PET(tame), .preset = "true" },
	{ .name = "kind",
	  .type = OPT_CHOICE,
	  .offset = PET(kind),
	  .preset = "dog",
	  .choices = "dog|cat" },
	{ .name = "food", .type = OPT_LIST, .offset = PET(food), .preset = "" },
	{ .name = "tags", .type = OPT_MAP, .offset = PET(tags), .preset = "" },
	{ .name = "rules",
	  .type = OPT_GROUPS,
	  .offset = PET(rules),
	  .preset = "",
	  .group = &section_inner },
	{ .name = "regex", .type = OPT_REGEX, .offset = PET(regex), .preset = "" },
	{ 0 },
};

static const struct opt_section section_pet = {
	.path = "zoo.pets",
	.opts = pet_opts,
	.size = sizeof(struct pet),
	.check = check_pet,
};

static const struct opt zoo_opts[] = {
	{ .name = "pets",
	  .type = OPT_GROUPS,
	  .offset = offsetof(struct zoo, pets),
	  .preset = "",
	  .group = &section_pet },
	{ .name = "open",
	  .type = OPT_BOOL,
	  .offset = offsetof(struct zoo, open),
	  .preset = "true" },
	{ 0 },
};

static const struct opt_section section_zoo = {
	.path = "zoo",
	.opts = zoo_opts,
	.size = sizeof(struct zoo),
};

static const struct opt_section *const sections[] = { &section_zoo, NULL };

static int setup(void **state)
{
	*state = conf_new(sections);
	return 0;
}

static int teardown(void **state)
{
	conf_free(*state);
	return 0;
}

static const struct pet *pet(const struct conf *conf, size_t i)
{
	const struct zoo *zoo = conf_get(conf, &section_zoo);

	assert_true(i < zoo->pets.n);
	return (const struct pet *)zoo->pets.v + i;
}

static size_t count(const struct conf *conf)
{
	return ((const struct zoo *)conf_get(conf, &section_zoo))->pets.n;
}

static void load(struct conf *conf, const char *text)
{
	if (conf_load_text(conf, text, "a.conf") < 0)
		fail_msg("%.*s", STR_ARG(conf_error(conf)));
}

static void print_one(void *arg, const struct opt_section *section, const struct opt *opt,
		      struct str value, struct str origin)
{
	(void)section;
	(void)origin;
	if (strcmp(opt->name, "pets") == 0)
		*(struct str *)arg = value;
}

static struct str printed(const struct conf *conf)
{
	const struct zoo *zoo = conf_get(conf, &section_zoo);
	struct str text = { 0 };

	conf_each(conf, print_one, &text);
	assert_true(str_eq(text, zoo->pets.text));
	return text;
}

static void test_all_types(void **state)
{
	struct conf *conf = *state, *copy = conf_new(sections);

	load(conf,
	     "zoo: { pets = ( {\n"
	     " name = \"a\"; legs = 5000000000L; span = \"2m\"; weight = 1.5; size = \"1M\";\n"
	     " tame = false; food = [ \"x,y\", \"z\" ]; tags = { k = \"v,w=\\\"\\\\\\n\"; };\n"
	     " rules = ( { word = \"one\"; }, { regex = \"y|z\"; } ); regex = \"q.*\";\n"
	     "}, { name = \"b\"; kind = \"cat\" } ); };");

	const struct pet *a = pet(conf, 0), *b = pet(conf, 1);
	const struct inner *rules = a->rules.v;

	assert_int_equal(count(conf), 2);
	assert_text(a->name, "a");
	assert_int_equal(a->legs, 5000000000);
	assert_int_equal(a->span_ns, 120000000000);
	assert_true(a->weight > 1.4 && a->weight < 1.6);
	assert_int_equal(a->size, 1 << 20);
	assert_false(a->tame);
	assert_int_equal(a->food.n, 2);
	assert_text(a->food.v[0], "x,y");
	assert_text(opt_map_get(&a->tags, STR("k")), "v,w=\"\\\n");
	assert_int_equal(a->rules.n, 2);
	assert_text(rules[0].word, "one");
	assert_text(rules[0].regex.text, "x+");
	assert_true(opt_regex_match(&rules[0].regex, STR("xx")));
	assert_text(rules[1].word, "none");
	assert_true(opt_regex_match(&rules[1].regex, STR("z")));
	assert_true(opt_regex_match(&a->regex, STR("qu")));
	assert_int_equal(b->legs, 4);
	assert_true(b->tame);
	assert_int_equal(b->food.n, 0);
	assert_text(printed(conf),
		    "({ name = \"a\"; legs = 5000000000L; span = \"2m\"; weight = 1.5; "
		    "size = \"1048576\"; tame = false; food = (\"x,y\", \"z\"); "
		    "tags = { k = \"v,w=\\\"\\\\\\x0a\"; }; "
		    "rules = ({ word = \"one\"; }, { regex = \"y|z\"; }); regex = \"q.*\"; }, "
		    "{ name = \"b\"; kind = \"cat\"; })");
	assert_int_equal(conf_set(copy, STR("zoo.pets"), printed(conf), "--set"), 0);
	assert_text(printed(copy), printed(conf).p);
	assert_text(opt_map_get(&pet(copy, 0)->tags, STR("k")), "v,w=\"\\\n");
	assert_text(conf_origin_of(copy, STR("zoo.pets")), "--set");
	assert_text(conf_origin_of(conf, STR("zoo.pets")), "a.conf:1");
	conf_free(copy);
}

static void test_sources_add_up(void **state)
{
	struct conf *conf = *state;

	load(conf,
	     "zoo: { pets = ( { name = \"a\"; legs = 1; regex = \"r\"; }, { name = \"b\"; } ); };");
	load(conf,
	     "zoo: { pets = ( { name = \"c\"; }, { name = \"a\"; legs = 2; regex = \"s\"; } ); };");
	assert_int_equal(count(conf), 3);
	assert_text(pet(conf, 0)->name, "a");
	assert_int_equal(pet(conf, 0)->legs, 2);
	assert_text(pet(conf, 2)->name, "c");
	assert_int_equal(conf_set(conf, STR("zoo.pets"), STR("({ name = \"d\" })"), "--set"), 0);
	assert_int_equal(count(conf), 4);
	assert_int_equal(conf_set(conf, STR("zoo.pets"), STR("()"), "--set"), 0);
	assert_int_equal(count(conf), 0);
	load(conf, "zoo: { pets = ( { name = \"a\"; regex = \"r\"; } ); };");
	assert_int_equal(conf_set(conf, STR("zoo.pets"), STR(""), "--set"), 0);
	assert_int_equal(count(conf), 0);
	assert_text(printed(conf), "");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "zoo: { pets = \"a\"; };",
		  "a.conf:1: zoo.pets: expected a list of groups such as" },
		{ "zoo: { pets = { name = \"a\"; }; };", "a.conf:1: zoo.pets: expected a list of" },
		{ "zoo: { pets = ( \"a\" ); };", "a.conf:1: zoo.pets: expected a list of groups" },
		{ "zoo: { pets = (\n{ legs = 4; } ); };",
		  "a.conf:2: zoo.pets: one without a name" },
		{ "zoo: { pets = ( { name = \"a\"; leg = 3; } ); };",
		  "a.conf:1: zoo.pets.leg: unknown option; there are: name, legs, span, weight, "
		  "size, "
		  "tame, kind, food, tags, rules, regex" },
		{ "zoo: { pets = ( { name = \"a\"; legs = \"x\"; } ); };",
		  "a.conf:1: zoo.pets.legs: expected a whole number" },
		{ "zoo: { pets = ( { name = \"a\";\nspan = \"5\"; } ); };",
		  "a.conf:2: zoo.pets.span: 5 has no unit" },
		{ "zoo: { pets = ( { name = \"a\"; regex = \"(\"; } ); };",
		  "a.conf:1: zoo.pets.regex: not a regular expression" },
		{ "zoo: { pets = ( { name = \"a\"; rules = ( { regex = \"(\"; } ); } ); };",
		  "a.conf:1: zoo.pets.rules.regex: not a regular expression" },
		{ "zoo: { pets = ( { name = \"a\"; food = ( { x = 1; } ); } ); };",
		  "a.conf:1: zoo.pets.food: expected a list" },
		{ "zoo: { pets = ( { name = \"a\"; regex = \"r\"; },\n{ name = \"a\"; } ); };",
		  "a.conf:2: zoo.pets: a second \"a\"" },
		{ "zoo: { pets = ( { name = \"a\"; kind = \"cat\"; legs = 3; } ); };",
		  "a.conf:1: zoo.pets a: a cat has four legs" },
		{ "zoo: { pets: { name = \"a\"; }; };", "a.conf:1: zoo.pets: expected a list of" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf *conf = conf_new(sections);

		(void)state;
		assert_int_equal(conf_load_text(conf, rows[i].text, "a.conf"), -EINVAL);
		assert_part(conf_error(conf), rows[i].why);
		conf_free(conf);
	}
}

static void test_refused_elsewhere(void **state)
{
	struct conf *conf = *state;

	assert_int_equal(conf_set(conf, STR("zoo.pets"), STR("({ name ="), "--set"), -EINVAL);
	assert_part(conf_error(conf), "--set: zoo.pets: ");
	assert_int_equal(conf_set(conf, STR("zoo.pets"), STR("a"), "--set"), -EINVAL);
	assert_int_equal(conf_set(conf, STR("zoo.pets"), STR("(); y = ()"), "--set"), -EINVAL);
	assert_part(conf_error(conf), "--set: zoo.pets: more than one list");
	assert_int_equal(
		conf_set(conf, STR("zoo.pets"), STR("({ name = \"a\"; legs = 1.5 })"), "--set"),
		-EINVAL);
	assert_part(conf_error(conf), "--set:1: zoo.pets.legs: expected a whole number");
	assert_int_equal(conf_set(conf, STR("zoo.pets"), STR("\n@include \"/tmp\""), "--set"),
			 -EINVAL);
	assert_int_equal(conf_set(conf, STR("zoo.pets.a"), STR("x"), "--set"), -EINVAL);
	assert_int_equal(count(conf), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sources_add_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_elsewhere, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
