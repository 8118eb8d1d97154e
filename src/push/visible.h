/* SPDX-License-Identifier: Apache-2.0 */
/* Text from elsewhere (servers, labels, paths), made safe to stand in a message. */
#pragma once

#include "base/arena.h"

/*
 * One line: control characters, characters that turn the reading direction and bytes that are
 * not UTF-8 become \n, \t, \xNN. At most `max` bytes; what was cut ends with "...".
 */
struct str visible(struct arena *arena, struct str text, size_t max);
