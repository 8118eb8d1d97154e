/* SPDX-License-Identifier: Apache-2.0 */
#include "job/journal.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

/* Otherwise their places in the source would be fields of every entry. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/lib.h"

enum { LIFE_SECONDS = 2 };

struct systemd {
	__typeof__(&sd_journal_sendv) sendv;
};

static struct iovec field(struct str text)
{
	return (struct iovec){ (void *)(uintptr_t)text.p, text.n };
}

static void entry(journal_sendv *sendv, struct str job, struct str message)
{
	_cleanup_buf_ struct buf name = { 0 }, text = { 0 };

	buf_cstr(&name, "PEEKPUSH_JOB=");
	buf_str(&name, job);
	buf_cstr(&text, "MESSAGE=");
	buf_str(&text, message);
	if (name.err || text.err)
		return;

	const struct iovec fields[] = {
		field(buf_view(&text)),
		field(STR("PRIORITY=3")),
		field(STR("SYSLOG_IDENTIFIER=peekpush")),
		field(buf_view(&name)),
	};

	(void)sendv(fields, ARRAY_SIZE(fields));
}

void journal_entries(journal_sendv *sendv, struct str job, struct str headline, size_t n,
		     const struct str *lines)
{
	if (headline.n)
		entry(sendv, job, headline);
	for (size_t i = 0; i < n; i++)
		entry(sendv, job, lines[i]);
}

/* A syslog has no fields; the job's name stands before each line. */
static void to_syslog(struct str job, struct str headline, size_t n, const struct str *lines)
{
	if (access("/dev/log", W_OK) < 0)
		return;
	openlog("peekpush", LOG_PID | LOG_NDELAY, LOG_USER);
	if (headline.n)
		syslog(LOG_ERR, "%.*s", STR_ARG(headline));
	for (size_t i = 0; i < n; i++)
		syslog(LOG_ERR, "%.*s: %.*s", STR_ARG(job), STR_ARG(lines[i]));
	closelog();
}

static _Noreturn void child(struct str job, struct str headline, size_t n, const struct str *lines)
{
	static const struct lib_symbol symbols[] = {
		{ "sd_journal_sendv", offsetof(struct systemd, sendv) },
		{ 0 },
	};
	struct systemd systemd;
	const char *why;
	sigset_t set;

	(void)signal(SIGALRM, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)alarm(LIFE_SECONDS);
	/* Without a journal sd_journal_sendv() succeeds and does nothing. */
	if (access("/run/systemd/journal/socket", W_OK) == 0 &&
	    lib_open("libsystemd.so.0", symbols, &systemd, &why) == 0)
		journal_entries(systemd.sendv, job, headline, n, lines);
	else
		to_syslog(job, headline, n, lines);
	_exit(0);
}

void journal_send(struct str job, struct str headline, size_t n, const struct str *lines)
{
	pid_t pid = fork();

	if (pid == 0)
		child(job, headline, n, lines);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
