/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF file system holds no text, so the reasons for what is not loaded lie beside it, in
 * PINS.report: "OBJECT<tab>REASON" a line.
 */
#include "loader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "bpf/loaded.h"

/* Far more than loading takes; what hangs must not keep the agent from its work for ever. */
enum { LOAD_SECONDS = 60, REPORT_MAX = 1 << 20 };

static struct str report_path(const struct ebpf_conf *conf, struct arena *arena)
{
	struct str pins = conf->pins;

	while (pins.n > 1 && pins.p[pins.n - 1] == '/')
		pins.n--;
	return ARENA_CONCAT(arena, pins, STR(".report"));
}

static void leave_report(const struct ebpf_conf *conf, const struct load_report *report,
			 struct arena *arena)
{
	_cleanup_buf_ struct buf text = { .max = REPORT_MAX };

	for (size_t i = 0; i < report->n; i++) {
		const struct load_result *result = &report->results[i];
		struct str why = arena_str(arena, result->why);

		if (!why.n)
			continue;
		str_mask((char *)(uintptr_t)why.p, why.n);
		buf_str(&text, result->object);
		buf_char(&text, '\t');
		buf_str(&text, why);
		buf_char(&text, '\n');
	}
	/* Who may not write there may well load; then the reasons are told once and no more. */
	if (!text.err)
		(void)file_replace(AT_FDCWD, report_path(conf, arena).p, buf_view(&text), 0644,
				   false);
}

struct str loader_why(const struct ebpf_conf *conf, struct str object, struct arena *arena)
{
	struct str text, line, name;

	if (file_read(AT_FDCWD, report_path(conf, arena).p, REPORT_MAX, arena, &text) < 0)
		return (struct str){ 0 };
	while (str_line(&text, &line))
		if (str_cut(&line, '\t', &name) && str_eq(name, object))
			return line;
	return (struct str){ 0 };
}

int loader_load(const struct ebpf_conf *conf, struct arena *arena, struct load_report *ret,
		struct str *ret_why)
{
	int r = bpf_mount(conf, arena, ret_why);

	if (r == 0)
		r = bpf_load(conf, arena, ret, ret_why);
	if (r == 0)
		leave_report(conf, ret, arena);

	int dropped = caps_drop(CAPS_ALL);

	if (r == 0 && dropped < 0) {
		*ret_why = arena_printf(arena, "capabilities cannot be given up: %s",
					strerror(-dropped));
		r = dropped;
	}
	return r;
}

int loader_unload(const struct ebpf_conf *conf, struct arena *arena, size_t *ret_n,
		  struct str *ret_why)
{
	int r = bpf_unload(conf, arena, ret_n, ret_why);

	if (r == 0)
		(void)unlink(report_path(conf, arena).p);
	return r;
}

/* The child's whole life; it says what there is to say. */
static int load_once(const struct app *app, const struct ebpf_conf *conf)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct load_report report;
	struct str why = { 0 };
	size_t loaded = 0;

	(void)alarm(LOAD_SECONDS);
	if (loader_load(conf, &arena, &report, &why) < 0) {
		log_info(&app->log, "no BPF programs: %.*s", STR_ARG(why));
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < report.n; i++) {
		const struct load_result *result = &report.results[i];

		loaded += result->loaded && !result->kept;
		if (!result->loaded)
			log_info(&app->log, "BPF program %.*s is not loaded: %.*s",
				 STR_ARG(result->object), STR_ARG(result->why));
		else if (result->why.n)
			log_debug(&app->log, "BPF program %.*s is loaded in part: %.*s",
				  STR_ARG(result->object), STR_ARG(result->why));
	}
	if (loaded)
		log_info(&app->log, "BPF programs loaded: %zu", loaded);
	return 0;
}

static void load_in_child(const struct app *app, const struct ebpf_conf *conf)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(load_once(app, conf));
	if (pid < 0) {
		log_warning(&app->log, "BPF programs are not loaded: %s", strerror(errno));
		return;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		log_warning(&app->log, "loading BPF programs was ended by signal %d",
			    WTERMSIG(status));
}

/*
 * How many of those that are wanted are not there, as far as this user can see; but for those that
 * who tried to load them knows a reason for, which is the host's.
 */
static size_t count_missing(const struct ebpf_conf *conf, const struct load_object *wanted,
			    size_t n, struct arena *arena)
{
	struct loaded loaded;
	bool open = loaded_open(conf->pins.p, (struct str){ 0 }, &loaded) == 0;
	size_t missing = 0;

	for (size_t i = 0; i < n; i++)
		if (!(open && loaded_find(&loaded, wanted[i].name)) &&
		    !loader_why(conf, wanted[i].name, arena).n)
			missing++;
	loaded_close(&loaded);
	return missing;
}

void loader_start(struct app *app)
{
	const struct ebpf_conf *conf = conf_get(app->conf, &section_ebpf);
	_cleanup_arena_ struct arena arena = { 0 };
	struct load_object *wanted;
	struct str why;
	size_t n, missing;
	int r;

	if (!conf->load)
		return;
	r = bpf_wanted(conf, &arena, &wanted, &n, &why);
	if (r == -ENOSYS)
		return;
	if (r < 0) {
		log_warning(&app->log, "BPF programs are not loaded: %.*s", STR_ARG(why));
		return;
	}
	if (caps_may_bpf()) {
		load_in_child(app, conf);
		(void)caps_drop(CAPS_BPF);
		return;
	}

	missing = n ? count_missing(conf, wanted, n, &arena) : 0;
	if (missing)
		log_info(&app->log,
			 "BPF programs not loaded: %zu; it takes CAP_BPF and CAP_PERFMON here, or "
			 "`peekpush bpf load` by root",
			 missing);
}
