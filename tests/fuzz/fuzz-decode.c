/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of maps, by every decoder there is. Whatever the bytes are, a label is UTF-8 without control
 * characters, and reading one twice gives the same.
 * Input: a label as tags have it, a NUL, the key. The host is one without anything.
 * runner: -runs=130000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "bpf/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_fit(struct str label, bool has_lines)
{
	must(str_utf8_valid(label));
	for (size_t i = 0; i < label.n; i++)
		must((unsigned char)label.p[i] >= ' ' || (has_lines && label.p[i] == '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct host_paths nowhere = { .path = { "/nowhere", "/nowhere", "/nowhere",
						      "/nowhere" } };
	_cleanup_arena_ struct arena arena = { 0 };
	struct str key = { (const char *)data, size }, text, why, once, twice;
	struct spec_label label = { 0 };
	struct decoder *decoder;
	enum decoded decoded;
	struct host host;
	char *exact;

	if (!str_cut(&key, '\0', &text) || spec_parse_label(text, &arena, &label, &why))
		return 0;
	/* Of the very size, so that a byte too far is seen. */
	exact = malloc(key.n);
	must(exact || !key.n);
	if (key.n)
		memcpy(exact, key.p, key.n);
	label.size = (uint32_t)key.n;
	host_open(&host, &nowhere, false);
	decoder = decoder_new();
	decoder_begin(decoder, &host);
	decoded = decode_label(decoder, &label, exact, &arena, &once);
	must(decode_label(decoder, &label, exact, &arena, &twice) == decoded);
	if (decoded == DECODED) {
		must(str_eq(once, twice));
		must_be_fit(once, label.n && label.decoders[0].kind == DECODE_KSTACK);
	}
	decoder_free(decoder);
	host_close(&host);
	free(exact);
	return 0;
}
