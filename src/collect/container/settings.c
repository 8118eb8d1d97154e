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
	{
		.name = "path_include",
		.type = OPT_REGEX,
		.offset = offsetof(struct cgroup_conf, path_include),
		.preset = "",
		.arg = "REGEX",
		.help = "only control groups of these paths",
	},
	{
		.name = "path_exclude",
		.type = OPT_REGEX,
		.offset = offsetof(struct cgroup_conf, path_exclude),
		.preset = "",
		.arg = "REGEX",
		.help = "control groups to leave out",
	},
	{
		.name = "containers_only",
		.type = OPT_BOOL,
		.offset = offsetof(struct cgroup_conf, containers_only),
		.preset = "false",
		.help = "containers, pods and the root, and no other control groups",
	},
	{
		.name = "percpu",
		.type = OPT_BOOL,
		.offset = offsetof(struct cgroup_conf, percpu),
		.preset = "true",
		.help = "CPU time by CPU, where the kernel tells it (cgroup v1)",
	},
	{
		.name = "hugetlb",
		.type = OPT_BOOL,
		.offset = offsetof(struct cgroup_conf, hugetlb),
		.preset = "false",
		.help = "huge pages in use",
	},
	{
		.name = "processes",
		.type = OPT_BOOL,
		.offset = offsetof(struct cgroup_conf, processes),
		.preset = "false",
		.help = "how many processes and threads there are, and may be",
	},
	{
		.name = "labels",
		.type = OPT_LIST,
		.offset = offsetof(struct cgroup_conf, labels),
		.preset = "",
		.arg = "NAME,...",
		.help = "labels of containers (patterns) to tell as container_label_NAME",
	},
	{
		.name = "runtimes",
		.type = OPT_LIST,
		.offset = offsetof(struct cgroup_conf, runtimes),
		.preset = "docker,podman,containerd,crio",
		.arg = "NAME,...",
		.help = "container runtimes whose sockets and files are looked at for names",
		.check = check_runtime,
	},
	{
		.name = "sockets",
		.type = OPT_LIST,
		.offset = offsetof(struct cgroup_conf, sockets),
		.preset = "/run/docker.sock,/run/podman/podman.sock,/run/user/%U/docker.sock,"
			  "/run/user/%U/podman/podman.sock",
		.arg = "PATH,...",
		.help = "sockets of Docker and Podman; %U: the user whose containers they are",
		.check = check_socket,
	},
	{
		.name = "timeout",
		.type = OPT_DURATION,
		.offset = offsetof(struct cgroup_conf, timeout_ns),
		.preset = "500ms",
		.arg = "TIME",
		.help = "how long all requests to runtimes may take in a cycle",
		.min = 1000000,
		.max = INT64_C(60000000000),
	},
	{
		.name = "refresh",
		.type = OPT_DURATION,
		.offset = offsetof(struct cgroup_conf, refresh_ns),
		.preset = "1m",
		.arg = "TIME",
		.help = "when a runtime is asked again for names and health; 0: never",
		.max = INT64_C(86400000000000),
	},
	{
		.name = "network_details",
		.type = OPT_LIST,
		.offset = offsetof(struct cgroup_conf, network_details),
		.preset = "",
		.arg = "NAME,...",
		.help = "sockets of containers (tcp, udp) and counters of TCP (advtcp); costly",
		.check = check_details,
	},
	{
		.name = "disk_usage",
		.type = OPT_DURATION,
		.offset = offsetof(struct cgroup_conf, disk_usage_ns),
		.preset = "0",
		.arg = "TIME",
		.help = "how often the writable layers of containers are measured; 0: never",
		.max = INT64_C(30) * 86400 * 1000000000,
	},
	{ 0 },
};

const struct opt_section section_cgroup = {
	.path = "collectors.cgroup",
	.help = "containers and control groups",
	.opts = opts,
	.size = sizeof(struct cgroup_conf),
};
