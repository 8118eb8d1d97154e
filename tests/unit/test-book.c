/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of runs and jobs: nothing is counted twice, lost, or told by an older run. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "encode/encoder.h"
#include "job/job.h"

enum { GROUP = 0x1234 };

struct world {
	char path[64];
	int dir;
	struct str bounds[3];
	struct job_conf conf;
	struct arena arena;
	struct buf out;
};

static void begin(struct world *w)
{
	*w = (struct world){
		.bounds = { STR("1s"), STR("1m"), STR("1h") },
		.conf = { .remember = 3 },
	};
	w->conf.duration_buckets = (struct opt_list){ 3, w->bounds };
	w->dir = unit_dir(w->path);
}

static void end(struct world *w)
{
	unit_remove(w->dir);
	arena_release(&w->arena);
	buf_release(&w->out);
}

static void make(struct world *w, struct record *record, uint64_t group, uint64_t order)
{
	struct arena arena = { 0 };

	assert_int_equal(record_create(record, w->dir, group), 0);
	state_set(&record->facts, STR("boot"), book_boot_id(&arena));
	state_set_u64(&record->facts, STR("order"), order);
	state_set_u64(&record->facts, STR("start"), order * 1000000000);
	state_set(&record->facts, STR("command"), STR("c"));
	state_set(&record->facts, STR("group.job"), STR("j"));
	assert_int_equal(record_save(record, false), 0);
	arena_release(&arena);
}

static void finish(struct record *record, const char *result, unsigned code, uint64_t seconds)
{
	state_set(&record->facts, STR("result"), str_of(result));
	state_set_u64(&record->facts, STR("exit_code"), code);
	state_set_u64(&record->facts, STR("duration"), seconds * 1000000000);
	state_set_u64(&record->facts, STR("end"), seconds * 1000000000);
	assert_int_equal(record_save(record, false), 0);
}

static void open_book(struct world *w, struct book *book, const struct record *own)
{
	assert_int_equal(book_open(book, w->dir, GROUP, own, &w->conf, 0), 0);
}

/* The group as it is pushed, as text. */
static struct str tell(struct world *w, const struct book *book, const struct state *own)
{
	struct feed_report inside;
	struct metrics metrics;

	metrics_init(&metrics, (struct metrics_limits){ 0 });
	job_metrics(book, own, &metrics, &w->arena, &inside);
	buf_reset(&w->out);
	encoder_text.encode(&metrics, &w->out);
	for (int i = 0; i < DROP_REASONS; i++)
		assert_int_equal(metrics.dropped[i], 0);
	metrics_release(&metrics);
	return buf_view(&w->out);
}

static unsigned files(const struct world *w, const char *suffix)
{
	DIR *dir = opendir(w->path);
	unsigned n = 0;

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		n += str_ends(str_of(e->d_name), str_of(suffix));
	(void)closedir(dir);
	return n;
}

static void assert_absent(struct str text, const char *part)
{
	assert_null(memmem(text.p, text.n, part, strlen(part)));
}

/* A run from its start to its settled end. */
static void test_one_run(void **state)
{
	struct record record;
	struct book book;
	struct world w;
	struct str text;

	(void)state;
	begin(&w);
	make(&w, &record, GROUP, 100);
	open_book(&w, &book, &record);
	text = tell(&w, &book, &record.facts);
	assert_part(text, "\npeekpush_job_running 1\n");
	assert_part(text, "\npeekpush_job_start_timestamp_seconds 100\n");
	assert_absent(text, "exit_code");
	book_close(&book);

	finish(&record, "failure", 3, 90);
	open_book(&w, &book, &record);
	book_settle(&book, &record);
	text = tell(&w, &book, NULL);
	assert_part(text, "\npeekpush_job_running 0\n");
	assert_part(text, "\npeekpush_job_exit_code 3\n");
	assert_part(text, "\npeekpush_job_success 0\n");
	assert_part(text, "peekpush_job_runs_total{result=\"failure\"} 1\n");
	assert_part(text, "\npeekpush_job_last_failure_duration_seconds 90\n");
	assert_part(text, "peekpush_job_run_duration_seconds_bucket{le=\"60\"} 0\n");
	assert_part(text, "peekpush_job_run_duration_seconds_bucket{le=\"3600\"} 1\n");
	assert_part(text, "peekpush_job_run_duration_seconds_sum 90\n");
	assert_true(book.pending);
	assert_int_equal(book_save(&book), 0);
	assert_int_equal(files(&w, ".run.0"), 0);
	assert_int_equal(files(&w, ".pending"), 1);
	book_delivered(&book);
	assert_int_equal(files(&w, ".pending"), 0);
	book_close(&book);
	record_close(&record);

	/* The next one keeps what it was like while it runs, and its counters. */
	make(&w, &record, GROUP, 200);
	open_book(&w, &book, &record);
	text = tell(&w, &book, &record.facts);
	assert_part(text, "\npeekpush_job_running 1\n");
	assert_part(text, "\npeekpush_job_start_timestamp_seconds 200\n");
	assert_part(text, "\npeekpush_job_exit_code 3\n");
	assert_false(book.pending);
	finish(&record, "success", 0, 1);
	book_settle(&book, &record);
	text = tell(&w, &book, NULL);
	assert_part(text, "\npeekpush_job_success 1\n");
	assert_part(text, "peekpush_job_runs_total{result=\"failure\"} 1\n");
	assert_part(text, "peekpush_job_runs_total{result=\"success\"} 1\n");
	assert_part(text, "\npeekpush_job_last_failure_duration_seconds 90\n");
	assert_part(text, "peekpush_job_run_duration_seconds_bucket{le=\"1\"} 1\n");
	book_close(&book);
	record_close(&record);
	end(&w);
}

/* Taken in, but killed before its file was gone: it does not count again. */
static void test_settled_once(void **state)
{
	struct record record;
	struct book book;
	struct world w;

	(void)state;
	begin(&w);
	make(&w, &record, GROUP, 1);
	finish(&record, "success", 0, 1);
	open_book(&w, &book, &record);
	book_settle(&book, &record);
	book.done.n = 0;
	assert_int_equal(book_save(&book), 0);
	book_close(&book);
	record_close(&record);
	assert_int_equal(files(&w, ".run.0"), 1);
	for (int i = 0; i < 2; i++) {
		open_book(&w, &book, NULL);
		assert_part(tell(&w, &book, NULL), "runs_total{result=\"success\"} 1\n");
		assert_int_equal(book_save(&book), 0);
		book_close(&book);
		assert_int_equal(files(&w, ".run.0"), 0);
	}
	open_book(&w, &book, NULL);
	assert_int_equal(book_save(&book), 0);
	assert_int_equal(state_get(&book.history, STR("settled.")).n, 0);
	book_close(&book);
	end(&w);
}

/* Nobody holds its lock, and it has no result. */
static void test_lost(void **state)
{
	struct record record;
	struct book book;
	struct world w;
	struct str text;

	(void)state;
	begin(&w);
	make(&w, &record, GROUP, 50);
	record_close(&record);
	open_book(&w, &book, NULL);
	text = tell(&w, &book, NULL);
	assert_part(text, "runs_total{result=\"lost\"} 1\n");
	assert_part(text, "\npeekpush_job_running 0\n");
	assert_part(text, "\npeekpush_job_success 0\n");
	assert_part(text, "peekpush_job_run_duration_seconds_count 0\n");
	assert_absent(text, "exit_code");
	assert_int_equal(book_save(&book), 0);
	book_close(&book);
	assert_int_equal(files(&w, ".run.0"), 0);
	end(&w);
}

/* Its watcher is gone, but the command itself goes on: it is not lost yet. */
static void test_command_outlives_watcher(void **state)
{
	pid_t pid = fork();
	struct record record;
	struct book book;
	struct world w;

	(void)state;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	begin(&w);
	make(&w, &record, GROUP, 50);
	state_set_u64(&record.facts, STR("pid"), (uint64_t)pid);
	state_set_u64(&record.facts, STR("pid_start"), book_process_start(pid));
	assert_int_equal(record_save(&record, true), 0);
	record_close(&record);
	open_book(&w, &book, NULL);
	assert_int_equal(book.live, 1);
	assert_part(tell(&w, &book, NULL), "\npeekpush_job_running 1\n");
	book_close(&book);

	assert_int_equal(kill(pid, SIGKILL), 0);
	/* A zombie has ended, whoever has not noticed yet. */
	assert_int_equal(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT), 0);
	open_book(&w, &book, NULL);
	assert_int_equal(book.live, 0);
	assert_part(tell(&w, &book, NULL), "runs_total{result=\"lost\"} 1\n");
	book_close(&book);
	(void)waitpid(pid, NULL, 0);
	end(&w);
}

/* The newest start has the gauges; each run has its count. */
static void test_overlap(void **state)
{
	struct record old, new, other;
	struct book book;
	struct world w;
	struct str text;

	(void)state;
	begin(&w);
	make(&w, &old, GROUP, 10);
	make(&w, &new, GROUP, 20);
	make(&w, &other, GROUP + 1, 30);
	open_book(&w, &book, &old);
	assert_int_equal(book.live, 1);
	text = tell(&w, &book, &old.facts);
	assert_part(text, "\npeekpush_job_running 2\n");
	assert_part(text, "\npeekpush_job_start_timestamp_seconds 20\n");
	book_close(&book);

	finish(&new, "success", 0, 5);
	open_book(&w, &book, &new);
	book_settle(&book, &new);
	text = tell(&w, &book, NULL);
	assert_part(text, "\npeekpush_job_running 1\n");
	assert_part(text, "\npeekpush_job_success 1\n");
	assert_int_equal(book_save(&book), 0);
	book_close(&book);

	finish(&old, "failure", 9, 50);
	open_book(&w, &book, &old);
	book_settle(&book, &old);
	text = tell(&w, &book, NULL);
	assert_part(text, "\npeekpush_job_running 0\n");
	assert_part(text, "\npeekpush_job_exit_code 0\n");
	assert_part(text, "\npeekpush_job_duration_seconds 5\n");
	assert_part(text, "runs_total{result=\"failure\"} 1\n");
	assert_part(text, "runs_total{result=\"success\"} 1\n");
	assert_part(text, "\npeekpush_job_last_failure_duration_seconds 50\n");
	assert_int_equal(book_save(&book), 0);
	book_close(&book);
	record_close(&old);
	record_close(&new);
	record_close(&other);

	/* One that began before them and was lost is counted, and nothing else. */
	make(&w, &old, GROUP, 15);
	record_close(&old);
	open_book(&w, &book, NULL);
	text = tell(&w, &book, NULL);
	assert_part(text, "\npeekpush_job_success 1\n");
	assert_part(text, "runs_total{result=\"lost\"} 1\n");
	book_close(&book);
	end(&w);
}

/* Runs of another boot are older than those of this one, whatever the clocks say. */
static void test_boots(void **state)
{
	struct state now = { 0 }, before = { 0 }, long_ago = { 0 };
	struct arena arena = { 0 };
	struct str none = STR("");

	(void)state;
	state_set(&now, STR("boot"), book_boot_id(&arena));
	state_set_u64(&now, STR("order"), 1);
	state_set_u64(&now, STR("start"), 1);
	state_set(&before, STR("boot"), STR("x"));
	state_set_u64(&before, STR("order"), 900);
	state_set_u64(&before, STR("start"), 900);
	state_set(&long_ago, STR("boot"), STR("y"));
	state_set_u64(&long_ago, STR("order"), 2000);
	state_set_u64(&long_ago, STR("start"), 800);
	assert_true(book_newer(&now, none, &before, none));
	assert_false(book_newer(&before, none, &now, none));
	assert_true(book_newer(&before, none, &long_ago, none));
	assert_false(book_newer(&long_ago, none, &before, none));
	assert_false(book_newer(&now, none, &now, none));
	state_release(&now);
	state_release(&before);
	state_release(&long_ago);
	arena_release(&arena);
}

/* A run, settled, and the book as it is told then. */
static struct str settled(struct world *w, struct book *book, uint64_t order, const char *result,
			  uint64_t seconds)
{
	struct record record;
	struct str text;

	make(w, &record, GROUP, order);
	finish(&record, result, strcmp(result, "success") != 0, seconds);
	open_book(w, book, &record);
	book_settle(book, &record);
	text = tell(w, book, NULL);
	assert_int_equal(book_save(book), 0);
	book_close(book);
	record_close(&record);
	return text;
}

/* Each run is held to those before it, and only to those that went well. */
static void test_typical(void **state)
{
	struct record record;
	struct book book;
	struct world w;
	struct str text;

	(void)state;
	begin(&w);
	assert_absent(settled(&w, &book, 1, "success", 10), "typical");
	assert_absent(settled(&w, &book, 2, "failure", 999), "typical");
	assert_absent(settled(&w, &book, 3, "success", 11), "typical");
	assert_absent(settled(&w, &book, 4, "success", 12), "typical");
	text = settled(&w, &book, 5, "success", 500);
	assert_part(text, "\npeekpush_job_duration_seconds 500\n");
	assert_part(text, "\npeekpush_job_typical_duration_seconds 11\n");
	/* While the next one runs the gauges are still those of the last. */
	make(&w, &record, GROUP, 6);
	open_book(&w, &book, &record);
	text = tell(&w, &book, &record.facts);
	assert_part(text, "\npeekpush_job_duration_seconds 500\n");
	assert_part(text, "\npeekpush_job_typical_duration_seconds 11\n");
	assert_part(text, "\npeekpush_job_first_start_timestamp_seconds 1\n");
	book_close(&book);
	record_remove(w.dir, record.name);
	record_close(&record);
	text = settled(&w, &book, 7, "timeout", 700);
	assert_part(text, "\npeekpush_job_typical_duration_seconds 11.5\n");
	end(&w);
}

/* A run that did not take place is counted, and nothing else is told of it. */
static void test_skipped(void **state)
{
	struct book book;
	struct world w;
	struct str text;

	(void)state;
	begin(&w);
	(void)settled(&w, &book, 1, "success", 30);
	text = settled(&w, &book, 2, "skipped", 0);
	assert_part(text, "runs_total{result=\"skipped\"} 1\n");
	assert_part(text, "\npeekpush_job_success 1\n");
	assert_part(text, "\npeekpush_job_duration_seconds 30\n");
	assert_part(text, "peekpush_job_run_duration_seconds_count 1\n");
	assert_absent(text, "last_failure");
	end(&w);
}

/* What cannot be read may be about to be written. */
static void test_young_records_stay(void **state)
{
	static const struct timespec long_ago[2] = { { 1, 0 }, { 1, 0 } };
	struct world w;

	(void)state;
	begin(&w);
	unit_write(w.dir, "x.run.0", STR("no record"));
	record_sweep(w.dir, "x.run");
	assert_int_equal(files(&w, ".run.0"), 1);
	assert_int_equal(utimensat(w.dir, "x.run.0", long_ago, 0), 0);
	record_sweep(w.dir, "x.run");
	assert_int_equal(files(&w, ".run.0"), 0);
	end(&w);
}

/* From when on a job is known that never succeeded; a history of before this was kept, too. */
static void test_first(void **state)
{
	struct record record;
	struct book book;
	struct world w;
	struct str text;

	(void)state;
	begin(&w);
	make(&w, &record, GROUP, 70);
	open_book(&w, &book, &record);
	text = tell(&w, &book, &record.facts);
	assert_part(text, "\npeekpush_job_first_start_timestamp_seconds 70\n");
	assert_part(text, "runs_total{result=\"success\"} 0\n");
	assert_part(text, "runs_total{result=\"skipped\"} 0\n");
	book_close(&book);
	record_remove(w.dir, record.name);
	record_close(&record);
	assert_part(settled(&w, &book, 80, "failure", 1), "first_start_timestamp_seconds 80\n");
	open_book(&w, &book, NULL);
	state_unset(&book.history, STR("first.start"));
	assert_int_equal(book_save(&book), 0);
	book_close(&book);
	assert_part(settled(&w, &book, 90, "failure", 1), "first_start_timestamp_seconds 80\n");
	assert_part(settled(&w, &book, 75, "failure", 1), "first_start_timestamp_seconds 75\n");
	end(&w);
}

/* Other bounds than before: what was counted stays counted, and buckets stay cumulative. */
static void test_other_buckets(void **state)
{
	struct str bounds[] = { STR("2m"), STR("10s") };
	struct record record;
	struct book book;
	struct world w;
	struct str text;

	(void)state;
	begin(&w);
	make(&w, &record, GROUP, 1);
	finish(&record, "success", 0, 30);
	open_book(&w, &book, &record);
	book_settle(&book, &record);
	w.conf.duration_buckets = (struct opt_list){ 2, bounds };
	text = tell(&w, &book, NULL);
	assert_part(text, "_bucket{le=\"10\"} 0\n");
	assert_part(text, "_bucket{le=\"120\"} 1\n");
	assert_part(text, "_bucket{le=\"+Inf\"} 1\n");
	book_close(&book);
	record_close(&record);
	end(&w);
}

/* A disk that has become full: the result still goes into the room that was kept for it. */
static void test_full_disk(void **state)
{
	struct record record, late;
	struct book book;
	struct world w;
	int fd;

	(void)state;
	begin(&w);
	if (geteuid() != 0 || mount("none", w.path, "tmpfs", 0, "size=64k") < 0) {
		end(&w);
		return;
	}
	(void)close(w.dir);
	w.dir = file_open_dir(AT_FDCWD, w.path);
	make(&w, &record, GROUP, 1);
	fd = openat(w.dir, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, w.path, sizeof(w.path)) > 0)
		;
	(void)close(fd);
	finish(&record, "success", 0, 1);
	/* Metrics from inside that do not fit are left out for the result. */
	state_set(&record.facts, STR("inside"), arena_printf(&w.arena, "%100000s", "a 1\n"));
	state_set_u64(&record.facts, STR("exit_code"), 7);
	assert_int_equal(record_save(&record, true), 0);
	record_close(&record);
	assert_int_equal(record_create(&late, w.dir, GROUP), 0);
	state_set(&late.facts, STR("boot"), STR("x"));
	assert_int_equal(record_save(&late, false), -ENOSPC);
	record_close(&late);

	/* There is no room for a history: the record stays, and is told all the same. */
	for (int i = 0; i < 2; i++) {
		open_book(&w, &book, NULL);
		assert_part(tell(&w, &book, NULL), "\npeekpush_job_exit_code 7\n");
		assert_int_equal(book_save(&book), -ENOSPC);
		book_close(&book);
	}
	assert_int_equal(unlinkat(w.dir, "ballast", 0), 0);
	open_book(&w, &book, NULL);
	assert_int_equal(book_save(&book), 0);
	assert_part(tell(&w, &book, NULL), "runs_total{result=\"success\"} 1\n");
	book_close(&book);
	(void)close(w.dir);
	assert_int_equal(umount(w.path), 0);
	w.dir = file_open_dir(AT_FDCWD, w.path);
	end(&w);
}

/* Only so many jobs are remembered; what waits to be delivered is never forgotten. */
static void test_jobs_that_never_come_again(void **state)
{
	struct record record;
	struct book book;
	struct world w;

	(void)state;
	begin(&w);
	for (uint64_t i = 0; i < 6; i++) {
		make(&w, &record, GROUP + i, 1);
		finish(&record, "success", 0, 1);
		assert_int_equal(book_open(&book, w.dir, GROUP + i, &record, &w.conf, 0), 0);
		book_settle(&book, &record);
		assert_int_equal(book_save(&book), 0);
		book_delivered(&book);
		book_close(&book);
		record_close(&record);
	}
	assert_int_equal(files(&w, ".state.1"), 3);
	end(&w);
}

static void test_held(void **state)
{
	struct book book, second;
	struct world w;

	(void)state;
	begin(&w);
	open_book(&w, &book, NULL);
	assert_int_equal(book_open(&second, w.dir, GROUP, NULL, &w.conf, 0), -EWOULDBLOCK);
	book_close(&second);
	book_close(&book);
	open_book(&w, &book, NULL);
	book_close(&book);
	/* Without a directory there is nothing to hold, and nothing to remember. */
	assert_int_equal(book_open(&book, -1, GROUP, NULL, &w.conf, 0), 0);
	assert_absent(tell(&w, &book, NULL), "runs_total");
	assert_int_equal(book_save(&book), 0);
	book_close(&book);
	end(&w);
}

/* A directory for metrics from inside, with a file in it, that a lost run names. */
static struct str name_dir(struct world *w, const char *name)
{
	struct str path = arena_printf(&w->arena, "%s/%s", w->path, name);
	struct record lost;
	int fd;

	assert_int_equal(mkdirat(w->dir, name, 0700), 0);
	fd = openat(w->dir, arena_printf(&w->arena, "%s/job.prom", name).p, O_CREAT | O_WRONLY,
		    0600);
	assert_true(fd >= 0);
	(void)close(fd);
	make(w, &lost, GROUP, 7);
	state_set(&lost.facts, STR("inside_dir"), path);
	assert_int_equal(record_save(&lost, false), 0);
	record_close(&lost);
	return path;
}

static bool is_left(struct world *w, struct str path)
{
	struct str file = arena_printf(&w->arena, "%.*s/job.prom", STR_ARG(path));
	struct book book;
	bool there;

	open_book(w, &book, NULL);
	assert_int_equal(book_save(&book), 0);
	book_close(&book);
	there = access(file.p, F_OK) == 0;
	assert_int_equal(access(path.p, F_OK) == 0, there);
	return there;
}

/* Of a directory that somebody watches, or that is not called like one of ours, nothing goes. */
static void test_inside_of_lost(void **state)
{
	struct world w;
	struct str path;
	int fd;

	(void)state;
	begin(&w);
	assert_false(is_left(&w, name_dir(&w, "peekpush-aaaaaa")));
	assert_true(is_left(&w, name_dir(&w, "precious-aaaaaa")));
	assert_true(is_left(&w, name_dir(&w, "peekpush-aaaaaaa")));
	path = name_dir(&w, "peekpush-bbbbbb");
	fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_true(is_left(&w, path));
	(void)close(fd);
	path = name_dir(&w, "peekpush-cccccc");
	assert_int_equal(chmod(path.p, 0755), 0);
	assert_true(is_left(&w, path));
	end(&w);
}

/* A user who has the state names a directory of root's. */
static void test_forged(void **state)
{
	enum { SOMEBODY = 64123 };
	struct world w;
	struct str path;

	(void)state;
	if (geteuid() != 0)
		return;
	begin(&w);
	assert_int_equal(fchown(w.dir, SOMEBODY, SOMEBODY), 0);
	path = name_dir(&w, "peekpush-aaaaaa");
	assert_true(is_left(&w, path));
	path = name_dir(&w, "peekpush-bbbbbb");
	assert_int_equal(chown(path.p, SOMEBODY, SOMEBODY), 0);
	assert_false(is_left(&w, path));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_run),
		cmocka_unit_test(test_settled_once),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_command_outlives_watcher),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_boots),
		cmocka_unit_test(test_typical),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_young_records_stay),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_other_buckets),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_jobs_that_never_come_again),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_inside_of_lost),
		cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
