/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking runtimes for their containers: sockets and files in turn, once for one that is new, and
 * so rarely for one that nobody knows that no runtime ever minds.
 */
#pragma once

#include "collect/collector.h"
#include "collect/container/files.h"
#include "collect/container/kept.h"
#include "collect/container/socket.h"
#include "host/cgroups.h"

/* What stays for the life of the process. */
struct ask_libs {
	struct json_lib json;
	struct curl curl;
	bool curl_loaded;
};

/* A container of this cycle. */
struct ask {
	const struct cgroup *cgroup;
	const struct cgroup_name *name;
	struct str key;     /* of what is kept of it */
	struct known known; /* the answer; empty when there is none */
};

/*
 * Fills `known` of each, from the state, or else from its runtime; what was learnt goes into the
 * state. Never takes longer than the configured time, plus that of reading files.
 */
void ask_all(struct collect *c, const struct cgroup_conf *conf, struct ask_libs *libs,
	     struct arena *arena, size_t n, struct ask *asks);
