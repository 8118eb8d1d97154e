/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that the kernel rounds for people: "5.5k", "-17.1M", "4.0M/sec", "99%". */
#pragma once

#include "base/str.h"

enum human_form {
	HUMAN_DECIMAL, /* "1.5k" is 1536 */
	HUMAN_BCACHE,  /* a digit behind the point is 1/10.24, as node_exporter has it: 1524 */
};

/* Powers of 1024, cut to whole bytes. Returns 0 or -EINVAL. */
int human_size(struct str text, enum human_form form, double *ret);
