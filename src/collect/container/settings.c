/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/container/settings.h"

#include <errno.h>

#include "base/cleanup.h"

static int check_runtime(struct str text, struct arena *arena, struct str *ret_why)
{
	static const char *const known[] = { "docker", "podman", "containerd", "crio" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_eq(text, str_of(known[i])))
			return 0;
	*ret_why = arena_printf(arena, "\"%.*s\" is not one of docker, podman, containerd, crio",
				STR_ARG(text));
	return -EINVAL;
}

static int check_socket(struct str text, struct arena *arena, struct str *ret_why)
{
	if (str_starts(text, STR("/")))
		return 0;
	*ret_why = arena_printf(arena, "\"%.*s\" does not begin with /", STR_ARG(text));
	return -EINVAL;
}

static int check_details(struct str text, struct arena *arena, struct str *ret_why)
{
	if (str_eq(text, STR("tcp")) || str_eq(text, STR("udp")) || str_eq(text, STR("advtcp")))
		return 0;
	*ret_why = arena_printf(arena, "\"%.*s\" is not one of tcp, udp, advtcp", STR_ARG(text));
	return -EINVAL;
}

static const struct opt opts[] = {
	{ OPT_ROW("path_include", OPT_REGEX, struct cgroup_conf, path_include, "", "REGEX",
		  "only control groups of these paths") },
	{ OPT_ROW("path_exclude", OPT_REGEX, struct cgroup_conf, path_exclude, "", "REGEX",
		  "control groups to leave out") },
	{ OPT_ROW("containers_only", OPT_BOOL, struct cgroup_conf, containers_only, "false", NULL,
		  "containers, pods and the root, and no other control groups") },
	{ OPT_ROW("percpu", OPT_BOOL, struct cgroup_conf, percpu, "true", NULL,
		  "CPU time by CPU, where the kernel tells it (cgroup v1)") },
	{ OPT_ROW("hugetlb", OPT_BOOL, struct cgroup_conf, hugetlb, "false", NULL,
		  "huge pages in use") },
	{ OPT_ROW("processes", OPT_BOOL, struct cgroup_conf, processes, "false", NULL,
		  "how many processes and threads there are, and may be") },
	{ OPT_ROW("labels", OPT_LIST, struct cgroup_conf, labels, "", "NAME,...",
		  "labels of containers (patterns) to tell as container_label_NAME") },
	{ OPT_ROW("runtimes", OPT_LIST, struct cgroup_conf, runtimes,
		  "docker,podman,containerd,crio", "NAME,...",
		  "container runtimes whose sockets and files are looked at for names"),
	  .check = check_runtime },
	{ OPT_ROW("sockets", OPT_LIST, struct cgroup_conf, sockets,
		  "/run/docker.sock,/run/podman/podman.sock,/run/user/%U/docker.sock,"
		  "/run/user/%U/podman/podman.sock",
		  "PATH,...",
		  "sockets of Docker and Podman; %U: the user whose containers they are"),
	  .check = check_socket },
	{ OPT_ROW("timeout", OPT_DURATION, struct cgroup_conf, timeout_ns, "500ms", "TIME",
		  "how long all requests to runtimes may take in a cycle"),
	  .min = 1000000, .max = INT64_C(60000000000) },
	{ OPT_ROW("refresh", OPT_DURATION, struct cgroup_conf, refresh_ns, "1m", "TIME",
		  "when a runtime is asked again for names and health; 0: never"),
	  .max = INT64_C(86400000000000) },
	{ OPT_ROW("network_details", OPT_LIST, struct cgroup_conf, network_details, "", "NAME,...",
		  "sockets of containers (tcp, udp) and counters of TCP (advtcp); costly"),
	  .check = check_details },
	{ OPT_ROW("disk_usage", OPT_DURATION, struct cgroup_conf, disk_usage_ns, "0", "TIME",
		  "how often the writable layers of containers are measured; 0: never"),
	  .max = INT64_C(30) * 86400 * 1000000000 },
	{ 0 },
};

const struct opt_section section_cgroup = {
	.path = "collectors.cgroup",
	.help = "containers and control groups",
	.opts = opts,
	.size = sizeof(struct cgroup_conf),
};
