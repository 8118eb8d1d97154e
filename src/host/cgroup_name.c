/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroup_name.h"

#include "base/cleanup.h"
#include "base/num.h"

/* What stands before the 64 digits. The first that fits counts. */
static const struct prefix {
	struct str text;
	enum container_runtime runtime;
	bool helper;
} prefixes[] = {
	{ { "docker-", 7 }, RUNTIME_DOCKER, false },
	{ { "libpod-conmon-", 14 }, RUNTIME_PODMAN, true },
	{ { "libpod-payload-", 15 }, RUNTIME_PODMAN, false },
	{ { "libpod-", 7 }, RUNTIME_PODMAN, false },
	{ { "cri-containerd-", 15 }, RUNTIME_CONTAINERD, false },
	{ { "cri-containerd:", 15 }, RUNTIME_CONTAINERD, false },
	{ { "nerdctl-", 8 }, RUNTIME_CONTAINERD, false },
	{ { "crio-conmon-", 12 }, RUNTIME_CRIO, true },
	{ { "crio-", 5 }, RUNTIME_CRIO, false },
	{ { "crio:", 5 }, RUNTIME_CRIO, false },
	{ { "docker:", 7 }, RUNTIME_DOCKER, false },
};

/* What a directory says of a container that is nothing but its digits. */
static const struct parent {
	struct str text;
	enum container_runtime runtime;
} parents[] = {
	{ { "docker", 6 }, RUNTIME_DOCKER },       { { "libpod_parent", 13 }, RUNTIME_PODMAN },
	{ { "default", 7 }, RUNTIME_CONTAINERD },  { { "k8s.io", 6 }, RUNTIME_CONTAINERD },
	{ { "buildkit", 8 }, RUNTIME_CONTAINERD },
};

/* Where the walk along a path is. */
struct walk {
	struct cgroup_name *name;
	struct str before; /* the directory above */
	bool kubepods;     /* there was one of that name above */
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool all_hex(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_hex(s.p[i]))
			return false;
	return true;
}

/* Takes `end` off, when it is there and something is left. */
static bool take_end(struct str *s, struct str end)
{
	if (s->n <= end.n || !str_ends(*s, end))
		return false;
	s->n -= end.n;
	return true;
}

static bool is_unit(struct str name)
{
	static const struct str ends[] = { { ".service", 8 },
					   { ".scope", 6 },
					   { ".socket", 7 },
					   { ".mount", 6 },
					   { ".swap", 5 } };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (take_end(&name, ends[i]))
			return true;
	return false;
}

static enum container_runtime runtime_of_parent(struct str parent)
{
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++)
		if (str_eq(parent, parents[i].text))
			return parents[i].runtime;
	return RUNTIME_UNKNOWN;
}

/* "docker-ID.scope", "ID", "crio-ID", "kubepods-podUID.slice:cri-containerd:ID". */
static bool take_container(struct walk *walk, struct str part)
{
	struct cgroup_name *name = walk->name;
	struct str id, before;
	enum container_runtime runtime = RUNTIME_UNKNOWN;
	bool helper = false;

	(void)take_end(&part, STR(".scope"));
	if (part.n < CONTAINER_ID)
		return false;
	id = str_skip(part, part.n - CONTAINER_ID);
	before = (struct str){ part.p, part.n - CONTAINER_ID };
	if (!all_hex(id) ||
	    (before.n && before.p[before.n - 1] != '-' && before.p[before.n - 1] != ':'))
		return false;
	if (!before.n)
		runtime = runtime_of_parent(walk->before);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_eq(before, prefixes[i].text) ||
		    (prefixes[i].text.p[prefixes[i].text.n - 1] == ':' &&
		     str_ends(before, prefixes[i].text))) {
			runtime = prefixes[i].runtime;
			helper = prefixes[i].helper;
			break;
		}
	name->inside |= name->id.n > 0;
	name->nested = false;
	name->helper = helper;
	name->id = id;
	name->runtime = runtime;
	if (!before.n && runtime == RUNTIME_CONTAINERD)
		name->space = walk->before;
	return true;
}

/*
 * What else runtimes make: podman's health checks are units named by the container, its conmon
 * shares one group with others where systemd does not manage them.
 */
static bool is_helper(const struct walk *walk, struct str part)
{
	struct str id = { part.p, CONTAINER_ID };

	if (part.n > CONTAINER_ID && str_ends(part, STR(".service")) && all_hex(id) &&
	    (part.p[CONTAINER_ID] == '.' || part.p[CONTAINER_ID] == '-'))
		return true;
	return str_eq(part, STR("conmon")) && str_eq(walk->before, STR("libpod_parent"));
}

static bool is_uid(struct str uid)
{
	if (uid.n < 8 || uid.n > 64)
		return false;
	for (size_t i = 0; i < uid.n; i++)
		if (!is_hex(uid.p[i]) && uid.p[i] != '-' && uid.p[i] != '_')
			return false;
	return true;
}

/*
 * "kubepods-burstable-podUID.slice", also behind a prefix ("kubelet-kubepods-..."); "podUID" below
 * "kubepods".
 */
static bool take_pod(struct walk *walk, struct str part)
{
	static const struct str mark = { "-pod", 4 };
	size_t colon = str_find(part, ':');
	struct str uid = { part.p, colon };

	if (!take_end(&uid, STR(".slice"))) {
		walk->kubepods |= str_eq(part, STR("kubepods"));
		if (!walk->kubepods || !str_starts(part, STR("pod")))
			return false;
		uid = str_skip(part, 3);
	} else {
		const char *kube = memmem(uid.p, uid.n, "kubepods", 8);

		walk->kubepods |= kube != NULL;
		if (!kube)
			return false;
		uid = str_between(kube + 8, uid.p + uid.n);
		while (uid.n && !str_starts(uid, mark))
			uid = str_skip(uid, 1);
		uid = str_skip(uid, mark.n);
	}
	if (!is_uid(uid))
		return false;
	walk->name->inside |= walk->name->id.n > 0;
	walk->name->pod = uid;
	return true;
}

static void take_user(struct cgroup_name *name, struct str part)
{
	struct str number = str_skip(part, 5);
	uint64_t user;

	if (!str_starts(part, STR("user@")) || !take_end(&number, STR(".service")) ||
	    !num_take_u64(&number, &user) || number.n || user > UINT32_MAX)
		return;
	name->has_user = true;
	name->user = (uint32_t)user;
}

static void step(struct walk *walk, struct str part)
{
	struct cgroup_name *name = walk->name;
	bool pod = take_pod(walk, part);

	name->pod_group = pod;
	if (is_unit(part))
		name->unit = part;
	name->mount |= str_ends(part, STR(".mount"));
	if (!name->id.n)
		take_user(name, part);
	if (take_container(walk, part)) {
		name->pod_group = false;
	} else if (is_helper(walk, part)) {
		name->helper = true;
	} else if (pod) {
		/* A pod within a container (of a cluster in containers) is no part of that one. */
		name->nested = false;
		name->id = (struct str){ 0 };
		name->runtime = RUNTIME_NONE;
	} else if (name->id.n) {
		name->nested = true;
	}
	walk->before = part;
}

void cgroup_name_parse(struct str path, struct cgroup_name *ret)
{
	struct walk walk = { .name = ret };
	struct str part;

	*ret = (struct cgroup_name){ 0 };
	while (str_cut(&path, '/', &part))
		if (part.n)
			step(&walk, part);
}

struct str container_runtime_name(enum container_runtime runtime)
{
	static const struct str names[] = {
		[RUNTIME_NONE] = { "", 0 },         [RUNTIME_DOCKER] = { "docker", 6 },
		[RUNTIME_PODMAN] = { "podman", 6 }, [RUNTIME_CONTAINERD] = { "containerd", 10 },
		[RUNTIME_CRIO] = { "crio", 4 },     [RUNTIME_UNKNOWN] = { "", 0 },
	};

	return names[runtime];
}
