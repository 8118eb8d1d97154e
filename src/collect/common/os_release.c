/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/common/os_release.h"

#include <errno.h>

int os_release_read(struct collect *c, struct str *ret)
{
	int r = host_read(c->host, HOST_ROOT, "etc/os-release", c->scratch, ret);

	if (r == -ENOENT)
		r = collect_read(c, HOST_ROOT, "usr/lib/os-release", ret);
	else if (r < 0)
		return collect_fail(c, r, "/etc/os-release: %s", strerror(-r));
	return r;
}

/* '...', "..." with \ before $"\`. */
struct str os_release_unquote(struct arena *arena, struct str s)
{
	char *p = arena_alloc(arena, s.n + 1), *to = p;
	char quote = 0;

	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];

		if (quote ? ch == quote : ch == '"' || ch == '\'') {
			quote = quote ? 0 : ch;
			continue;
		}
		if (ch == '\\' && quote != '\'' && i + 1 < s.n)
			ch = s.p[++i];
		*to++ = ch;
	}
	return str_between(p, to);
}

struct str os_release_value(struct arena *arena, struct str text, struct str key)
{
	struct str line, name, value = STR("");

	while (str_line(&text, &line)) {
		line = str_trim(line);
		if (!str_starts(line, STR("#")) && str_cut(&line, '=', &name) && str_eq(name, key))
			value = os_release_unquote(arena, line);
	}
	return value;
}
