/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of control groups. What is found in one is a part of it, and an id is 64 hex digits.
 * runner: -runs=600000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "host/cgroup_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str path = { (const char *)data, size };
	struct cgroup_name name;

	cgroup_name_parse(path, &name);

	const struct str parts[] = { name.id, name.unit, name.pod, name.space };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		must(!parts[i].n ||
		     (parts[i].p >= path.p && parts[i].p + parts[i].n <= path.p + size));
		must(str_find(parts[i], '/') == parts[i].n);
	}
	must(!name.id.n || name.id.n == CONTAINER_ID);
	for (size_t i = 0; i < name.id.n; i++)
		must(memchr("0123456789abcdef", name.id.p[i], 16) != NULL);
	must((name.runtime != RUNTIME_NONE) == (name.id.n > 0));
	must(!name.nested || name.id.n || name.inside);
	must(!name.pod_group || (name.pod.n && !name.id.n && !name.nested));
	return 0;
}
