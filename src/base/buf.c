/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

enum { BUF_MIN = 4096, BUF_MAX = 1 << 30 };

char *buf_reserve(struct buf *buf, size_t n)
{
	size_t max = buf->max ? buf->max : BUF_MAX, cap = buf->cap;

	if (buf->err)
		return NULL;
	if (n > max || buf->n > max - n) {
		buf->err = -E2BIG;
		return NULL;
	}
	if (buf->cap - buf->n >= n)
		return buf->p + buf->n;
	if (cap < BUF_MIN)
		cap = BUF_MIN;
	while (cap - buf->n < n)
		cap *= 2;

	char *p = realloc(buf->p, cap);

	if (!p) {
		buf->err = -ENOMEM;
		return NULL;
	}
	buf->p = p;
	buf->cap = cap;
	return p + buf->n;
}

void buf_put(struct buf *buf, const void *p, size_t n)
{
	char *to = n ? buf_reserve(buf, n) : NULL;

	if (!to)
		return;
	memcpy(to, p, n);
	buf->n += n;
}

void buf_str(struct buf *buf, struct str s)
{
	buf_put(buf, s.p, s.n);
}

void buf_cstr(struct buf *buf, const char *s)
{
	buf_put(buf, s, strlen(s));
}

void buf_char(struct buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

void buf_u64(struct buf *buf, uint64_t value)
{
	char *to = buf_reserve(buf, NUM_TEXT_MAX);

	if (to)
		buf->n += num_print_u64(to, value);
}

void buf_f64(struct buf *buf, double value)
{
	char *to = buf_reserve(buf, NUM_TEXT_MAX);

	if (to)
		buf->n += num_print_f64(to, value);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);

	char *to = n >= 0 ? buf_reserve(buf, (size_t)n + 1) : NULL;

	if (!to)
		return;
	va_start(ap, format);
	(void)vsnprintf(to, (size_t)n + 1, format, ap);
	va_end(ap);
	buf->n += (size_t)n;
}

void buf_reset(struct buf *buf)
{
	buf->n = 0;
	buf->err = 0;
}

void buf_release(struct buf *buf)
{
	free(buf->p);
	*buf = (struct buf){ .max = buf->max };
}
