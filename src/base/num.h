/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers from text and back, without locale. The whole-slice parsers refuse junk, blanks
 * and overflow (-EINVAL, -ERANGE); the take forms read one number off the front of a line.
 */
#pragma once

#include "base/str.h"

enum { NUM_TEXT_MAX = 32 };

int num_u64(struct str s, uint64_t *ret);
int num_i64(struct str s, int64_t *ret);
/* Hexadecimal, with or without 0x. */
int num_hex(struct str s, uint64_t *ret);
/*
 * A float as Prometheus' text parser reads it: decimal or exponent form, NaN, Inf in any
 * case; no hexadecimal, no underscore. Overflow is -ERANGE, underflow is 0.
 */
int num_f64(struct str s, double *ret);

/* Skips blanks, then takes the digits off the front of `rest`. False when there are none. */
bool num_take_u64(struct str *rest, uint64_t *ret);
bool num_take_i64(struct str *rest, int64_t *ret);
/* Skips blanks, takes a word and reads it as a float. */
bool num_take_f64(struct str *rest, double *ret);

/* Both write at most NUM_TEXT_MAX bytes, no NUL, and return how many. */
size_t num_print_u64(char *to, uint64_t value);
/* The shortest decimal that reads back to the same double. */
size_t num_print_f64(char *to, double value);

/*
 * A time span as "15s", "250ms", "1h30m", "2d", or "0"; a bare number is refused, because
 * nobody can know what it counts. Result in nanoseconds.
 */
int num_duration(struct str s, int64_t *ret_ns);
/* A size as "4096", "64k", "16M", "1G" (powers of 1024, an optional "iB" or "B" after). */
int num_size(struct str s, uint64_t *ret_bytes);
