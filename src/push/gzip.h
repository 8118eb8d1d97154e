/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"

/* Compresses `in` as one gzip member, appended to `out`. Returns 0 or -errno. */
int gzip_pack(struct str in, int level, struct buf *out);
