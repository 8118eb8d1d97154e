/* SPDX-License-Identifier: Apache-2.0 */
/* What runtimes write of their containers into files, below --rootfs. */
#pragma once

#include "collect/container/known.h"
#include "host/host.h"

/* A containers.json, which tells of many containers and is parsed once a cycle. */
struct storage {
	struct str path; /* of its directory */
	int r;           /* of reading it */
	int64_t changed_ns;
	struct json json;
};

enum { STORAGES_MAX = 256, FILES_SIZE_MAX = 8 << 20 };

struct files {
	struct host *host;
	struct arena *scratch;
	struct json_lib *lib;
	const char *no_json;    /* why there is no library, or NULL */
	struct str docker_root; /* when it has been looked for */
	size_t n_storages;
	struct storage storages[STORAGES_MAX];
};

/*
 * The files of the container of that runtime (UNKNOWN: of any that is switched on); rootless ones
 * in their user's home. Fills `known`, and when it was changed. 0, -ENOENT when there are none, or
 * another -errno.
 */
int files_find(struct files *files, const struct known_maker *maker, const struct cgroup_name *name,
	       struct known *known, int64_t *ret_changed_ns);
/* What has changed of it, by the file known->watch; what that does not tell stays. */
int files_again(struct files *files, const struct known_maker *maker, struct str id,
		struct known *known);
/* When the file of that path was changed last, or 0. */
int64_t files_changed(const struct files *files, struct str path);
void files_close(struct files *files);

/* Whether `runtimes` has it; UNKNOWN always. */
bool runtime_is_on(const struct cgroup_conf *conf, enum container_runtime runtime);
