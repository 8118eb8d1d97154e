/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/container/known.h"

#include <errno.h>
#include <fnmatch.h>
#include <time.h>

enum { PATH_LONG = 4096 };

/* Cut to KNOWN_TEXT_MAX, at the end of a character. */
static struct str keep_text(const struct known_maker *maker, struct str text)
{
	struct str rest = text, kept = { text.p, 0 };

	if (text.n > KNOWN_TEXT_MAX) {
		for (size_t n; (n = str_utf8_char(rest)) && kept.n + n <= KNOWN_TEXT_MAX;) {
			kept.n += n;
			rest = str_skip(rest, n);
		}
		text = kept;
	}
	return arena_str(maker->arena, text);
}

struct str known_path(const struct known_maker *maker, struct str text)
{
	struct str rest = text, part;

	if (!str_starts(text, STR("/")) || text.n > PATH_LONG)
		return STR("");
	while (str_cut(&rest, '/', &part))
		if (str_eq(part, STR("..")))
			return STR("");
	return arena_str(maker->arena, text);
}

static bool take_digits(struct str *rest, size_t n, char after, int *ret)
{
	int value = 0;

	if (rest->n < n + (after != '\0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (rest->p[i] < '0' || rest->p[i] > '9')
			return false;
		value = value * 10 + (rest->p[i] - '0');
	}
	if (after && rest->p[n] != after)
		return false;
	*rest = str_skip(*rest, n + (after != '\0'));
	*ret = value;
	return true;
}

/* "Z", "+01:00": seconds east of Greenwich. */
static bool take_zone(struct str rest, int64_t *ret)
{
	int hours, minutes;
	bool west = str_starts(rest, STR("-"));

	if (str_eq(rest, STR("Z"))) {
		*ret = 0;
		return true;
	}
	if (!west && !str_starts(rest, STR("+")))
		return false;
	rest = str_skip(rest, 1);
	if (!take_digits(&rest, 2, ':', &hours) || !take_digits(&rest, 2, '\0', &minutes) || rest.n)
		return false;
	*ret = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

int64_t known_time(struct str text)
{
	struct tm tm = { 0 };
	int64_t fraction = 0, scale = 100000000, zone, seconds;

	if (!take_digits(&text, 4, '-', &tm.tm_year) || !take_digits(&text, 2, '-', &tm.tm_mon) ||
	    !take_digits(&text, 2, 'T', &tm.tm_mday) || !take_digits(&text, 2, ':', &tm.tm_hour) ||
	    !take_digits(&text, 2, ':', &tm.tm_min) || !take_digits(&text, 2, '\0', &tm.tm_sec))
		return 0;
	if (str_starts(text, STR("."))) {
		text = str_skip(text, 1);
		for (; text.n && *text.p >= '0' && *text.p <= '9'; text = str_skip(text, 1)) {
			fraction += (*text.p - '0') * scale;
			scale /= 10;
		}
	}
	/* What counts nanoseconds in 64 bits ends in 2262. */
	if (tm.tm_year < 1970 || tm.tm_year > 2200 || !take_zone(text, &zone))
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	seconds = timegm(&tm) - zone;
	return seconds > 0 ? seconds * 1000000000 + fraction : 0;
}

static bool is_wanted(const struct cgroup_conf *conf, const char *key)
{
	for (size_t i = 0; i < conf->labels.n; i++)
		if (fnmatch(conf->labels.v[i].p, key, 0) == 0)
			return true;
	return false;
}

void known_label(const struct known_maker *maker, struct known *known, struct str key,
		 struct str value)
{
	static const struct str prefix = { "container_label_", 16 };

	if (!key.n || key.n > KNOWN_TEXT_MAX || !value.n || known->n_label == KNOWN_LABELS_MAX ||
	    !maker->conf->labels.n || !is_wanted(maker->conf, arena_cstr(maker->arena, key)))
		return;

	char *name = arena_alloc(maker->arena, prefix.n + key.n);
	struct str whole = { name, prefix.n + key.n };
	size_t size = whole.n + value.n;

	memcpy(name, prefix.p, prefix.n);
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];
		bool fine = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');

		name[prefix.n + i] = fine ? c : '_';
	}
	/* "a.b" and "a-b" are one name; the first has it. */
	for (size_t i = 0; i < known->n_label; i++) {
		if (str_eq(known->label[i].name, whole))
			return;
		size += known->label[i].name.n + known->label[i].value.n;
	}
	if (size > KNOWN_LABELS_SIZE)
		return;
	known->label = arena_grow(maker->arena, known->label, known->n_label, sizeof(struct label));
	known->label[known->n_label++] = (struct label){ whole, keep_text(maker, value) };
}

struct labelling {
	const struct known_maker *maker;
	struct known *known;
};

static bool add_label(void *arg, struct str key, struct json value)
{
	struct labelling *l = arg;

	known_label(l->maker, l->known, key, json_text(value));
	return l->known->n_label < KNOWN_LABELS_MAX;
}

static void add_labels(const struct known_maker *maker, struct known *known, struct json labels)
{
	json_each(labels, add_label, &(struct labelling){ maker, known });
}

static void fill_text(struct str *to, struct str text)
{
	if (!to->n)
		*to = text;
}

void known_merge(struct known *known, const struct known *more)
{
	fill_text(&known->name, more->name);
	fill_text(&known->image, more->image);
	fill_text(&known->pod, more->pod);
	fill_text(&known->namespace, more->namespace);
	fill_text(&known->inner, more->inner);
	fill_text(&known->layer, more->layer);
	known->sandbox |= more->sandbox;
	if (!known->created_ns)
		known->created_ns = more->created_ns;
	if (!known->n_label) {
		known->n_label = more->n_label;
		known->label = more->label;
	}
}

static void set_text(const struct known_maker *maker, struct str *to, struct json value)
{
	struct str text = json_text(value);

	if (text.n && !to->n)
		*to = keep_text(maker, text);
}

/* What kubelet writes at its containers, as labels (Docker) or annotations (CRI-O). */
static void set_pod(const struct known_maker *maker, struct known *known, struct json labels)
{
	set_text(maker, &known->inner, json_get(labels, "io.kubernetes.container.name"));
	set_text(maker, &known->pod, json_get(labels, "io.kubernetes.pod.name"));
	set_text(maker, &known->namespace, json_get(labels, "io.kubernetes.pod.namespace"));
	known->sandbox |=
		str_eq(json_text(json_get(labels, "io.kubernetes.docker.type")), STR("podsandbox"));
}

/* Docker writes "healthy", "unhealthy", "starting", "none"; Podman an empty text for none. */
static int health_of(struct str word)
{
	if (str_eq(word, STR("healthy")))
		return 1;
	return str_eq(word, STR("unhealthy")) || str_eq(word, STR("starting")) ? 0 : -1;
}

/* What Docker's file and its API have at the same places. */
static void docker_common(const struct known_maker *maker, struct json json, struct known *known)
{
	struct json state = json_get(json, "State"), labels = JSON_PATH(json, "Config", "Labels");
	struct str name = json_text(json_get(json, "Name"));
	int64_t pid = json_i64(json_get(state, "Pid"));

	known->name = keep_text(maker, str_skip(name, str_starts(name, STR("/"))));
	set_text(maker, &known->image, JSON_PATH(json, "Config", "Image"));
	known->created_ns = known_time(json_text(json_get(json, "Created")));
	known->started_ns = known_time(json_text(json_get(state, "StartedAt")));
	known->health = health_of(json_text(JSON_PATH(state, "Health", "Status")));
	known->pid = pid > 0 && pid <= INT32_MAX ? (uint32_t)pid : 0;
	set_pod(maker, known, labels);
	if (known->sandbox)
		known->inner = STR("POD");
	add_labels(maker, known, labels);
}

/*
 * Beside Docker's file of the host name lies the one that is written anew at each rename. Podman
 * has that in the directory of its layers.
 */
static void watch_file(const struct known_maker *maker, struct str place, struct known *known)
{
	static const struct str podman = { "/overlay-containers/", 20 };
	struct str layers = known->layer, path = STR("");

	if (str_ends(place, STR("/hostname")) && !memmem(place.p, place.n, podman.p, podman.n)) {
		place.n -= 8;
		path = ARENA_CONCAT(maker->arena, place, STR("config.v2.json"));
	} else {
		while (layers.n && !str_ends(layers, STR("/overlay/")))
			layers.n--;
		layers.n -= layers.n ? 9 : 0;
		if (layers.n)
			path = ARENA_CONCAT(maker->arena, layers, podman, STR("containers.json"));
	}
	known->watch = known_path(maker, path);
}

int known_docker_api(const struct known_maker *maker, struct json json, struct str id,
		     struct known *known)
{
	struct str place = json_text(json_get(json, "HostnamePath"));

	if (!str_eq(json_text(json_get(json, "Id")), id))
		return -EBADMSG;
	docker_common(maker, json, known);
	known->layer =
		known_path(maker, json_text(JSON_PATH(json, "GraphDriver", "Data", "UpperDir")));
	watch_file(maker, place, known);
	return 0;
}

int known_docker_file(const struct known_maker *maker, struct json json, struct str id,
		      struct known *known)
{
	if (!str_eq(json_text(json_get(json, "ID")), id))
		return -EBADMSG;
	docker_common(maker, json, known);
	return 0;
}

/* As containerd's and CRI-O's annotations have it. */
static void cri(const struct known_maker *maker, struct json notes, struct known *known)
{
	static const char *const types[] = { "io.kubernetes.cri.container-type",
					     "io.kubernetes.cri-o.ContainerType" };

	set_text(maker, &known->inner, json_get(notes, "io.kubernetes.cri.container-name"));
	set_text(maker, &known->pod, json_get(notes, "io.kubernetes.cri.sandbox-name"));
	set_text(maker, &known->namespace, json_get(notes, "io.kubernetes.cri.sandbox-namespace"));
	set_text(maker, &known->image, json_get(notes, "io.kubernetes.cri.image-name"));
	set_text(maker, &known->image, json_get(notes, "io.kubernetes.cri-o.ImageName"));
	set_text(maker, &known->name, json_get(notes, "io.kubernetes.cri-o.Name"));
	set_text(maker, &known->name, json_get(notes, "nerdctl/name"));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		known->sandbox |= str_eq(json_text(json_get(notes, types[i])), STR("sandbox"));
	known->created_ns = known_time(json_text(json_get(notes, "io.kubernetes.cri-o.Created")));
}

int known_oci(const struct known_maker *maker, struct json json, struct known *known)
{
	struct json notes = json_get(json, "annotations"), labels = { .lib = json.lib };
	struct str text;
	const char *why;

	if (!json_text(json_get(json, "ociVersion")).n)
		return -EBADMSG;
	known->health = -1;
	cri(maker, notes, known);
	set_pod(maker, known, notes);
	if (known->sandbox)
		known->inner = STR("POD");
	/* CRI-O has its labels as JSON in one annotation; containerd writes none. */
	text = json_text(json_get(notes, "io.kubernetes.cri-o.Labels"));
	if (text.n && json_parse(json.lib, text, &labels, &why) == 0) {
		add_labels(maker, known, labels);
		json_release(&labels);
	} else {
		add_labels(maker, known, notes);
	}
	return 0;
}

int known_storage(const struct known_maker *maker, struct json json, struct str id,
		  struct known *known)
{
	size_t n = json_size(json);

	for (size_t i = 0; i < n; i++) {
		struct json one = json_at(json, i), more = { .lib = json.lib };
		struct str text = json_text(json_get(one, "metadata"));
		const char *why;

		if (!str_eq(json_text(json_get(one, "id")), id))
			continue;
		known->health = -1;
		/* Of these the one is renamed with the container, and the other stays. */
		set_text(maker, &known->name, json_at(json_get(one, "names"), 0));
		known->created_ns = known_time(json_text(json_get(one, "created")));
		if (text.n && json_parse(json.lib, text, &more, &why) == 0) {
			set_text(maker, &known->name, json_get(more, "name"));
			set_text(maker, &known->image, json_get(more, "image-name"));
			json_release(&more);
		}
		return 0;
	}
	return -ENOENT;
}

/*
 * "Up 2 minutes (healthy)", "(unhealthy)", "(health: starting)". One that is paused says so
 * instead, and Podman says nothing: then it is as it was.
 */
static int health_of_status(struct str status, int was)
{
	if (str_ends(status, STR("(healthy)")))
		return 1;
	return str_ends(status, STR("(unhealthy)")) || str_ends(status, STR("starting)")) ? 0 : was;
}

bool known_refresh(const struct known_maker *maker, struct json one, struct known *known)
{
	struct json names = json_get(one, "Names");
	struct str name = known->name;
	int health = health_of_status(json_text(json_get(one, "Status")), known->health);

	/* A link to it from another one is "/other/name". */
	for (size_t i = 0; i < json_size(names); i++) {
		struct str text = json_text(json_at(names, i));

		text = str_skip(text, str_starts(text, STR("/")));
		if (text.n && str_find(text, '/') == text.n) {
			name = keep_text(maker, text);
			break;
		}
	}
	if (str_eq(name, known->name) && health == known->health)
		return false;
	known->name = name;
	known->health = health;
	return true;
}
