/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the path of a control group says of whom it is: systemd's units, containers of the known
 * runtimes, Kubernetes' pods. The one parser of such paths. A container is known by 64 hex digits;
 * their place and what stands around them tell the runtime, and often enough nothing does.
 */
#pragma once

#include "base/str.h"

enum container_runtime {
	RUNTIME_NONE, /* a slice, a unit, or somebody's group */
	RUNTIME_DOCKER,
	RUNTIME_PODMAN,
	RUNTIME_CONTAINERD,
	RUNTIME_CRIO,
	RUNTIME_UNKNOWN, /* a container, but nobody says of whom */
};

enum { CONTAINER_ID = 64 };

/* Slices of the path that was parsed. */
struct cgroup_name {
	enum container_runtime runtime; /* NONE: no container */
	struct str id;                  /* of the innermost container */
	struct str unit;                /* the innermost unit that is no slice */
	struct str pod;                 /* the pod's uid; systemd's slices have _ for its - */
	struct str space;               /* containerd's namespace, where the path has one */
	bool pod_group;                 /* it is the pod's own group, with its containers below */
	bool nested;   /* below a container's own group, and no container or pod itself */
	bool inside;   /* a container or pod within a container: of a runtime that runs there */
	bool helper;   /* a runtime's own process that looks after a container: conmon */
	bool mount;    /* a .mount unit */
	bool has_user; /* below a user's manager: rootless */
	uint32_t user;
};

/* Of "/system.slice/docker-0123....scope" and the like; any bytes will do. */
void cgroup_name_parse(struct str path, struct cgroup_name *ret);

/* "docker", ...; empty for none and unknown. */
struct str container_runtime_name(enum container_runtime runtime);
