/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

void log_init(struct log *log)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct str rest = str_of(stream), device;
	uint64_t dev, ino;
	struct stat st;

	*log = (struct log){ .max = LOG_LEVEL_INFO, .fd = STDERR_FILENO };
	log->journal = stream && str_cut(&rest, ':', &device) && num_u64(device, &dev) == 0 &&
		       num_u64(rest, &ino) == 0 && fstat(STDERR_FILENO, &st) == 0 &&
		       st.st_dev == dev && st.st_ino == ino;
}

static void __attribute__((format(printf, 3, 0)))
say(const struct log *log, enum log_level level, const char *format, va_list ap)
{
	static const char *const words[] = {
		[LOG_LEVEL_ERROR] = "",
		[LOG_LEVEL_WARNING] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	char line[2048];
	int head, body;

	if (level > log->max)
		return;
	if (log->journal)
		head = snprintf(line, sizeof(line), "<%d>", (int)level);
	else
		head = snprintf(line, sizeof(line), "peekpush: %s", words[level]);

	size_t room = sizeof(line) - (size_t)head - 1;

	body = vsnprintf(line + head, room, format, ap);
	if (body < 0)
		return;

	size_t n = (size_t)head + ((size_t)body < room ? (size_t)body : room - 1);

	if ((size_t)body >= room)
		memcpy(line + n - 3, "...", 3);
	str_mask(line, n);
	line[n++] = '\n';
	(void)!write(log->fd, line, n);
}

#define DEFINE_LOG(name, level)                                   \
	void name(const struct log *log, const char *format, ...) \
	{                                                         \
		va_list ap;                                       \
                                                                  \
		va_start(ap, format);                             \
		say(log, level, format, ap);                      \
		va_end(ap);                                       \
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warning, LOG_LEVEL_WARNING)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
