/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sysctl.h"

#include <errno.h>

#include "base/num.h"
#include "host/host.h"

enum { WORDS_MAX = 4096 };

/* Lists on the command line divide at commas, so that colons do, too. */
static void split_keys(struct sysctl *sysctl, struct arena *arena)
{
	struct str rest = sysctl->name, key;

	(void)str_cut(&rest, ':', &sysctl->name);
	while (str_cut(&rest, str_find(rest, ',') < rest.n ? ',' : ':', &key)) {
		sysctl->keys = arena_grow(arena, sysctl->keys, sysctl->n_keys, sizeof(key));
		sysctl->keys[sysctl->n_keys++] = key;
	}
}

int sysctl_read(int sys, struct str name, struct arena *arena, struct sysctl *ret)
{
	struct str text, word;
	char *path;
	int r;

	*ret = (struct sysctl){ .name = name };
	split_keys(ret, arena);
	path = arena_cstr(arena, ret->name);
	if (!strchr(path, '/'))
		for (char *p = path; *p; p++)
			*p = *p == '.' ? '/' : *p;
	if (path[0] == '/' || strstr(path, ".."))
		return -ENOENT;
	r = host_attr(sys, path, arena, &text);
	if (r < 0)
		return r;
	while (ret->n_words < WORDS_MAX && str_word(&text, &word)) {
		ret->words = arena_grow(arena, ret->words, ret->n_words, sizeof(word));
		ret->words[ret->n_words++] = word;
	}
	return ret->n_words ? 0 : -ENODATA;
}

bool sysctl_number(struct str word, double *ret)
{
	int64_t number;
	uint64_t large;

	if (num_i64(word, &number) == 0)
		*ret = (double)number;
	else if (num_u64(word, &large) == 0 ||
		 (str_starts(word, STR("0x")) && num_hex(str_skip(word, 2), &large) == 0))
		*ret = (double)large;
	else
		return false;
	return true;
}
