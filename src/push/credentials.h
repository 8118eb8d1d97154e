/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords and tokens: read from files at each send, since files are rotated. */
#pragma once

#include "push/sink.h"

struct credentials {
	struct str password; /* p is NULL when there is none */
	struct str token;
	struct str basic; /* what "user:password" becomes in the header, without its padding */
};

/* Refuses settings that contradict each other, before a file is opened. 0 or -EINVAL. */
int credentials_check(const struct sink_conf *conf, struct str *ret_why);

/* Returns 0 or -errno with ret_why. */
int credentials_read(const struct sink_conf *conf, struct arena *arena, struct credentials *ret,
		     struct str *ret_why);

/* The text with every secret in it replaced: a server may repeat what it was sent. */
struct str credentials_redact(const struct credentials *credentials, struct str text,
			      struct arena *arena);
