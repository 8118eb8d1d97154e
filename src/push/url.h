/* SPDX-License-Identifier: Apache-2.0 */
/* Grouping keys and their spelling in a Pushgateway URL. */
#pragma once

#include "base/buf.h"
#include "base/opt.h"

struct group {
	struct str job, instance; /* instance may be empty: a service-level job */
	struct opt_map labels;    /* further grouping labels; job and instance are not among them */
};

/*
 * Appends "/metrics/job/J/instance/I/label/value...". Values outside [A-Za-z0-9_.:-], "." and
 * ".." go as @base64 (URL alphabet, no padding). -EINVAL with ret_why for what would poison
 * the gateway or be lost there: an empty job, an empty or non-UTF-8 value, an illegal or
 * reserved (`__`, job, instance) or repeated label name.
 */
int group_path(const struct group *group, struct buf *out, struct arena *arena,
	       struct str *ret_why);

/*
 * The same for any group that a gateway may have, also one that should not be there: each item is
 * "name=value", or "name@base64=..." in the alphabet of URLs. -EINVAL with ret_why when they are
 * not.
 */
int group_path_items(const struct str *items, size_t n, struct buf *out, struct arena *arena,
		     struct str *ret_why);
/* Whether a label can have this name: [a-zA-Z_][a-zA-Z0-9_]*. */
bool group_label_name(struct str name);
/*
 * The name as gateways with names in UTF-8 want it in a path: as it is, or U__ and all but letters
 * and digits as _HEX_. It must be UTF-8.
 */
struct str group_escaped_name(struct str name, struct arena *arena);
/* Appends such an item, in which no value is more than letters, digits and _.:- */
void group_put_item(struct buf *out, struct str name, struct str value);

/* "job=J instance=I label=value", for messages; made with printable characters only. */
struct str group_text(const struct group *group, struct arena *arena);

/*
 * Appends base64 without padding; `last_two` ends the alphabet: "-_" in URLs, "+/" elsewhere.
 */
void base64_put(struct buf *out, struct str in, const char *last_two);
