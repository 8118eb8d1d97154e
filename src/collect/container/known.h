/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime says of one of its containers. */
#pragma once

#include "metric/metrics.h"

struct known {
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
