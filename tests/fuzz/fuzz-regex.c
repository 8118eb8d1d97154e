/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An expression, a line end, and a text. What was refused says why in bounded words; what was taken
 * is done with the text soon, alike with and without groups, and its groups lie within the text.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(struct str expression, struct str text, int flags, struct arena *arena)
{
	_cleanup_buf_ struct buf out = { .max = 1 << 16 };
	struct regex_groups groups;
	struct regex *regex = NULL;
	struct str why = { 0 };
	bool found;

	if (regex_compile(expression, flags | REGEX_GROUPS, arena, &regex, &why) < 0) {
		must(!regex && why.n > 0 && why.n < 500);
		return;
	}
	must(str_eq(regex_text(regex), expression));
	found = regex_find(regex, text, &groups);
	must(!found || !regex_gave_up(regex));
	for (size_t i = 0; found && i < groups.n; i++)
		must(!groups.v[i].p || !groups.v[i].n ||
		     (groups.v[i].p >= text.p && groups.v[i].p + groups.v[i].n <= text.p + text.n));
	if (found) {
		must(groups.n == regex_n_groups(regex) + 1 && groups.v[0].p);
		must(!(flags & REGEX_WHOLE) || groups.v[0].n == text.n);
		regex_expand(regex, text, &groups, &out);
		regex_expand(regex, expression, &groups, &out);
	}

	struct regex *bare = NULL;

	must(regex_compile(expression, flags, arena, &bare, &why) == 0);
	must(regex_match(bare, text) == found || regex_gave_up(bare) || regex_gave_up(regex));
	regex_free(bare);
	regex_free(regex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str text = { (const char *)data, size }, expression;

	if (!str_cut(&text, '\n', &expression))
		return 0;
	check(expression, text, REGEX_WHOLE, &arena);
	check(expression, text, 0, &arena);
	return 0;
}
