/* SPDX-License-Identifier: Apache-2.0 */
#include "job/summary.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define SECOND UINT64_C(1000000000)

enum { KEY_WIDTH = 18 };

/* --- words for a person */

/* Three digits or so of it, and never "60.0 s". */
static void put_span(struct buf *to, uint64_t ns)
{
	uint64_t s = ns / SECOND, h = s / 3600, days = h / 24;

	if (ns < 1000000)
		buf_printf(to, "%" PRIu64 " us", ns / 1000);
	else if (ns < 100000000)
		buf_printf(to, "%" PRIu64 ".%" PRIu64 " ms", ns / 1000000, ns / 100000 % 10);
	else if (ns < SECOND)
		buf_printf(to, "%" PRIu64 " ms", ns / 1000000);
	else if (s < 60)
		buf_printf(to, "%" PRIu64 ".%02" PRIu64 " s", s, ns % SECOND / 10000000);
	else if (h == 0)
		buf_printf(to, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
	else if (days == 0)
		buf_printf(to, "%" PRIu64 " h %02" PRIu64 " min %02" PRIu64 " s", h, s / 60 % 60,
			   s % 60);
	else
		buf_printf(to, "%" PRIu64 " d %02" PRIu64 " h %02" PRIu64 " min", days, h % 24,
			   s / 60 % 60);
}

static void put_size(struct buf *to, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		buf_printf(to, "%" PRIu64 " B", bytes);
		return;
	}
	/* What would be printed as 1024.0 is one of the next unit. */
	while (value >= 1023.95 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	buf_printf(to, "%.1f %s", value, units[unit]);
}

static void put_joules(struct buf *to, double joules)
{
	static const char *const units[] = { "J", "kJ", "MJ", "GJ", "TJ" };
	size_t unit = 0;

	/* What would be printed as 1e+04 is one of the next unit. */
	while (joules >= 9999.5 && unit + 1 < ARRAY_SIZE(units)) {
		joules /= 1000;
		unit++;
	}
	buf_printf(to, "%.4g %s", joules, units[unit]);
}

/* Thousands apart: 12 345 678. */
static void put_count(struct buf *to, uint64_t value)
{
	uint64_t unit = 1;

	while (value / unit >= 1000)
		unit *= 1000;
	buf_printf(to, "%" PRIu64, value / unit);
	while (unit > 1) {
		unit /= 1000;
		buf_printf(to, " %03" PRIu64, value / unit % 1000);
	}
}

static void put_masked(struct buf *to, struct str text)
{
	size_t begin = to->n;

	buf_str(to, text);
	if (!to->err && to->n > begin)
		str_mask(to->p + begin, to->n - begin);
}

static void key(struct buf *to, const char *name)
{
	buf_printf(to, "  %-*s", KEY_WIDTH, name);
}

typedef void put(struct buf *to, uint64_t value);

/* A line of two numbers that belong together, or of the one that is known. */
static void pair(struct buf *to, const char *name, put *one, uint64_t a, const char *a_is,
		 uint64_t b, const char *b_is)
{
	if (a == SUMMARY_UNKNOWN && b == SUMMARY_UNKNOWN)
		return;
	key(to, name);
	if (a != SUMMARY_UNKNOWN) {
		one(to, a);
		buf_printf(to, " %s", a_is);
	}
	if (a != SUMMARY_UNKNOWN && b != SUMMARY_UNKNOWN)
		buf_cstr(to, ", ");
	if (b != SUMMARY_UNKNOWN) {
		one(to, b);
		buf_printf(to, " %s", b_is);
	}
	buf_char(to, '\n');
}

static void how_it_ended(const struct run_summary *s, struct buf *to)
{
	key(to, "result");
	put_masked(to, s->result);
	if (s->signal)
		buf_printf(to, ", signal %d (%s)", s->signal, strsignal(s->signal));
	else
		buf_printf(to, ", exit status %d", s->exit_code);
	if (s->attempts > 1)
		buf_printf(to, ", %u attempts", s->attempts);
	buf_char(to, '\n');
}

/* Of the wall clock; beyond 100 when several processors were busy. */
static bool has_percent(const struct run_summary *s, double *ret)
{
	if (s->wall_ns == SUMMARY_UNKNOWN || s->user_ns == SUMMARY_UNKNOWN ||
	    s->system_ns == SUMMARY_UNKNOWN || s->wall_ns == 0)
		return false;
	*ret = 100 * ((double)s->user_ns + (double)s->system_ns) / (double)s->wall_ns;
	return true;
}

void summary_table(const struct run_summary *s, struct buf *to)
{
	double percent;

	buf_cstr(to, "peekpush: job ");
	put_masked(to, s->job);
	if (s->stage.n) {
		buf_cstr(to, ", stage ");
		put_masked(to, s->stage);
	}
	buf_char(to, '\n');
	how_it_ended(s, to);
	if (s->wall_ns != SUMMARY_UNKNOWN) {
		key(to, "wall time");
		put_span(to, s->wall_ns);
		buf_char(to, '\n');
	}
	pair(to, "CPU time", put_span, s->user_ns, "user", s->system_ns, "system");
	if (has_percent(s, &percent)) {
		key(to, "CPU use");
		buf_printf(to, "%.*f %%\n", percent < 10 ? 1 : 0, percent);
	}
	pair(to, "memory", put_size, s->memory_peak_bytes, "at its peak", SUMMARY_UNKNOWN, "");
	pair(to, "storage I/O", put_size, s->read_bytes, "read", s->written_bytes, "written");
	pair(to, "page faults", put_count, s->minor_faults, "minor", s->major_faults, "major");
	pair(to, "context switches", put_count, s->voluntary, "voluntary", s->involuntary,
	     "involuntary");
	if (s->processes && s->processes != SUMMARY_UNKNOWN) {
		key(to, "processes left");
		put_count(to, s->processes);
		buf_char(to, '\n');
	}
	if (s->has_energy) {
		key(to, "energy");
		put_joules(to, s->energy_joules);
		buf_printf(to, ", mean %.3g W; host idle ", s->energy_watts);
		put_joules(to, s->energy_idle_joules);
		buf_char(to, '\n');
	}
	if (s->delivery.n) {
		key(to, "gateway");
		put_masked(to, s->delivery);
		buf_char(to, '\n');
	}
}

/* --- lines for a program */

static void text_line(struct buf *to, const char *name, struct str value)
{
	if (!value.n)
		return;
	buf_printf(to, "%s ", name);
	put_masked(to, value);
	buf_char(to, '\n');
}

static void number_line(struct buf *to, const char *name, uint64_t value)
{
	if (value != SUMMARY_UNKNOWN)
		buf_printf(to, "%s %" PRIu64 "\n", name, value);
}

static void seconds_line(struct buf *to, const char *name, uint64_t ns)
{
	if (ns != SUMMARY_UNKNOWN)
		buf_printf(to, "%s %" PRIu64 ".%06" PRIu64 "\n", name, ns / SECOND,
			   ns % SECOND / 1000);
}

void summary_lines(const struct run_summary *s, struct buf *to)
{
	double percent;

	text_line(to, "job", s->job);
	text_line(to, "stage", s->stage);
	text_line(to, "result", s->result);
	number_line(to, "exit_code", (uint64_t)s->exit_code);
	number_line(to, "signal", (uint64_t)s->signal);
	number_line(to, "attempts", s->attempts);
	seconds_line(to, "wall_seconds", s->wall_ns);
	seconds_line(to, "cpu_user_seconds", s->user_ns);
	seconds_line(to, "cpu_system_seconds", s->system_ns);
	if (has_percent(s, &percent))
		buf_printf(to, "cpu_percent %.1f\n", percent);
	number_line(to, "memory_peak_bytes", s->memory_peak_bytes);
	number_line(to, "io_read_bytes", s->read_bytes);
	number_line(to, "io_written_bytes", s->written_bytes);
	number_line(to, "page_faults_minor", s->minor_faults);
	number_line(to, "page_faults_major", s->major_faults);
	number_line(to, "context_switches_voluntary", s->voluntary);
	number_line(to, "context_switches_involuntary", s->involuntary);
	number_line(to, "processes_left", s->processes);
	if (s->has_energy) {
		buf_cstr(to, "energy_joules ");
		buf_f64(to, s->energy_joules);
		buf_cstr(to, "\nenergy_idle_joules ");
		buf_f64(to, s->energy_idle_joules);
		buf_cstr(to, "\nenergy_mean_watts ");
		buf_f64(to, s->energy_watts);
		buf_char(to, '\n');
	}
	text_line(to, "gateway", s->delivery);
}

int summary_write(const struct run_summary *summary, int fd)
{
	_cleanup_buf_ struct buf text = { 0 };

	if (isatty(fd))
		summary_table(summary, &text);
	else
		summary_lines(summary, &text);
	return text.err ? text.err : file_write_all(fd, buf_view(&text));
}
