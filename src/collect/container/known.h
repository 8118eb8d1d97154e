/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runtime says of one of its containers, and how it is made out of the runtime's JSON.
 * Whatever an answer has in it: texts are cut to a length, paths are absolute, labels have legal
 * names, each once.
 */
#pragma once

#include "base/json.h"
#include "collect/container/settings.h"
#include "host/cgroup_name.h"
#include "metric/metrics.h"

enum { KNOWN_TEXT_MAX = 1024, KNOWN_LABELS_MAX = 64, KNOWN_LABELS_SIZE = 4096 };

struct known {
	enum container_runtime runtime; /* who told it */
	struct str name, image;
	struct str pod, namespace, inner; /* Kubernetes; inner: the label "container" */
	struct str layer;                 /* directory of its writable layer */
	struct str watch;                 /* a file that changes when what is told here changes */
	bool sandbox;                     /* holds a pod's namespaces, runs no program */
	int health;                       /* 1 healthy, 0 not, -1 unknown */
	uint32_t pid;                     /* of its first process, or 0 */
	int64_t created_ns, started_ns;   /* Unix time, or 0 */
	size_t n_label;
	struct label *label; /* those that are wanted, named as labels of series */
};

/* Who makes it: memory, and which labels are wanted. */
struct known_maker {
	struct arena *arena;
	const struct cgroup_conf *conf;
};

/*
 * Each fills `known`, which is empty before. 0, or -EBADMSG when it is about no container or about
 * another one than `id`.
 */

/* GET /containers/ID/json of Docker and of Podman. */
int known_docker_api(const struct known_maker *maker, struct json json, struct str id,
		     struct known *known);
/* Docker's containers/ID/config.v2.json. */
int known_docker_file(const struct known_maker *maker, struct json json, struct str id,
		      struct known *known);
/* config.json of an OCI bundle: containerd's, CRI-O's, Podman's. */
int known_oci(const struct known_maker *maker, struct json json, struct known *known);
/* containers.json of Podman's and CRI-O's storage. `lib` reads the JSON within the JSON. */
int known_storage(const struct known_maker *maker, struct json json, struct str id,
		  struct known *known);

/* Of GET /containers/json: name and health of one, both as they are in `known`. */
bool known_refresh(const struct known_maker *maker, struct json one, struct known *known);

/* A label of the container's, if it is wanted. */
void known_label(const struct known_maker *maker, struct known *known, struct str key,
		 struct str value);
/*
 * An absolute path that does not lead out of where it seems to lead, else empty: such are opened
 * below --rootfs.
 */
struct str known_path(const struct known_maker *maker, struct str text);
/* Takes from `more` what is not known yet. */
void known_merge(struct known *known, const struct known *more);
/* RFC 3339 to Unix time; 0 for what is none, and for the years before 1970. */
int64_t known_time(struct str text);
