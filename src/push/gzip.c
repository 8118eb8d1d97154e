/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One gzip member per payload. Its header carries neither a time nor a name, so that equal
 * payloads have equal bytes.
 */
#include "push/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

enum { WINDOW_GZIP = 15 + 16, MEMORY = 8, STEP = 64 << 10 };

/* Compresses what `z` was given into `out`, up to the end with Z_FINISH. */
static int deflate_into(z_stream *z, int flush, struct buf *out)
{
	int state;

	do {
		size_t want = deflateBound(z, z->avail_in);
		char *to;

		want = want < STEP ? STEP : want > UINT_MAX ? UINT_MAX : want;
		to = buf_reserve(out, want);
		if (!to)
			return out->err ? out->err : -ENOMEM;
		z->next_out = (Bytef *)to;
		z->avail_out = (uInt)want;
		state = deflate(z, flush);
		out->n += want - z->avail_out;
		if (state != Z_OK && state != Z_STREAM_END)
			return -EIO;
	} while (z->avail_in || (flush == Z_FINISH && state != Z_STREAM_END));
	return 0;
}

int gzip_pack(struct str in, int level, struct buf *out)
{
	enum { SLICE = 1 << 30 };
	z_stream z = { 0 };
	int r = 0;

	switch (deflateInit2(&z, level, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY)) {
	case Z_OK:
		break;
	case Z_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
	do {
		struct str part = { in.p, in.n < SLICE ? in.n : SLICE };

		in = str_skip(in, part.n);
		z.next_in = (z_const Bytef *)(uintptr_t)part.p;
		z.avail_in = (uInt)part.n;
		r = deflate_into(&z, in.n ? Z_NO_FLUSH : Z_FINISH, out);
	} while (r == 0 && in.n);
	(void)deflateEnd(&z);
	return r;
}
