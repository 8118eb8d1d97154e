/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/builtin.h"

#include <stddef.h>

#include "base/cleanup.h"

/* NAME, on by default, hidden, what it measures, what it costs. */
#define BUILTIN_PROGRAMS(X) \
	X(syscalls, true, false, "system calls by name, and their errors", "+60 ns a system call")

/* The assembler takes the object in; -I tells where it was built. */
#define INCLUDE(name, on, hidden, help, cost)                                \
	__asm__(".pushsection .rodata\n"                                     \
		".balign 16\n"                                               \
		"builtin_" #name "_begin: .incbin \"bpf/" #name ".bpf.o\"\n" \
		"builtin_" #name "_end:\n"                                   \
		".popsection\n");                                            \
	extern const unsigned char builtin_##name##_begin[], builtin_##name##_end[];
BUILTIN_PROGRAMS(INCLUDE)

#define ROW(name, on, hidden, help, cost) \
	{ #name, help, cost, on, hidden, builtin_##name##_begin, builtin_##name##_end },
static const struct builtin programs[] = { BUILTIN_PROGRAMS(ROW){ 0 } };

const struct builtin *const builtin_programs = programs;
