/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rename, a new health: seen by the time of change of a file where one may look at it, as that
 * costs a system call; else by asking for the list of all containers once in a while.
 */
#include "collect/container/ask.h"

#include <errno.h>

#include "base/clock.h"

static const struct str state_key = { "cgroup.who", 10 };

struct asking {
	struct collect *c;
	struct known_maker maker;
	struct kept_table table;
	struct sockets sockets;
	struct files files;
	uint64_t settings; /* what the answers depend on */
	int64_t now;
};

static struct str socket_path(struct asking *a, struct str pattern, const struct cgroup_name *name)
{
	static const struct str mark = { "%U", 2 };
	size_t at = 0;

	while (at < pattern.n && !str_starts(str_skip(pattern, at), mark))
		at++;
	if (at == pattern.n)
		return name->has_user ? STR("") : arena_str(a->maker.arena, pattern);
	if (!name->has_user)
		return STR("");
	return arena_printf(a->maker.arena, "%.*s%u%.*s", (int)at, pattern.p, name->user,
			    STR_ARG(str_skip(pattern, at + mark.n)));
}

/* By what stands in its path, as it usually does; else it may be either's. */
static enum container_runtime runtime_of_socket(struct str path)
{
	if (memmem(path.p, path.n, "podman", 6))
		return RUNTIME_PODMAN;
	return memmem(path.p, path.n, "docker", 6) ? RUNTIME_DOCKER : RUNTIME_UNKNOWN;
}

/* Whether that socket may know a container of that runtime. */
static bool may_know(const struct cgroup_conf *conf, struct str path, enum container_runtime of)
{
	enum container_runtime runtime = runtime_of_socket(path);

	if (of == RUNTIME_CONTAINERD || of == RUNTIME_CRIO)
		return false;
	return runtime_is_on(conf, runtime) && runtime_is_on(conf, of) &&
	       (of == runtime || of == RUNTIME_UNKNOWN || runtime == RUNTIME_UNKNOWN);
}

/* GET from a socket, unless it is in disgrace; what comes of it is noted. */
static int get(struct asking *a, struct str path, struct str target, size_t max, struct json *ret)
{
	const struct kept_socket *bad = kept_socket_find(&a->table, path);
	struct str body, why = STR("");
	int r;

	if (bad && !kept_is_due(bad->asked, bad->failures, a->now))
		return -EAGAIN;
	r = socket_get(&a->sockets, path, target, max, &body, &why);
	if (r == 0 || (r == -ENOENT && socket_exists(&a->sockets, path) == 0))
		kept_socket_note(&a->table, path, STR(""), a->now);
	else if (r != -EAGAIN && r != -ENOENT)
		kept_socket_note(&a->table, path, why, a->now);
	return r < 0 ? r : json_parse(a->files.lib, body, ret, &a->files.no_json);
}

static int ask_socket(struct asking *a, struct str path, const struct cgroup_name *name,
		      struct known *known)
{
	struct str target =
		ARENA_CONCAT(a->maker.arena, STR("/containers/"), name->id, STR("/json"));
	struct json json;
	int r = get(a, path, target, SOCKET_ANSWER_MAX, &json);

	if (r < 0)
		return r;
	*known = (struct known){ .health = -1 };
	r = known_docker_api(&a->maker, json, name->id, known);
	json_release(&json);
	known->runtime = runtime_of_socket(path);
	if (known->runtime == RUNTIME_UNKNOWN)
		known->runtime = name->runtime;
	return r;
}

/*
 * -EAGAIN: one of them could not be asked now. -ENOENT: none knows it, or there is none; that is
 * the answer, too, of one that answers nonsense.
 */
static int ask_sockets(struct asking *a, const struct cgroup_name *name, struct kept *found)
{
	const struct opt_list *patterns = &a->maker.conf->sockets;
	int result = -ENOENT;

	for (size_t i = 0; i < patterns->n; i++) {
		struct str path = socket_path(a, patterns->v[i], name);
		int r;

		if (!path.n || !may_know(a->maker.conf, path, name->runtime) ||
		    socket_exists(&a->sockets, path) < 0)
			continue;
		r = ask_socket(a, path, name, &found->known);
		if (r == 0) {
			found->source = SOURCE_SOCKET;
			found->socket = path;
			found->watched_ns = files_changed(&a->files, found->known.watch);
			return 0;
		}
		if (r == -EAGAIN || r == -ETIMEDOUT)
			result = -EAGAIN;
	}
	return result;
}

static int ask_files(struct asking *a, const struct cgroup_name *name, struct kept *found)
{
	int r = files_find(&a->files, &a->maker, name, &found->known, &found->watched_ns);

	if (r == 0)
		found->source = SOURCE_FILE;
	return r;
}

/*
 * Podman's files come before its socket as long as no labels are wanted, which they do not have:
 * behind that socket no daemon runs until somebody connects. Returns 0 with ret_found, 1 when it is
 * worth asking again (a socket that knows more could not be asked), or -errno.
 */
static int ask_one(struct asking *a, const struct cgroup_name *name, struct kept *found)
{
	bool files_first = name->runtime == RUNTIME_PODMAN && !a->maker.conf->labels.n;
	int r = files_first ? ask_files(a, name, found) : ask_sockets(a, name, found), later = r;

	if (r < 0)
		r = files_first ? ask_sockets(a, name, found) : ask_files(a, name, found);
	if (r == 0)
		return later == -EAGAIN && !files_first;
	return r == -EAGAIN || later == -EAGAIN ? -EAGAIN : -ENOENT;
}

static void keep(struct asking *a, struct ask *ask, struct kept *kept, int r,
		 const struct kept *found)
{
	struct str id = kept->id;

	if (r >= 0) {
		*kept = *found;
		kept->id = id;
		kept->failures = 0;
	} else if (kept->group != ask->cgroup->id) {
		/* It was started again, and nobody says as what. */
		kept->known.pid = 0;
		kept->known.started_ns = 0;
	}
	kept->failures += r != 0 && kept->failures < UINT32_MAX;
	kept->asked = a->now;
	kept->group = ask->cgroup->id;
	kept->settings = a->settings;
	kept->seen = true;
	a->table.changed = true;
}

static void ask_for(struct asking *a, struct ask *ask, struct kept *kept)
{
	struct kept found = { .known.health = -1 };
	bool late;
	int r;

	/* What cannot be kept would be asked for in each cycle. */
	if (!kept && a->table.n >= KEPT_MAX)
		return;
	r = ask_one(a, ask->name, &found);
	late = r == -EAGAIN &&
	       clock_ns(CLOCK_MONOTONIC) >= a->sockets.deadline_ns - a->sockets.fair_ms * 1000000;

	/* Who came too late has its turn in the next cycle, and first of all. */
	if (late)
		return;
	if (!kept)
		kept = kept_add(&a->table, ask->key);
	if (kept)
		keep(a, ask, kept, r, &found);
}

static struct str id_of(const struct kept *kept)
{
	return str_skip(kept->id, kept->id.n > CONTAINER_ID ? kept->id.n - CONTAINER_ID : 0);
}

static void look_again(struct asking *a, struct kept *kept)
{
	int64_t changed_ns = files_changed(&a->files, kept->known.watch);

	if (changed_ns == kept->watched_ns)
		return;
	/* One that is gone, or may not be read, is as if there were none. */
	if (files_again(&a->files, &a->maker, id_of(kept), &kept->known) < 0)
		changed_ns = 0;
	kept->watched_ns = changed_ns;
	a->table.changed = true;
}

/* A user may give a group the id of another one's container: that is another container. */
static struct str key_of(const struct asking *a, const struct cgroup_name *name)
{
	if (!name->has_user)
		return name->id;
	return arena_printf(a->maker.arena, "%u:%.*s", name->user, STR_ARG(name->id));
}

static void step(struct asking *a, struct ask *ask)
{
	struct kept *kept;

	ask->key = key_of(a, ask->name);
	kept = kept_find(&a->table, ask->key);
	/* Of groups with the same id the first counts, or they would be news to each other for
	 * ever. */
	if (kept && kept->seen)
		return;
	if (kept)
		kept->seen = true;
	if (!kept ||
	    (kept->failures ? kept_is_due(kept->asked, kept->failures, a->now)
			    : kept->group != ask->cgroup->id || kept->settings != a->settings))
		ask_for(a, ask, kept);
	else if (kept->watched_ns)
		look_again(a, kept);
}

/* --- names and health of those whose files one may not look at ----------------------------- */

static bool is_listed(const struct kept *kept, struct str path)
{
	return kept->source == SOURCE_SOCKET && !kept->failures && str_eq(kept->socket, path);
}

static bool wants_list(const struct asking *a, const struct kept *kept)
{
	int64_t refresh = a->maker.conf->refresh_ns / 1000000000;

	return kept->seen && is_listed(kept, kept->socket) && !kept->watched_ns &&
	       a->maker.conf->refresh_ns &&
	       (a->now < kept->asked || a->now - kept->asked >= refresh);
}

/* `prefix` is that of the keys of those whose socket it is. */
static void take_list(struct asking *a, struct str path, struct str prefix, struct json list)
{
	for (size_t i = 0; i < json_size(list); i++) {
		struct json one = json_at(list, i);
		struct str id = json_text(json_get(one, "Id"));
		struct kept *kept = kept_find(&a->table, ARENA_CONCAT(a->maker.arena, prefix, id));

		if (kept && is_listed(kept, path))
			(void)known_refresh(&a->maker, one, &kept->known);
	}
}

/* One request for all that a socket has told of; a bad answer will do for as long as a good one. */
static void refresh(struct asking *a)
{
	for (size_t i = 0; i < a->table.n; i++) {
		struct str path = a->table.v[i].socket, prefix = a->table.v[i].id;
		struct json list = { 0 };
		int r;

		if (!wants_list(a, &a->table.v[i]))
			continue;
		r = get(a, path, STR("/containers/json"), SOCKET_LIST_MAX, &list);
		if (r == -EAGAIN)
			continue;
		prefix.n -= id_of(&a->table.v[i]).n;
		take_list(a, path, prefix, list);
		json_release(&list);
		for (size_t k = 0; k < a->table.n; k++)
			if (is_listed(&a->table.v[k], path))
				a->table.v[k].asked = a->now;
		a->table.changed = true;
	}
}

/* --- all of it ------------------------------------------------------------------------------ */

static uint64_t hash_settings(const struct cgroup_conf *conf)
{
	const struct opt_list *lists[] = { &conf->labels, &conf->runtimes, &conf->sockets };
	uint64_t hash = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++)
			hash = (hash + i + 1) * 31 + str_hash(lists[i]->v[k]);
	return hash;
}

/* Said in each cycle in which somebody has no name: what is said once stays said. */
static void complain(struct asking *a, const struct ask_libs *libs, bool nameless)
{
	static const struct str library = { "libjansson.so.4", 15 };

	if (a->files.no_json)
		kept_socket_note(&a->table, library, str_of(a->files.no_json), a->now);
	else if (libs->json.loadb)
		kept_socket_note(&a->table, library, STR(""), a->now);
	for (size_t i = 0; nameless && i < a->table.n_sockets; i++)
		collect_note(a->c, a->table.sockets[i].path, "names of containers: %.*s: %.*s",
			     STR_ARG(a->table.sockets[i].path), STR_ARG(a->table.sockets[i].why));
}

static void start(struct asking *a, struct ask_libs *libs, struct arena *arena)
{
	int64_t timeout_ns = a->maker.conf->timeout_ns;

	a->now = clock_ns(CLOCK_REALTIME) / 1000000000;
	a->settings = hash_settings(a->maker.conf);
	a->sockets = (struct sockets){
		.curl = libs->curl,
		.loaded = libs->curl_loaded,
		.host = a->c->host,
		.arena = arena,
		.deadline_ns = clock_ns(CLOCK_MONOTONIC) + timeout_ns,
		.fair_ms = (long)(timeout_ns / 1000000 / 4),
	};
	a->files = (struct files){ .host = a->c->host, .scratch = arena, .lib = &libs->json };
	kept_load(&a->table, arena, state_get(a->c->state, state_key));
}

void ask_all(struct collect *c, const struct cgroup_conf *conf, struct ask_libs *libs,
	     struct arena *arena, size_t n, struct ask *asks)
{
	struct asking a = { .c = c, .maker = { arena, conf } };
	_cleanup_buf_ struct buf out = { 0 };
	bool nameless = false;

	start(&a, libs, arena);
	for (size_t i = 0; i < n && conf->runtimes.n; i++)
		step(&a, &asks[i]);
	refresh(&a);
	for (size_t i = 0; i < n; i++) {
		const struct kept *kept = kept_find(&a.table, asks[i].key);

		if (kept && kept->seen)
			asks[i].known = kept->known;
		nameless |= !kept || kept->source == SOURCE_NONE;
	}
	complain(&a, libs, nameless && conf->runtimes.n);
	sockets_close(&a.sockets);
	files_close(&a.files);
	libs->curl = a.sockets.curl;
	libs->curl_loaded = a.sockets.loaded;
	if (kept_save(&a.table, a.now, &out) && !out.err)
		state_set(c->state, state_key, buf_view(&out));
}
