/* SPDX-License-Identifier: Apache-2.0 */
#include "dropbox_owner.h"

#include <fcntl.h>
#include <pwd.h>

#include "base/file.h"
#include "base/num.h"

enum { SUBUID_MAX = 4 << 20 };

void owner_ranges_parse(struct str text, struct arena *arena, struct owner_ranges *ret)
{
	struct owner_ranges ranges = { 0 };
	struct str line;

	while (str_line(&text, &line)) {
		struct owner_range range = { 0 };
		struct str first;

		if (!str_cut(&line, ':', &range.user) || !str_cut(&line, ':', &first) ||
		    num_u64(str_trim(first), &range.first) < 0 ||
		    num_u64(str_trim(line), &range.n) < 0)
			continue;
		ranges.v = arena_grow(arena, ranges.v, ranges.n, sizeof(*ranges.v));
		ranges.v[ranges.n++] = range;
	}
	*ret = ranges;
}

void owner_ranges_read(struct arena *arena, struct owner_ranges *ret)
{
	struct str text;

	*ret = (struct owner_ranges){ 0 };
	if (file_read(AT_FDCWD, "/etc/subuid", SUBUID_MAX, arena, &text) == 0)
		owner_ranges_parse(text, arena, ret);
}

static bool look_up(struct owner_range *range)
{
	char name[256];
	const struct passwd *user;
	uint64_t uid;

	if (range->asked)
		return range->known;
	range->asked = true;
	if (num_u64(range->user, &uid) == 0 && uid < (uid_t)-1) {
		range->uid = (uid_t)uid;
		range->known = true;
	} else if (range->user.n && range->user.n < sizeof(name)) {
		memcpy(name, range->user.p, range->user.n);
		name[range->user.n] = '\0';
		user = getpwnam(name);
		range->known = user != NULL;
		range->uid = user ? user->pw_uid : 0;
	}
	return range->known;
}

uid_t owner_behind(const struct owner_ranges *ranges, uid_t uid)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (uid >= ranges->v[i].first && uid - ranges->v[i].first < ranges->v[i].n &&
		    look_up(&ranges->v[i]))
			return ranges->v[i].uid;
	return uid;
}
