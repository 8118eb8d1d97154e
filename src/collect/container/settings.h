/* SPDX-License-Identifier: Apache-2.0 */
/* What is configured of containers and control groups: for all collectors that tell of them. */
#pragma once

#include "base/opt.h"

struct cgroup_conf {
	/* Who is told of. */
	struct opt_regex path_include, path_exclude;
	bool containers_only;
	/* What is told of them. */
	bool percpu, hugetlb, processes;
	/* Identity: collect/container/who.h. */
	struct opt_list labels;   /* of containers, patterns; those that become labels of series */
	struct opt_list runtimes; /* whose sockets and files are looked at */
	struct opt_list sockets;  /* below --rootfs; %U stands for a user's number */
	int64_t timeout_ns;       /* of all requests of a cycle together */
	int64_t refresh_ns;       /* how old an answer may become */
	/* What is told besides. */
	struct opt_list network_details; /* tcp, udp, advtcp */
	int64_t disk_usage_ns;           /* how often writable layers are measured; 0: never */
};

extern const struct opt_section section_cgroup;
