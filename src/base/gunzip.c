/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

enum { PART = 32768, GZIP_ONLY = 16 };

static int begin(struct gunzip *g)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	if (inflateInit2(z, GZIP_ONLY + MAX_WBITS) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	g->stream = z;
	return 0;
}

int gunzip_feed(struct gunzip *g, struct str piece, int (*take)(void *arg, struct str part),
		void *arg)
{
	unsigned char part[PART];
	z_stream *z;
	int r = g->stream ? 0 : begin(g);

	if (r < 0)
		return r;
	z = g->stream;
	z->next_in = (const unsigned char *)piece.p;
	z->avail_in = (unsigned)piece.n;
	do {
		int state;

		/* Several in a row are one, as gzip(1) has it. */
		if (g->ended && z->avail_in && inflateReset(z) != Z_OK)
			return -EBADMSG;
		if (g->ended && !z->avail_in)
			return 0;
		g->ended = false;
		z->next_out = part;
		z->avail_out = PART;
		state = inflate(z, Z_NO_FLUSH);
		if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
			return -EBADMSG;
		g->ended = state == Z_STREAM_END;
		if (z->avail_out < PART)
			r = take(arg, (struct str){ (const char *)part, PART - z->avail_out });
	} while (r == 0 && (z->avail_in || !z->avail_out));
	return r;
}

int gunzip_end(struct gunzip *g)
{
	int r = g->ended ? 0 : -EBADMSG;

	if (g->stream)
		(void)inflateEnd(g->stream);
	free(g->stream);
	*g = (struct gunzip){ 0 };
	return r;
}
