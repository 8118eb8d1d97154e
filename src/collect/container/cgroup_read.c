/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading files of control groups, and the shapes their text has. v1 writes no limit as the
 * greatest multiple of the page size below 2^63, v2 as "max".
 */
#include "collect/container/cgroup.h"

const struct metric_desc cgroup_families[CGROUP_FAMILIES] = {
#define X(id, name, help, type) [FAMILY_##id] = { name, help, type },
	CGROUP_FAMILY_LIST(X)
#undef X
};

#define LIMIT_MEANT_MAX (UINT64_C(1) << 62)

int cgroup_text(const struct cgroup_reader *r, int dir, const char *name, struct str *ret)
{
	return cgroup_read_file(dir, name, r->buffer, CGROUP_FILE_MAX, ret);
}

bool cgroup_number(int dir, const char *name, uint64_t *ret)
{
	return host_attr_u64(dir, name, ret) == 0;
}

bool cgroup_limit(int dir, const char *name, uint64_t *ret)
{
	char buffer[64];
	struct str text;
	uint64_t value;

	if (cgroup_read_file(dir, name, buffer, sizeof(buffer), &text) < 0)
		return false;
	text = str_trim(text);
	if (str_eq(text, STR("max")) || str_eq(text, STR("-1"))) {
		*ret = CGROUP_UNLIMITED;
		return true;
	}
	if (num_u64(text, &value) < 0)
		return false;
	*ret = value > LIMIT_MEANT_MAX ? CGROUP_UNLIMITED : value;
	return true;
}

void cgroup_add_number(const struct cgroup_reader *r, int dir, const char *name,
		       enum cgroup_family family)
{
	uint64_t value;

	if (cgroup_number(dir, name, &value))
		cgroup_add(r, family, (double)value);
}

void cgroup_add_limit(const struct cgroup_reader *r, int dir, const char *name,
		      enum cgroup_family family)
{
	uint64_t value;

	if (cgroup_limit(dir, name, &value))
		cgroup_add(r, family, value == CGROUP_UNLIMITED ? 0 : (double)value);
}

uint32_t cgroup_keys(struct str text, const struct cgroup_key *keys, size_t n, uint64_t *ret_values)
{
	struct str line, key;
	uint32_t found = 0;

	while (str_line(&text, &line)) {
		if (!str_cut(&line, ' ', &key))
			continue;
		for (size_t i = 0; i < n; i++) {
			if (!str_eq(key, keys[i].key))
				continue;
			if (num_u64(line, &ret_values[i]) == 0)
				found |= UINT32_C(1) << i;
			break;
		}
	}
	return found;
}

void cgroup_add_keys(const struct cgroup_reader *r, const struct cgroup_key *keys, size_t n,
		     uint32_t found, const uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		if (found & UINT32_C(1) << i && keys[i].family != CGROUP_NO_FAMILY)
			cgroup_add(r, keys[i].family,
				   (double)values[i] / (keys[i].per > 0 ? keys[i].per : 1));
}
