/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app.h"

/*
 * Prints what was asked for: the version, a command's help, or the list of commands. With
 * `missing` (no command was given) the list goes to stderr and the status is EXIT_USAGE.
 */
int help_print(const struct command *command, bool version, bool missing);
