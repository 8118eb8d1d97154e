/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and which sections of options they share. */
#pragma once

#include "app.h"

extern const struct command *const command_table[];
size_t command_count(void);

/* Options that may stand before the command: all but those of single commands. */
extern const struct opt_section *const sections_before_command[];
/* Ready lists for commands that sample, and for commands that sample and push. */
extern const struct opt_section *const sections_sample[];
extern const struct opt_section *const sections_push[];

/* Every section of the program, collectors' included, NULL-ended, into `ret` of max + 1. */
void sections_all(const struct opt_section **ret, size_t max);
