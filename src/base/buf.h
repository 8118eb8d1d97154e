/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing output buffer with a hard maximum. Errors stick: write as much as you like, look
 * at `err` once at the end (-E2BIG over the maximum, -ENOMEM).
 */
#pragma once

#include "base/str.h"

struct buf {
	char *p;
	size_t n, cap;
	size_t max; /* 0: 1 GiB */
	int err;
};

void buf_put(struct buf *buf, const void *p, size_t n);
void buf_str(struct buf *buf, struct str s);
void buf_cstr(struct buf *buf, const char *s);
void buf_char(struct buf *buf, char c);
void buf_u64(struct buf *buf, uint64_t value);
/* Prometheus' spelling of a number: shortest that reads back equal; NaN, +Inf, -Inf. */
void buf_f64(struct buf *buf, double value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `n` bytes at the end, or NULL; the writer adds what it used to buf->n. */
char *buf_reserve(struct buf *buf, size_t n);

static inline struct str buf_view(const struct buf *buf)
{
	return (struct str){ buf->p, buf->n };
}

/* Empties it and forgets the error; keeps the memory. */
void buf_reset(struct buf *buf);
void buf_release(struct buf *buf);
