/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker: one directory a container, whose config.v2.json is written anew at each change.
 * containerd: one OCI bundle a container, by namespace. Podman and CRI-O: containers.json, which
 * has the names of all, and one OCI bundle each.
 */
#include "collect/container/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

bool runtime_is_on(const struct cgroup_conf *conf, enum container_runtime runtime)
{
	struct str word = container_runtime_name(runtime);

	for (size_t i = 0; i < conf->runtimes.n; i++)
		if (str_eq(conf->runtimes.v[i], word))
			return true;
	return runtime == RUNTIME_UNKNOWN && conf->runtimes.n;
}

/* The directory that an absolute path names below --rootfs. */
static int open_path(const struct files *files, struct str path)
{
	return host_open_dir(files->host, HOST_ROOT, arena_cstr(files->scratch, str_skip(path, 1)));
}

static int64_t changed_at(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/*
 * A user's own files may be links to anything, and there are devices to which it matters that
 * somebody has opened them.
 */
static int read_text(struct files *files, int dir, const char *name, size_t max, struct str *ret)
{
	_cleanup_fd_ int fd = openat(dir, name, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	return file_read(AT_FDCWD, arena_printf(files->scratch, "/proc/self/fd/%d", fd).p, max,
			 files->scratch, ret);
}

static int read_json(struct files *files, int dir, const char *name, struct json *ret)
{
	struct str text;
	int r = read_text(files, dir, name, FILES_SIZE_MAX, &text);

	return r < 0 ? r : json_parse(files->lib, text, ret, &files->no_json);
}

static int open_below(struct files *files, int dir, struct str name)
{
	return dir < 0 ? dir : file_open_dir(dir, arena_cstr(files->scratch, name));
}

/* --- Docker -------------------------------------------------------------------------------- */

static struct str slurp_word(struct files *files, int dir, const char *name)
{
	struct str text;

	return read_text(files, dir, name, 4096, &text) < 0 ? STR("") : str_trim(text);
}

/* overlay2 gives the layer of a container a name of its own. */
static void find_docker_layer(struct files *files, const struct known_maker *maker, struct str base,
			      struct str id, struct known *known)
{
	struct str path = ARENA_CONCAT(files->scratch, base, STR("/image/overlay2/layerdb/mounts"));
	_cleanup_fd_ int mounts = open_path(files, path), dir = open_below(files, mounts, id);
	struct str name = dir < 0 ? STR("") : slurp_word(files, dir, "mount-id");

	if (name.n && str_find(name, '/') == name.n)
		known->layer =
			ARENA_CONCAT(maker->arena, base, STR("/overlay2/"), name, STR("/diff"));
}

/* Where Docker keeps its containers, unless it is told otherwise. */
static struct str docker_root(struct files *files, struct str usual)
{
	struct known_maker maker = { .arena = files->scratch };
	struct json json;

	if (files->docker_root.n)
		return files->docker_root;
	files->docker_root = usual;

	_cleanup_fd_ int dir = host_open_dir(files->host, HOST_ROOT, "etc/docker");

	if (dir >= 0 && read_json(files, dir, "daemon.json", &json) == 0) {
		struct str root = known_path(&maker, json_text(json_get(json, "data-root")));

		if (root.n > 1)
			files->docker_root = root;
		json_release(&json);
	}
	return files->docker_root;
}

static int docker_in(struct files *files, const struct known_maker *maker, struct str base,
		     struct str id, struct known *known, int64_t *ret_changed_ns)
{
	struct str path = ARENA_CONCAT(files->scratch, base, STR("/containers"));
	_cleanup_fd_ int all = open_path(files, path), dir = open_below(files, all, id);
	int64_t changed_ns;
	struct json json;
	int r;

	if (dir < 0)
		return dir;
	/* Before it is read: what changes meanwhile is seen in the next cycle. */
	changed_ns = changed_at(dir, "config.v2.json");
	r = read_json(files, dir, "config.v2.json", &json);
	if (r < 0)
		return r;
	r = known_docker_file(maker, json, id, known);
	json_release(&json);
	if (r < 0)
		return r;
	known->runtime = RUNTIME_DOCKER;
	known->watch = ARENA_CONCAT(maker->arena, path, STR("/"), id, STR("/config.v2.json"));
	find_docker_layer(files, maker, base, id, known);
	*ret_changed_ns = changed_ns;
	return 0;
}

/* --- Podman, CRI-O ------------------------------------------------------------------------- */

static struct storage *storage_of(struct files *files, struct str base)
{
	struct storage *storage;

	for (size_t i = 0; i < files->n_storages; i++)
		if (str_eq(files->storages[i].path, base))
			return &files->storages[i];
	if (files->n_storages == STORAGES_MAX)
		return NULL;

	_cleanup_fd_ int dir = open_path(files, base);

	storage = &files->storages[files->n_storages++];
	*storage = (struct storage){ .path = arena_str(files->scratch, base), .r = dir };
	if (dir >= 0) {
		storage->changed_ns = changed_at(dir, "containers.json");
		storage->r = read_json(files, dir, "containers.json", &storage->json);
	}
	return storage;
}

/* The layer is the "diff" beside what the bundle has as its root, ".../merged". */
static void find_bundle_layer(const struct known_maker *maker, struct json json,
			      struct known *known)
{
	struct str root = json_text(JSON_PATH(json, "root", "path")), end = STR("/merged");

	if (!str_starts(root, STR("/")) || !str_ends(root, end))
		return;
	root.n -= end.n;
	known->layer = known_path(maker, ARENA_CONCAT(maker->arena, root, STR("/diff")));
}

static int bundle_in(struct files *files, const struct known_maker *maker, struct str base,
		     struct str id, struct known *known)
{
	_cleanup_fd_ int all = open_path(files, base), dir = open_below(files, all, id);
	_cleanup_fd_ int data = open_below(files, dir, STR("userdata"));
	struct json json;
	int r = data < 0 ? data : read_json(files, data, "config.json", &json);

	if (r < 0)
		return r;
	r = known_oci(maker, json, known);
	find_bundle_layer(maker, json, known);
	json_release(&json);
	return r;
}

static int storage_of_driver(struct files *files, const struct known_maker *maker, struct str base,
			     struct str driver, const struct cgroup_name *name, struct known *known,
			     int64_t *ret_changed_ns)
{
	struct str path = ARENA_CONCAT(files->scratch, base, driver);
	struct storage *storage = storage_of(files, path);
	struct known bundle = { 0 };
	int r = storage ? storage->r : -EMFILE;

	if (r < 0)
		return r;
	r = known_storage(maker, storage->json, name->id, known);
	if (r < 0)
		return r;
	/* CRI-O's has the pod; Podman's little more. Without it the name is known all the same. */
	if (bundle_in(files, maker, path, name->id, &bundle) == 0)
		known_merge(known, &bundle);
	known->runtime =
		name->runtime == RUNTIME_CRIO || known->pod.n ? RUNTIME_CRIO : RUNTIME_PODMAN;
	known->watch = ARENA_CONCAT(maker->arena, path, STR("/containers.json"));
	*ret_changed_ns = storage->changed_ns;
	return 0;
}

/* A user without overlay mounts has "vfs"; others are for file systems of these names. */
static int storage_in(struct files *files, const struct known_maker *maker, struct str base,
		      const struct cgroup_name *name, struct known *known, int64_t *ret_changed_ns)
{
	static const struct str drivers[] = {
		STR("/overlay-containers"),
		STR("/vfs-containers"),
		STR("/btrfs-containers"),
		STR("/zfs-containers"),
	};
	int worst = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		int r = storage_of_driver(files, maker, base, drivers[i], name, known,
					  ret_changed_ns);

		if (r == 0)
			return 0;
		if (r != -ENOENT)
			worst = r;
	}
	return worst;
}

/* --- containerd ---------------------------------------------------------------------------- */

static int bundle_below(struct files *files, const struct known_maker *maker, int spaces,
			struct str space, struct str id, struct known *known)
{
	_cleanup_fd_ int dir = open_below(files, spaces, space), own = open_below(files, dir, id);
	struct json json;
	int r = own < 0 ? own : read_json(files, own, "config.json", &json);

	if (r < 0)
		return r;
	r = known_oci(maker, json, known);
	json_release(&json);
	if (r < 0)
		return r;
	known->runtime = RUNTIME_CONTAINERD;
	/* It has no names but the id, as long as nobody gives it one. */
	if (!known->name.n)
		known->name = arena_str(maker->arena, id);
	return 0;
}

static int containerd_in(struct files *files, const struct known_maker *maker, struct str base,
			 const struct cgroup_name *name, struct known *known)
{
	_cleanup_fd_ int spaces = open_path(files, base);
	struct str *names;
	size_t n;
	int r = spaces;

	if (r >= 0 && name->space.n)
		return bundle_below(files, maker, spaces, name->space, name->id, known);
	if (r >= 0)
		r = host_list_dir(spaces, files->scratch, &names, &n);
	if (r < 0)
		return r;
	r = -ENOENT;
	/* "moby" has those of Docker, of which Docker knows more. */
	for (size_t i = 0; i < n && r < 0; i++)
		if (!str_eq(names[i], STR("moby")))
			r = bundle_below(files, maker, spaces, names[i], name->id, known);
	return r;
}

/* --- where they lie ------------------------------------------------------------------------- */

enum kind { DOCKER_FILES, STORAGE_FILES, BUNDLE_FILES };

static const struct place {
	enum kind kind;
	enum container_runtime runtime; /* that must be switched on; storage: Podman or CRI-O */
	bool home;                      /* below the user's home */
	bool root;                      /* unless Docker's configuration has another place */
	struct str path;
} places[] = {
	{ DOCKER_FILES, RUNTIME_DOCKER, false, true, STR("/var/lib/docker") },
	{ DOCKER_FILES, RUNTIME_DOCKER, false, false,
	  STR("/var/snap/docker/common/var-lib-docker") },
	{ DOCKER_FILES, RUNTIME_DOCKER, true, false, STR("/.local/share/docker") },
	{ STORAGE_FILES, RUNTIME_PODMAN, false, false, STR("/var/lib/containers/storage") },
	{ STORAGE_FILES, RUNTIME_PODMAN, false, false, STR("/run/containers/storage") },
	{ STORAGE_FILES, RUNTIME_PODMAN, true, false, STR("/.local/share/containers/storage") },
	{ BUNDLE_FILES, RUNTIME_CONTAINERD, false, false,
	  STR("/run/containerd/io.containerd.runtime.v2.task") },
	{ BUNDLE_FILES, RUNTIME_CONTAINERD, false, false,
	  STR("/run/k3s/containerd/io.containerd.runtime.v2.task") },
	{ BUNDLE_FILES, RUNTIME_CONTAINERD, false, false,
	  STR("/run/containerd/io.containerd.runtime.v1.linux") },
};

/* By the host's /etc/passwd; empty for who is not in it. */
static struct str home_of(struct files *files, uint32_t user)
{
	struct str text, line, field, home;
	uint64_t number;

	if (host_read_once(files->host, HOST_ROOT, "etc/passwd", &text) < 0)
		return STR("");
	while (str_line(&text, &line)) {
		if (!str_cut(&line, ':', &field) || !str_cut(&line, ':', &field) ||
		    !str_cut(&line, ':', &field) || num_u64(field, &number) < 0 || number != user)
			continue;
		if (str_cut(&line, ':', &field) && str_cut(&line, ':', &field) &&
		    str_cut(&line, ':', &home) && str_starts(home, STR("/")))
			return home;
		break;
	}
	return STR("");
}

static bool may_be_at(const struct cgroup_conf *conf, const struct place *place,
		      const struct cgroup_name *name)
{
	bool crio = place->kind == STORAGE_FILES && runtime_is_on(conf, RUNTIME_CRIO);

	if (place->home != name->has_user || (!runtime_is_on(conf, place->runtime) && !crio))
		return false;
	return name->runtime == RUNTIME_UNKNOWN || name->runtime == place->runtime ||
	       (name->runtime == RUNTIME_CRIO && place->kind == STORAGE_FILES);
}

static int find_at(struct files *files, const struct known_maker *maker, const struct place *place,
		   const struct cgroup_name *name, struct known *known, int64_t *ret_changed_ns)
{
	struct str base = place->path, home = STR("");

	if (place->home) {
		home = home_of(files, name->user);
		if (!home.n)
			return -ENOENT;
		base = ARENA_CONCAT(files->scratch, home, place->path);
	}
	if (place->root)
		base = docker_root(files, place->path);
	*known = (struct known){ .health = -1 };
	*ret_changed_ns = 0;
	switch (place->kind) {
	case DOCKER_FILES:
		return docker_in(files, maker, base, name->id, known, ret_changed_ns);
	case STORAGE_FILES:
		return storage_in(files, maker, base, name, known, ret_changed_ns);
	case BUNDLE_FILES:
		break;
	}
	return containerd_in(files, maker, base, name, known);
}

int files_find(struct files *files, const struct known_maker *maker, const struct cgroup_name *name,
	       struct known *known, int64_t *ret_changed_ns)
{
	int first = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int r = may_be_at(maker->conf, &places[i], name)
				? find_at(files, maker, &places[i], name, known, ret_changed_ns)
				: -ENOENT;

		if (r == 0)
			return 0;
		if (first == -ENOENT)
			first = r;
	}
	*known = (struct known){ .health = -1 };
	return first;
}

int64_t files_changed(const struct files *files, struct str path)
{
	int root = files->host->dir[HOST_ROOT];

	return root < 0 || path.n < 2
		       ? 0
		       : changed_at(root, arena_cstr(files->scratch, str_skip(path, 1)));
}

int files_again(struct files *files, const struct known_maker *maker, struct str id,
		struct known *known)
{
	struct str path = known->watch, file = STR("/containers.json");
	struct known now = { .health = -1 };
	struct json json;
	int r;

	if (str_ends(path, file)) {
		path.n -= file.n;

		const struct storage *storage = storage_of(files, path);

		r = storage ? storage->r : -EMFILE;
		if (r == 0)
			r = known_storage(maker, storage->json, id, &now);
		if (r == 0)
			known->name = now.name;
		return r;
	}
	r = files->host->dir[HOST_ROOT];
	if (r >= 0)
		r = read_json(files, r, arena_cstr(files->scratch, str_skip(path, 1)), &json);
	if (r < 0)
		return r;
	r = known_docker_file(maker, json, id, &now);
	json_release(&json);
	if (r < 0)
		return r;
	now.runtime = known->runtime;
	now.layer = known->layer;
	now.watch = known->watch;
	*known = now;
	return 0;
}

void files_close(struct files *files)
{
	for (size_t i = 0; i < files->n_storages; i++)
		json_release(&files->storages[i].json);
	files->n_storages = 0;
}
