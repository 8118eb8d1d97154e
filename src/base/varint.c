/* SPDX-License-Identifier: Apache-2.0 */
#include "base/varint.h"

void varint_put(struct buf *out, uint64_t value)
{
	char bytes[10];
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[n++] = (char)(value | 0x80);
	bytes[n++] = (char)value;
	buf_put(out, bytes, n);
}

bool varint_take(struct str *rest, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < rest->n && i < 10; i++) {
		unsigned char c = (unsigned char)rest->p[i];

		value |= (uint64_t)(c & 0x7f) << (7 * i);
		if (c & 0x80)
			continue;
		*rest = str_skip(*rest, i + 1);
		*ret = value;
		return true;
	}
	return false;
}

void varint_put_text(struct buf *out, struct str text)
{
	varint_put(out, text.n);
	buf_str(out, text);
}

bool varint_take_text(struct str *rest, struct str *ret)
{
	struct str at = *rest;
	uint64_t n;

	if (!varint_take(&at, &n) || n > at.n)
		return false;
	*ret = (struct str){ at.p, n };
	*rest = str_skip(at, n);
	return true;
}

/* The exponent stands in the low bits then, and the zeros at the end of a fraction cost nothing. */
static uint64_t turned(uint64_t bits)
{
	return __builtin_bswap64(bits);
}

void varint_put_f64(struct buf *out, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	varint_put(out, turned(bits));
}

bool varint_take_f64(struct str *rest, double *ret)
{
	uint64_t bits;

	if (!varint_take(rest, &bits))
		return false;
	bits = turned(bits);
	memcpy(ret, &bits, sizeof(*ret));
	return true;
}
