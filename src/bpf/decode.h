/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a map's key to the text of a label. Tables that change (interfaces, block devices,
 * cgroups, users, kernel symbols) are read when they are first needed in a cycle and kept no
 * longer; what is unknown is said as ebpf_exporter says it ("unknown:253:7").
 */
#pragma once

#include "base/regex.h"
#include "bpf/spec.h"
#include "host/host.h"

struct decoder; /* its tables; made once, lives with the collector */

struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder);
/* Before each pass over the maps: forgets the tables of the last. */
void decoder_begin(struct decoder *decoder, struct host *host);
void decoder_each_regex(const struct decoder *decoder, regex_fn *fn, void *arg);

enum decoded { DECODED, DECODED_SKIP /* the whole row: a regexp did not match */, DECODED_BAD };

/*
 * One label of one key. The text lives in the arena or in the decoder until the next begin.
 * DECODED_BAD: bytes that cannot be what they should be; the caller counts it and drops the row.
 */
enum decoded decode_label(struct decoder *decoder, const struct spec_label *label, const void *key,
			  struct arena *arena, struct str *ret);

/* "uint", "majorminor", ...: decoder names of the label grammar. -1 when there is none. */
int decoder_kind(struct str name);
const char *decoder_name(enum decoder_kind kind);
