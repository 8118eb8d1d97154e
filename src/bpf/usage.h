/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What loaded programs and maps take, as the kernel counts it. Of a map everybody may ask who may
 * open it; of a program only who has CAP_SYS_ADMIN, because it is found by its number.
 */
#pragma once

#include "bpf/spec.h"

/* Bytes that a map takes; its memory is counted by the kernel. 0 or -errno. */
int usage_map(int fd, uint64_t *ret_bytes);

struct usage_program {
	uint64_t runs, run_ns; /* only grow while statistics are on */
	uint64_t bytes;
};

/* -ENOENT: it is not in the kernel any more; -EPERM: not for this user; or -errno. */
int usage_program(const struct spec_program *program, struct usage_program *ret);

/*
 * Whether the kernel measures programs now. It costs each run some 20 ns, which is why it does not
 * unless it is told to.
 */
bool usage_measuring(void);
/* Makes it measure until the descriptor that is returned is closed; or -errno. */
int usage_measure(void);
