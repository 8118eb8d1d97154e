/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a failed job said last, for the journal: entries that `journalctl PEEKPUSH_JOB=NAME`
 * finds, or messages for a syslog where there is no journal, or nothing.
 */
#pragma once

#include <sys/uio.h>

#include "base/str.h"

/* sd_journal_sendv(3), or what stands for it. */
typedef int journal_sendv(const struct iovec *fields, int n);

/* One entry for `headline`, unless it is empty, and one for each line. They are masked already. */
void journal_entries(journal_sendv *sendv, struct str job, struct str headline, size_t n,
		     const struct str *lines);

/*
 * The same from a child that loads libsystemd and lives for two seconds at most, so that neither
 * the library nor a journal that hangs is any matter of ours. Returns when it has ended.
 */
void journal_send(struct str job, struct str headline, size_t n, const struct str *lines);
