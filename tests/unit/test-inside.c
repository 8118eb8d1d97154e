/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics from inside a job: appended, replaced, torn, hostile, and too many. */
#include "unit.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "job/inside.h"

struct world {
	char path[64];
	int dir;
	struct inside inside;
	struct arena scratch;
	struct buf said, text;
};

static void hear(void *arg, struct str message)
{
	struct buf *said = arg;

	buf_str(said, message);
	buf_char(said, '\n');
}

/* With `files` of one further file or none. */
static void begin_with(struct world *w, size_t max, size_t files)
{
	struct str extra;

	*w = (struct world){ 0 };
	w->dir = unit_dir(w->path);
	extra = ARENA_CONCAT(&w->scratch, str_of(w->path), STR("/extra.txt"));
	assert_int_equal(inside_open(&w->inside, &(struct opt_list){ files, &extra }, max), 0);
}

static void begin(struct world *w, size_t max)
{
	begin_with(w, max, 0);
}

static void end(struct world *w)
{
	struct arena arena = { 0 };
	struct str dir = arena_str(&arena, w->inside.dir);

	inside_close(&w->inside);
	assert_int_equal(access(dir.p, F_OK), -1);
	arena_release(&arena);
	arena_release(&w->scratch);
	buf_release(&w->said);
	buf_release(&w->text);
	unit_remove(w->dir);
}

static void append(const struct world *w, const char *name, const char *text)
{
	int fd = openat(w->inside.fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void replace(const struct world *w, const char *name, const char *text)
{
	append(w, "new", text);
	assert_int_equal(renameat(w->inside.fd, "new", w->inside.fd, name), 0);
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads; the text is what is known now, with its lines sorted, the complaints are in `said`. */
static struct str look(struct world *w, bool final)
{
	struct buf raw = { 0 };
	char *lines[256];
	size_t n = 0;

	buf_reset(&w->said);
	inside_read(&w->inside, final, &w->scratch, hear, &w->said);
	inside_text(&w->inside, &raw);
	buf_char(&raw, '\0');
	for (char *p = raw.p, *e; (e = strchr(p, '\n')) && n < 256; p = e + 1) {
		*e = '\0';
		lines[n++] = p;
	}
	qsort(lines, n, sizeof(*lines), by_line);
	buf_reset(&w->text);
	for (size_t i = 0; i < n; i++)
		buf_printf(&w->text, "%s\n", lines[i]);
	buf_release(&raw);
	return buf_view(&w->text);
}

static void quiet(struct world *w)
{
	assert_text(buf_view(&w->said), "");
}

static void test_appended(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 100);
	assert_text(look(&w, false), "");
	append(&w, "job.prom", "# TYPE loss gauge\nloss{split=\"val\"} 0.5\nepoch 1\nlo");
	assert_text(look(&w, false), "# TYPE loss gauge\nepoch 1\nloss{split=\"val\"} 0.5\n");
	append(&w, "job.prom", "ss{split=\"val\"} 0.25\nepoch 2\n");
	append(&w, "worker.prom", "rank{n=\"2\",host=\"a\"} 3\n");
	append(&w, "worker.txt", "ignored 1\n");
	assert_text(look(&w, false), "# TYPE loss gauge\nepoch 2\nloss{split=\"val\"} 0.25\n"
				     "rank{host=\"a\",n=\"2\"} 3\n");
	/* The same labels in another order are the same series. */
	append(&w, "worker.prom", "rank{host=\"a\",n=\"2\"} 4\nlast 5");
	assert_text(look(&w, false), "# TYPE loss gauge\nepoch 2\nloss{split=\"val\"} 0.25\n"
				     "rank{host=\"a\",n=\"2\"} 4\n");
	assert_text(look(&w, true), "# TYPE loss gauge\nepoch 2\nlast 5\nloss{split=\"val\"} 0.25\n"
				    "rank{host=\"a\",n=\"2\"} 4\n");
	quiet(&w);
	end(&w);
}

static void test_replaced(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 100);
	append(&w, "job.prom", "a 1\nb 2\n");
	append(&w, "other.prom", "c 3\n");
	assert_text(look(&w, false), "a 1\nb 2\nc 3\n");
	replace(&w, "job.prom", "b 4\nd 5\n");
	assert_text(look(&w, false), "b 4\nc 3\nd 5\n");
	/* Cut and written anew in place, shorter, and longer than before. */
	assert_int_equal(truncate(w.inside.file.p, 0), 0);
	append(&w, "job.prom", "e 6\n");
	assert_text(look(&w, false), "c 3\ne 6\n");
	assert_int_equal(truncate(w.inside.file.p, 0), 0);
	append(&w, "job.prom", "f 7\ng 8\nh 9\n");
	assert_text(look(&w, false), "c 3\nf 7\ng 8\nh 9\n");
	/* Gone: what it told last stays. */
	assert_int_equal(unlinkat(w.inside.fd, "job.prom", 0), 0);
	assert_text(look(&w, true), "c 3\nf 7\ng 8\nh 9\n");
	quiet(&w);
	end(&w);
}

/* Files that are changed before and after have other times, as coarse as the kernel's may be. */
static void tick(void)
{
	int64_t begin = clock_ns(CLOCK_REALTIME_COARSE);

	do
		(void)usleep(1000);
	while (clock_ns(CLOCK_REALTIME_COARSE) == begin);
}

/* What prometheus_client does: files as long as each other, with the same end, which take turns. */
static void test_replaced_alike(void **state)
{
	struct arena arena = { 0 };
	struct world w;

	(void)state;
	begin(&w, 100);
	for (int i = 0; i < 100; i++) {
		struct str text = arena_printf(&arena, "epoch %03d\nsame_%0100d 1\n", 100 + i, 0);

		replace(&w, "job.prom", text.p);
		/* One or two others between two readings: the number of the file comes back. */
		if (i % 3 == 0)
			continue;
		tick();
		assert_part(look(&w, false), arena_printf(&arena, "epoch %d\n", 100 + i).p);
	}
	arena_release(&arena);
	end(&w);
}

static void test_further_files(void **state)
{
	struct world w;

	(void)state;
	begin_with(&w, 100, 1);
	assert_text(look(&w, false), "");
	quiet(&w);
	assert_text(look(&w, true), "");
	assert_part(buf_view(&w.said), "/extra.txt: was never there\n");
	unit_write(w.dir, "extra.txt", STR("x 1\n"));
	assert_text(look(&w, true), "x 1\n");
	quiet(&w);
	end(&w);
}

static void test_bad_content(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 3);
	append(&w, "job.prom", "ok 1\nbad line\n\n# a comment\npeekpush_job_running 7\n");
	assert_text(look(&w, false), "ok 1\n");
	assert_text(buf_view(&w.said),
		    "job.prom:2: the value is no number\n"
		    "job.prom:5: peekpush_job_running: names that begin so are peekpush's own\n");
	append(&w, "job.prom", "peekpush_x 1\nok 2\n");
	assert_text(look(&w, false), "ok 2\n");
	quiet(&w);
	append(&w, "job.prom", "a 1\nb 2\nc 3\nd 4\nok 3\n");
	assert_text(look(&w, false), "a 1\nb 2\nok 3\n");
	assert_text(buf_view(&w.said), "job.prom:10: c: more series than limits.series allows\n");
	for (int i = 0; i < 100; i++)
		append(&w, "job.prom", "?\n");
	(void)look(&w, false);
	assert_int_equal(w.said.n, 4 * strlen("job.prom:13: there is no metric name\n"));
	end(&w);
}

/* What would block, lead elsewhere, or fill the memory. */
static void test_hostile_files(void **state)
{
	struct buf line = { 0 };
	struct world w;

	(void)state;
	begin(&w, 100);
	assert_int_equal(mkfifoat(w.inside.fd, "pipe.prom", 0600), 0);
	assert_int_equal(mkdirat(w.inside.fd, "dir.prom", 0700), 0);
	assert_int_equal(symlinkat("/etc/passwd", w.inside.fd, "link.prom"), 0);
	for (int i = 0; i < 3 << 20; i++)
		buf_char(&line, 'x');
	buf_cstr(&line, "evil 5\ngood 1\n");
	unit_write(w.inside.fd, "job.prom", buf_view(&line));
	assert_text(look(&w, false), "good 1\n");
	assert_part(buf_view(&w.said), "pipe.prom: not a regular file, not read\n");
	assert_part(buf_view(&w.said), "dir.prom: not a regular file, not read\n");
	assert_part(buf_view(&w.said), "link.prom: a symbolic link, not read\n");
	assert_part(buf_view(&w.said), "job.prom:1: a line of more than 1 MiB\n");
	assert_text(look(&w, false), "good 1\n");
	quiet(&w);
	assert_int_equal(unlinkat(w.inside.fd, "dir.prom", AT_REMOVEDIR), 0);
	buf_release(&line);
	end(&w);
}

/* A file of any size leaves one line for each series, and takes its turns. */
static void test_long_file(void **state)
{
	struct buf text = { 0 };
	struct world w;
	int fd;

	(void)state;
	begin(&w, 100);
	for (int i = 0; i < 40000; i++)
		buf_printf(&text, "step %d\nloss{split=\"train\"} 0.%d\n", i, i);
	fd = openat(w.inside.fd, "job.prom", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 20; i++)
		assert_int_equal(write(fd, text.p, text.n), text.n);
	assert_int_equal(write(fd, "step 77\n", 8), 8);
	(void)close(fd);
	assert_text(look(&w, true), "loss{split=\"train\"} 0.39999\nstep 77\n");
	assert_int_equal(w.inside.series.n, 2);
	quiet(&w);
	buf_release(&text);
	end(&w);
}

/* Series that come and go do not pile up. */
static void test_churn(void **state)
{
	struct arena names = { 0 };
	struct world w;
	size_t before = 0;

	(void)state;
	begin(&w, 100);
	for (int i = 0; i < 2000; i++) {
		replace(&w, "job.prom",
			arena_printf(&names, "a{i=\"%04d\"} 1\nb{i=\"%04d\"} 2\n", i, i).p);
		assert_int_equal(look(&w, false).n, 2 * strlen("a{i=\"0000\"} 1\n"));
		if (i == 10)
			before = w.inside.series.arena.total;
	}
	assert_int_equal(w.inside.series.arena.total, before);
	arena_release(&names);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appended),       cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_replaced_alike), cmocka_unit_test(test_further_files),
		cmocka_unit_test(test_bad_content),    cmocka_unit_test(test_hostile_files),
		cmocka_unit_test(test_long_file),      cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests_name("inside", tests, NULL, NULL);
}
