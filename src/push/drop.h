/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drop: what somebody without the push credentials leaves for the host's own peekpush in a
 * directory where everybody may make files and nobody may see or remove another's (mode 1733).
 * A file is a header of lines "key=value", an empty line, and exposition text.
 */
#pragma once

#include <sys/types.h>

#include "push/url.h"

struct drop {
	struct group group;
	struct str user; /* who claims to have written it */
	bool here;       /* instance and labels are the host's, which its user does not know */
	struct str text;
};

enum { DROP_NAME_SIZE = 64, DROP_LABELS_MAX = 32 };

/*
 * Puts it into the directory, in place of an older one of the same group and user. 0, -EINVAL
 * when a value of the group cannot stand in a line, or -errno.
 */
int drop_put(const char *dir, const struct drop *drop);

/*
 * Opens dir/name for reading: a regular file of one name, not for all to write, not larger than
 * `max`. The fd; -EBADMSG with ret_why when it is something else; or -errno, which says nothing
 * against it. It never blocks, and follows no link.
 */
int drop_open(int dir, const char *name, size_t max, struct str *ret_why);

/* Takes a file's text apart; slices point into it. 0 or -EBADMSG with ret_why. */
int drop_parse(struct str text, struct arena *arena, struct drop *ret, struct str *ret_why);
