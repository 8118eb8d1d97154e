/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole numbers in the state's binary values: 7 bits a byte, the lowest first, the last one without
 * the high bit. Most of what is kept there is small.
 */
#pragma once

#include "base/buf.h"

void varint_put(struct buf *out, uint64_t value);
/* Takes one off the front. False, and nothing is taken, when there is none. */
bool varint_take(struct str *rest, uint64_t *ret);

/* Text behind its length; what is taken is borrowed. */
void varint_put_text(struct buf *out, struct str text);
bool varint_take_text(struct str *rest, struct str *ret);

/* A number with a fraction, bit by bit. */
void varint_put_f64(struct buf *out, double value);
bool varint_take_f64(struct str *rest, double *ret);
