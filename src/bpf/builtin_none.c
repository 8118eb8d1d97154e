/* SPDX-License-Identifier: Apache-2.0 */
/* In place of builtin.c where nothing of BPF is wanted. */
#include "bpf/builtin.h"

static const struct builtin none = { 0 };

const struct builtin *const builtin_programs = &none;
