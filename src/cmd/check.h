/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app.h"

/* `check --gateway`: 0 or an exit status, having said all. */
int check_groups(struct app *app);
