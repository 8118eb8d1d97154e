/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines. Input: words that end with NUL. Without regular expressions, as fuzz-conf.
 * runner: -runs=180000
 */
#include <stdlib.h>

#include "base/conf.h"
#include "cmd/commands.h"
#include "settings.h"

enum { WORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct opt_section *const sections[] = {
		&section_main,   &section_push,  &section_tls, &section_host,
		&section_limits, &section_state, NULL,
	};
	struct arena arena = { 0 };
	struct str rest = { (const char *)data, size }, word;
	char *argv[WORDS_MAX + 1];
	int argc = 0, used = -1, r;
	bool help = false;
	struct conf *conf = conf_new(sections);

	while (argc < WORDS_MAX && str_cut(&rest, '\0', &word))
		argv[argc++] = arena_cstr(&arena, word);
	argv[argc] = NULL;
	r = conf_parse_args(conf, sections, argc, argv, &used, &help);
	if (r < 0) {
		must(used == -1);
		must(conf_error(conf).n > 0 && conf_error(conf).n < 1024);
	} else {
		must(used >= 0 && used <= argc && conf_error(conf).n == 0);
		must(used == argc || argv[used][0] != '-' || !argv[used][1] ||
		     (used > 0 && argv[used - 1][0] == '-'));
	}
	conf_free(conf);
	arena_release(&arena);
	return 0;
}
