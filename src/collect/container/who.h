/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose control group it is: systemd's units by their path, containers by their runtime, asked
 * once for an id that nobody has seen before. Made once in a cycle, for all who name groups.
 */
#pragma once

#include "collect/collector.h"
#include "host/cgroup_name.h"
#include "host/cgroups.h"

/* One for each group of the cycle's cgroup_table, at the same index. */
struct container {
	const struct cgroup *cgroup;
	enum container_runtime runtime;
	struct str id;                    /* 64 hex digits; empty: no container's own group */
	struct str name, image;           /* empty: not known */
	struct str pod, namespace, inner; /* Kubernetes; inner: the label "container" */
	bool sandbox;                     /* a pod's: it holds the network, and no program */
	bool pod_group; /* a pod's own group, with the groups of its containers below */
	bool nested;    /* below a container's own group: the container is what is told of */
	bool hidden;    /* nobody wants series of it: a .mount, a conmon's twin, by the settings */
	int64_t created_ns, started_ns; /* Unix time, from the runtime; 0: not known */
	int health;       /* 1 healthy, 0 not, -1: it has no health check or says nothing */
	uint32_t pid;     /* of its first process, or 0 */
	struct str layer; /* the directory of its writable layer, or empty */
	/* id, name, image, container_label_*, and of a pod's pod, namespace, container. */
	const struct labels *labels;
	size_t n_label; /* the same, for sets with one more label: container_labels() */
	const struct label *label;
};

struct container_table {
	const struct cgroup_table *cgroups;
	size_t n; /* as many as there are groups */
	struct container *v;
};

/* The table of this cycle. -ENODATA with the words for it where there are no control groups. */
int containers_of_cycle(struct collect *c, const struct container_table **ret);

/* Its labels and some more. */
const struct labels *container_labels(struct collect *c, const struct container *container,
				      size_t n, const struct label *more);
