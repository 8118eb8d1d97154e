/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app.h"

extern const struct command command_bpf;

/* `peekpush bpf list`. Returns an exit status. */
int bpf_list(struct app *app);
