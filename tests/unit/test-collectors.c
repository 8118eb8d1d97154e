/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing among the real collectors, and running collectors of the test's own. */
#include <errno.h>
#include <fcntl.h>

#include "unit.h"

#include "cmd/commands.h"
#include "collect/run.h"
#include "encode/encoder.h"

enum { SECTIONS_MAX = 512 };

/* What a collector of the test's own is to do, and what was done with it. */
struct script {
	int open_r, run_r;
	const char *why;
	const char *const *notes; /* NULL-ended; of what stands before their first blank */
	unsigned opened, ran, closed, dirty;
};

struct world {
	const struct opt_section *sections[SECTIONS_MAX + 1];
	struct conf *conf;
	int dir, said[2];
	char path[64], text[4096];
	struct host host;
	struct metrics metrics;
	struct state state;
	struct arena arena;
	struct collectors all;
	struct log log;
	struct str why;
	struct buf out;
	struct script script;
};

static void open_host(struct world *w, bool keep)
{
	const struct host_paths paths = { .path = { w->path, w->path, w->path, w->path } };

	host_open(&w->host, &paths, keep);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	sections_all(w->sections, SECTIONS_MAX);
	w->conf = conf_new(w->sections);
	w->dir = unit_dir(w->path);
	open_host(w, false);
	metrics_init(&w->metrics, (struct metrics_limits){ 0 });
	assert_int_equal(pipe2(w->said, O_CLOEXEC | O_NONBLOCK), 0);
	w->log = (struct log){ .max = LOG_LEVEL_INFO, .fd = w->said[1] };
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	collectors_close(&w->all);
	conf_free(w->conf);
	host_close(&w->host);
	metrics_release(&w->metrics);
	state_release(&w->state);
	arena_release(&w->arena);
	buf_release(&w->out);
	(void)close(w->said[0]);
	(void)close(w->said[1]);
	unit_remove(w->dir);
	free(w);
	return 0;
}

static struct str said(struct world *w)
{
	ssize_t n = read(w->said[0], w->text, sizeof(w->text));

	return (struct str){ w->text, n > 0 ? (size_t)n : 0 };
}

static struct str exposition(struct world *w)
{
	buf_reset(&w->out);
	encoder_text.encode(&w->metrics, &w->out);
	return buf_view(&w->out);
}

/* collectors_init() with that choice, instead of the one before. */
static int choose(struct world *w, const char *enable, const char *disable)
{
	collectors_close(&w->all);
	conf_free(w->conf);
	w->conf = conf_new(w->sections);
	if (enable)
		assert_int_equal(
			conf_set(w->conf, STR("collectors.enable"), str_of(enable), "test"), 0);
	if (disable)
		assert_int_equal(
			conf_set(w->conf, STR("collectors.disable"), str_of(disable), "test"), 0);
	return collectors_init(&w->all, w->conf, &w->host, &w->metrics, &w->state, &w->arena,
			       &w->why);
}

static bool is_on(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->all.n; i++)
		if (strcmp(w->all.slots[i].type->name, name) == 0)
			return w->all.slots[i].enabled;
	fail_msg("no collector %s", name);
	return false;
}

static size_t count_on(const struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->all.n; i++)
		n += w->all.slots[i].enabled;
	return n;
}

static void test_choice(void **state)
{
	struct world *w = *state;
	size_t on = 0;

	for (size_t i = 0; i < collector_count(); i++)
		on += collector_registry[i]->on;
	assert_true(on > 5);

	assert_int_equal(choose(w, NULL, NULL), 0);
	assert_int_equal(w->all.n, collector_count());
	assert_int_equal(count_on(w), on);
	assert_int_equal(choose(w, "all", NULL), 0);
	assert_int_equal(count_on(w), collector_count());
	assert_int_equal(choose(w, "loadavg,meminfo", NULL), 0);
	assert_int_equal(count_on(w), 2);
	assert_true(is_on(w, "loadavg") && is_on(w, "meminfo"));
	assert_int_equal(choose(w, "default,-loadavg", NULL), 0);
	assert_int_equal(count_on(w), on - 1);
	assert_false(is_on(w, "loadavg"));
	/* Alone it means all but that one. */
	assert_int_equal(choose(w, "-loadavg", NULL), 0);
	assert_int_equal(count_on(w), on - 1);
	assert_int_equal(choose(w, "-loadavg,loadavg", NULL), 0);
	assert_int_equal(count_on(w), on);
	assert_int_equal(choose(w, "all,-default,uname", NULL), 0);
	assert_int_equal(count_on(w), collector_count() - on + 1);
	assert_int_equal(choose(w, "all", "loadavg,meminfo"), 0);
	assert_int_equal(count_on(w), collector_count() - 2);
	assert_int_equal(choose(w, "default", "all"), 0);
	assert_int_equal(count_on(w), 0);
	collectors_run(&w->all, &w->log);
	assert_int_equal(w->metrics.series, 0);
}

static void test_unknown(void **state)
{
	struct world *w = *state;

	assert_int_equal(choose(w, "default,loadavgg", NULL), -EINVAL);
	assert_part(
		w->why,
		"collectors.enable: there is no collector \"loadavgg\" (did you mean loadavg?)");
	assert_int_equal(choose(w, "-memifno", NULL), -EINVAL);
	assert_part(w->why,
		    "collectors.enable: there is no collector \"memifno\" (did you mean meminfo?)");
	assert_int_equal(choose(w, "all", "filesysten"), -EINVAL);
	assert_part(w->why, "collectors.disable: ");
	assert_part(w->why, "(did you mean filesystem?)");
	assert_int_equal(choose(w, "defalt", NULL), -EINVAL);
	assert_part(w->why, "(did you mean default?)");
	assert_int_equal(choose(w, "something_else_entirely", NULL), -EINVAL);
	assert_part(w->why, "collectors.enable: there is no collector \"something_else_entirely\"; "
			    "see peekpush list");
	assert_int_equal(choose(w, "--cpu", NULL), -EINVAL);
	assert_int_equal(choose(w, "-", NULL), -EINVAL);
}

static void test_registry(void **state)
{
	(void)state;
	for (size_t i = 0; i < collector_count(); i++) {
		const struct collector *c = collector_registry[i];

		assert_true(label_name_valid(str_of(c->name)));
		assert_true(str_of(c->name).n < 50);
		assert_true(c->help && *c->help && c->reads && *c->reads && c->run);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(c->name, collector_registry[k]->name);
		/* Where others leave something is not of the collector alone. */
		if (c->section && strcmp(c->section->path, c->name) != 0) {
			assert_true(str_starts(str_of(c->section->path), STR("collectors.")));
			assert_string_equal(c->section->path + 11, c->name);
		}
		assert_true(str_starts(str_of(collector_filters[i].path), STR("collectors.")));
		assert_string_equal(collector_filters[i].path + 11, c->name);
		/* What all have must not mean something else of one. */
		for (const struct opt *own = c->section ? c->section->opts : NULL; own && own->name;
		     own++)
			for (const struct opt *opt = collector_filters[i].opts; opt->name; opt++)
				assert_true(strcmp(c->section->path, c->name) == 0 ||
					    strcmp(own->name, opt->name) != 0);
	}
	/* It counts what was dropped from the others. */
	assert_string_equal(collector_registry[collector_count() - 1]->name, "self");
}

static void test_fixture(void **state)
{
	struct world *w = *state;
	struct str text;

	unit_write(w->dir, "loadavg", STR("0.5 1.25 2 1/100 4242\n"));
	assert_int_equal(choose(w, "loadavg,meminfo", NULL), 0);
	collectors_run(&w->all, &w->log);
	text = exposition(w);
	assert_part(text, "\nnode_load1 0.5\n");
	assert_part(text, "\nnode_load15 2\n");
	assert_part(text, "\nnode_scrape_collector_success{collector=\"loadavg\"} 1\n");
	assert_part(text, "\nnode_scrape_collector_success{collector=\"meminfo\"} 0\n");
	assert_part(text, "\nnode_scrape_collector_duration_seconds{collector=\"meminfo\"} ");
	/* What this host does not have is no trouble. */
	assert_text(said(w), "");
}

struct own {
	struct script *script;
	char block[64];
};

static const struct metric_desc own_desc = { "own", "Help.", METRIC_GAUGE };

/* The script is handed over as the configuration: a block of one's own is empty at first. */
static int own_open(struct collect *c)
{
	struct own *own = c->self;
	struct script *script = (struct script *)(uintptr_t)c->conf;

	for (size_t i = 0; i < sizeof(own->block); i++)
		script->dirty += own->block[i] != 0;
	script->dirty += own->script != NULL;
	memset(own->block, 1, sizeof(own->block));
	own->script = script;
	script->opened++;
	return script->open_r;
}

static int own_run(struct collect *c)
{
	const struct own *own = c->self;

	own->script->ran++;
	family_add(metrics_family(c->out, &own_desc), METRIC_LABELS(c->out, { STR("n"), STR("1") }),
		   own->script->ran);
	for (const char *const *note = own->script->notes; note && *note; note++) {
		struct str about = { *note, str_find(str_of(*note), ' ') };

		collect_note(c, about, "%s", *note);
	}
	if (own->script->run_r < 0 && own->script->why)
		return collect_fail(c, own->script->run_r, "%s", own->script->why);
	return own->script->run_r;
}

static void own_close(struct collect *c)
{
	const struct own *own = c->self;

	own->script->closed++;
}

static const struct collector own_type = {
	.name = "own",
	.help = "for the test",
	.reads = "nothing",
	.self_size = sizeof(struct own),
	.open = own_open,
	.run = own_run,
	.close = own_close,
};

/* The one collector, set up as collectors_init() does it. */
static void play(struct world *w)
{
	struct collector_slot *slot;

	collectors_close(&w->all);
	w->all.n = 1;
	w->all.slots = slot = arena_zalloc(&w->all.arena, 1, sizeof(*slot));
	slot->type = &own_type;
	slot->enabled = true;
	slot->c = (struct collect){
		.host = &w->host,
		.out = &w->metrics,
		.scratch = &w->all.scratch,
		.state = &w->state,
		.conf = &w->script,
		.self = arena_zalloc(&w->all.arena, 1, sizeof(struct own)),
		.why_arena = &slot->why,
	};
}

static void cycle(struct world *w)
{
	metrics_reset(&w->metrics);
	collectors_run(&w->all, &w->log);
}

static void test_life(void **state)
{
	struct world *w = *state;
	struct script *script = &w->script;

	play(w);
	for (unsigned i = 1; i <= 3; i++) {
		cycle(w);
		assert_int_equal(script->opened, 1);
		assert_int_equal(script->ran, i);
	}
	assert_int_equal(w->all.slots[0].series, 1);
	assert_part(exposition(w), "own{n=\"1\"} 3\n");
	collectors_close(&w->all);
	assert_int_equal(script->closed, 1);
	assert_int_equal(script->dirty, 0);

	/* Never run, never opened, never closed. */
	*script = (struct script){ 0 };
	play(w);
	w->all.slots[0].enabled = false;
	cycle(w);
	collectors_close(&w->all);
	assert_int_equal(script->opened + script->ran + script->closed, 0);
}

/* An open that fails is undone and tried again on an empty block; run waits for it. */
static void test_failed_open(void **state)
{
	struct world *w = *state;
	struct script *script = &w->script;

	*script = (struct script){ .open_r = -EIO };
	play(w);
	cycle(w);
	cycle(w);
	assert_int_equal(script->opened, 2);
	assert_int_equal(script->closed, 2);
	assert_int_equal(script->ran, 0);
	assert_int_equal(script->dirty, 0);
	assert_part(exposition(w), "node_scrape_collector_success{collector=\"own\"} 0\n");
	assert_text(said(w), "peekpush: warning: collector own: Input/output error\n");
	script->open_r = 0;
	cycle(w);
	cycle(w);
	assert_int_equal(script->opened, 3);
	assert_int_equal(script->ran, 2);
	collectors_close(&w->all);
	assert_int_equal(script->closed, 3);
}

/* A failure keeps its samples, and each reason is said once, over restarts too. */
static void test_failures(void **state)
{
	struct world *w = *state;
	struct script *script = &w->script;

	*script = (struct script){ .run_r = -EBADMSG, .why = "/proc/own: line 1 is\nodd" };
	play(w);
	cycle(w);
	assert_part(exposition(w), "own{n=\"1\"} 1\n");
	assert_part(exposition(w), "node_scrape_collector_success{collector=\"own\"} 0\n");
	assert_text(said(w), "peekpush: warning: collector own: /proc/own: line 1 is?odd\n");
	cycle(w);
	assert_text(said(w), "");
	play(w);
	cycle(w);
	assert_text(said(w), "");

	/* Another reason is news. */
	script->why = NULL;
	cycle(w);
	assert_text(said(w), "peekpush: warning: collector own: Bad message\n");
	/* And so is the old one after it had gone. */
	script->run_r = 0;
	cycle(w);
	assert_text(said(w), "");
	assert_part(exposition(w), "node_scrape_collector_success{collector=\"own\"} 1\n");
	assert_int_equal(w->state.n, 0);
	script->run_r = -EBADMSG;
	cycle(w);
	assert_part(said(w), "Bad message");

	/* Not for everybody's ears: what is not there, and what only root may see. */
	script->run_r = -ENODATA;
	cycle(w);
	script->run_r = -EACCES;
	cycle(w);
	assert_text(said(w), "");
	assert_part(exposition(w), "node_scrape_collector_success{collector=\"own\"} 0\n");
	w->log.max = LOG_LEVEL_DEBUG;
	script->run_r = -EPERM;
	cycle(w);
	assert_text(said(w), "peekpush: debug: collector own: Operation not permitted\n");
}

/* A note is said once for as long as it stays, however its numbers change. */
static void test_notes(void **state)
{
	static const char *const one[] = { "a1 line 1", NULL },
				 *const moved[] = { "a1 line 22", NULL },
				 *const two[] = { "a2 line 1", "a1 line 3", "a1 oh", NULL };
	const char *many[COLLECT_NOTES_MAX + 3] = { 0 };
	struct world *w = *state;
	struct script *script = &w->script;

	*script = (struct script){ .notes = one };
	play(w);
	cycle(w);
	assert_text(said(w), "peekpush: warning: collector own: a1 line 1\n");
	/* It is no failure. */
	assert_part(exposition(w), "node_scrape_collector_success{collector=\"own\"} 1\n");
	cycle(w);
	script->notes = moved;
	cycle(w);
	play(w);
	cycle(w);
	assert_text(said(w), "");
	script->notes = two;
	cycle(w);
	assert_text(said(w), "peekpush: warning: collector own: a2 line 1\n"
			     "peekpush: warning: collector own: a1 oh\n");
	script->notes = moved;
	cycle(w);
	assert_text(said(w), "");
	script->notes = NULL;
	cycle(w);
	assert_text(said(w), "");
	assert_int_equal(w->state.n, 0);
	script->notes = one;
	cycle(w);
	assert_text(said(w), "peekpush: warning: collector own: a1 line 1\n");

	for (size_t i = 0; i < COLLECT_NOTES_MAX + 2; i++)
		many[i] = "b x";
	script->notes = many;
	cycle(w);
	struct str text = said(w);

	assert_int_equal(w->all.slots[0].c.n_notes, COLLECT_NOTES_MAX);
	assert_true(str_ends(text, STR("collector own: 2 more of the kind\n")));
	cycle(w);
	assert_text(said(w), "");
}

static void test_long_why(void **state)
{
	struct world *w = *state;
	char why[5001];
	struct script *script = &w->script;

	memset(why, 'y', 5000);
	why[5000] = '\0';
	*script = (struct script){ .run_r = -EIO, .why = why };
	play(w);
	cycle(w);
	assert_true(w->all.slots[0].c.why.n < 1024);
	assert_true(str_ends(w->all.slots[0].c.why, STR("y...")));
	assert_part(said(w), "collector own: yyyyyyyy");
}

static void test_helpers(void **state)
{
	static const struct table_row rows[] = {
		ROW_GAUGE("a", "a_bytes", "Help.", .scale = 1024),
		ROW_GAUGE("b", "b", "Help."),
		ROW_GAUGE("none", "none", "Help."),
		ROW_GAUGE("bad", "bad", "Help."),
	};
	struct world *w = *state;
	struct collect *c;
	struct str text = STR("untouched"), *names = NULL;
	size_t n = 42;

	play(w);
	c = &w->all.slots[0].c;
	assert_int_equal(collect_read(c, HOST_PROC, "net/dev", &text), -ENODATA);
	assert_text(c->why, "/proc/net/dev is not there");
	assert_int_equal(collect_list(c, HOST_SYS, "class/x", &names, &n), -ENODATA);
	assert_text(c->why, "/sys/class/x is not there");
	assert_int_equal(mkdirat(w->dir, "dir", 0755), 0);
	assert_int_equal(collect_read(c, HOST_ROOT, "dir", &text), -EISDIR);
	assert_text(c->why, "/dir: Is a directory");
	assert_text(text, "untouched");
	assert_int_equal(collect_needs_live(c, HOST_PROC), -ENODATA);
	assert_part(c->why, "/proc");

	assert_int_equal(collect_needs_live(c, HOST_ROOT), -ENODATA);
	assert_part(c->why, "another tree than / is given");
	assert_int_equal(collect_number(c, HOST_PROC, "number", &own_desc), -ENODATA);
	unit_write(w->dir, "number", STR("12 x\n"));
	assert_int_equal(collect_number(c, HOST_PROC, "number", &own_desc), -EBADMSG);
	assert_text(c->why, "/proc/number: not a number");
	unit_write(w->dir, "number", STR("12\n"));
	assert_int_equal(collect_number(c, HOST_PROC, "number", &own_desc), 0);
	assert_part(exposition(w), "own 12\n");
	metrics_reset(&w->metrics);
	w->host.cycle++;
	assert_int_equal(collect_read_once(c, HOST_PROC, "none", &text), -ENODATA);
	assert_text(c->why, "/proc/none is not there");
	assert_int_equal(collect_read_once(c, HOST_PROC, "number", &text), 0);
	assert_text(text, "12\n");

	unit_write(w->dir, "a", STR("2\n"));
	unit_write(w->dir, "b", STR("-3\n"));
	unit_write(w->dir, "bad", STR("x\n"));
	assert_int_equal(collect_attrs(c, w->dir, METRIC_LABELS(c->out, { STR("d"), STR("1") }),
				       rows, ARRAY_SIZE(rows)),
			 2);
	text = exposition(w);
	assert_part(text, "a_bytes{d=\"1\"} 2048\n");
	assert_part(text, "b{d=\"1\"} -3\n");
	assert_int_equal(w->metrics.series, 2);
}

static int visit(struct collect *c, int dir, struct str name, void *arg)
{
	struct buf *seen = arg;

	(void)c;
	assert_true(dir >= 0);
	buf_str(seen, name);
	return str_eq(name, STR("d2")) ? -EIO : 0;
}

static void test_tables(void **state)
{
	static const struct table_row rows[] = {
		ROW_COUNTER("io", "io_total", "Help.", .column = 1),
		ROW_COUNTER("io", "hex_total", "Help.", .column = 2, .form = ROW_HEX),
		ROW_GAUGE("load", "load", "Help.", .form = ROW_REAL),
		ROW_GAUGE("size", "size_bytes", "Help.", .form = ROW_SIZE,
			  .label = { STR("kind"), STR("k") }),
	};
	static const struct metric_desc info = { "info", "Help.", METRIC_GAUGE };
	static const struct text_row texts[] = { { "d1/model", "model" }, { "none", "vendor" } };
	struct world *w = *state;
	struct table_row many[70];
	struct buf seen = { 0 };
	struct collect *c;
	const struct labels *labels, *other;
	struct str text;

	play(w);
	c = &w->all.slots[0].c;
	labels = METRIC_LABELS(c->out, { STR("d"), STR("1") });
	other = METRIC_LABELS(c->out, { STR("d"), STR("2") });
	text = STR("io 1 18446744073709551615 ff\n\nother\nload: 1.5\nsize 1.5k\nsize 2\n");
	assert_int_equal(collect_lines(c, "/x", text, labels, rows, ARRAY_SIZE(rows)), 0);
	text = exposition(w);
	assert_part(text, "io_total{d=\"1\"} 1.8446744073709552e+19\n");
	assert_part(text, "hex_total{d=\"1\"} 255\n");
	assert_part(text, "load{d=\"1\"} 1.5\n");
	assert_part(text, "size_bytes{d=\"1\",kind=\"k\"} 1536\n");
	/* Of many rows, each by itself is there or not, with or without a colon. */
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct table_row)ROW_GAUGE(arena_printf(&w->arena, "k%zu", i).p,
						      arena_printf(&w->arena, "many_%zu", i).p,
						      "Help.", .or_zero = true);
	assert_int_equal(collect_lines(c, "/x", STR("k0: 5\nk65 6\n"), labels, many, 70), 0);
	text = exposition(w);
	assert_part(text, "many_0{d=\"1\"} 5\n");
	assert_part(text, "many_64{d=\"1\"} 0\n");
	assert_part(text, "many_65{d=\"1\"} 6\n");
	assert_part(text, "many_1{d=\"1\"} 0\n");
	assert_int_equal(collect_known_lines(c, "/x", STR("io: 1 7 f"), other, rows, 1), 0);
	assert_part(exposition(w), "io_total{d=\"2\"} 7\n");
	assert_int_equal(collect_lines(c, "/x", STR("a\nio 1 2"), labels, rows, 4), -EBADMSG);
	assert_text(c->why, "/x: line 2 lacks a number");

	assert_int_equal(collect_each(c, HOST_SYS, "devices", visit, &seen), -ENODATA);
	assert_text(c->why, "/sys/devices is not there");
	assert_int_equal(mkdirat(w->dir, "devices", 0755), 0);
	assert_int_equal(collect_each(c, HOST_SYS, "devices", visit, &seen), 0);
	assert_text(c->why, "/sys/devices is empty");
	assert_int_equal(collect_each_in(c, w->dir, "devices", visit, &seen), 0);
	assert_int_equal(collect_each_in(c, w->dir, "none", visit, &seen), 0);
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "d10", "d2", "d1", "e" };

		text = arena_printf(&w->arena, "devices/%s", names[i]);
		assert_int_equal(mkdirat(w->dir, text.p, 0755), 0);
	}
	unit_write(w->dir, "devices/file", STR("no directory"));
	assert_int_equal(symlinkat("e", w->dir, "devices/link"), 0);
	assert_int_equal(collect_each(c, HOST_SYS, "devices", visit, &seen), -EIO);
	assert_text(buf_view(&seen), "d1d2d10elink");
	buf_release(&seen);

	unit_write(w->dir, "devices/d1/model", STR("m 1\n"));
	_cleanup_fd_ int dir = openat(w->dir, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	collect_info(c, dir, &info, labels, texts, ARRAY_SIZE(texts));
	family_add(collect_familyf(c, METRIC_GAUGE, "Help.", "a_%s", "b-c d"), labels, 1);
	text = exposition(w);
	assert_part(text, "info{d=\"1\",model=\"m 1\",vendor=\"\"} 1\n");
	assert_part(text, "a_b_c_d{d=\"1\"} 1\n");
}

/* An agent looks for what was never there once a minute only; a oneshot each time. */
static void test_absent(void **state)
{
	struct world *w = *state;

	for (int resident = 0; resident < 2; resident++) {
		host_close(&w->host);
		open_host(w, resident);
		(void)unlinkat(w->dir, "loadavg", 0);
		assert_int_equal(choose(w, "loadavg", NULL), 0);
		cycle(w);
		assert_part(exposition(w), "success{collector=\"loadavg\"} 0\n");
		unit_write(w->dir, "loadavg", STR("1 2 3 1/1 1\n"));
		cycle(w);
		assert_part(exposition(w), resident ? "success{collector=\"loadavg\"} 0\n"
						    : "success{collector=\"loadavg\"} 1\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test(test_registry),
		cmocka_unit_test_setup_teardown(test_fixture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_why, setup, teardown),
		cmocka_unit_test_setup_teardown(test_helpers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
	};

	return cmocka_run_group_tests_name("collectors", tests, NULL, NULL);
}
