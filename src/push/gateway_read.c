/* SPDX-License-Identifier: Apache-2.0 */
#include "push/gateway.h"

#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_pull.h"
#include "base/num.h"
#include "push/gateway_internal.h"

enum { LABELS_MAX = 256, INSTANCES_MAX = 64, SKEW_MIN = 5 };

const struct str *gateway_label(const struct gateway_group *group, struct str name)
{
	for (uint32_t i = 0; i < group->n; i++)
		if (str_eq(group->labels[i].name, name))
			return &group->labels[i].value;
	return NULL;
}

bool gateway_own_time(struct str name)
{
	return str_eq(name, STR("push_time_seconds")) ||
	       str_eq(name, STR("push_failure_time_seconds"));
}

static enum sink_result get(struct sink *sink, struct str path, int64_t timeout_ns, size_t max,
			    struct arena *arena, struct sink_reply *ret)
{
	struct sink_request request = {
		.method = SINK_GET,
		.path = path,
		.timeout_ns = timeout_ns,
		.reply_max = max,
	};

	return sink_send(sink, &request, NULL, arena, ret);
}

/* A path of the gateway's own telling goes into a request: only if it looks like one. */
static bool path_like(struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '/' || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return path.n && path.n < 200 && path.p[0] == '/';
}

static void read_flags(struct gateway *g, struct json_pull *pull)
{
	struct str key, value;

	if (!json_pull_enter(pull, '{'))
		return;
	while (json_pull_key(pull, &key)) {
		value = json_pull_text(pull);
		if (str_eq(key, STR("persistence.file")))
			g->persistence = arena_str(&g->arena, value);
		else if (str_eq(key, STR("push.disable-consistency-check")))
			g->unchecked = str_eq(value, STR("true"));
		else if (str_eq(key, STR("push.enable-utf8-names")))
			g->utf8_names = str_eq(value, STR("true"));
		else if (str_eq(key, STR("web.enable-admin-api")))
			g->admin = str_eq(value, STR("true"));
		else if (str_eq(key, STR("web.telemetry-path")) && path_like(value))
			g->telemetry = arena_str(&g->arena, value);
	}
}

static bool read_status(struct gateway *g, struct str body, struct arena *scratch)
{
	struct json_pull pull = { .rest = body, .arena = scratch };
	bool found = false;
	struct str key;

	if (!json_pull_enter(&pull, '{'))
		return false;
	while (json_pull_key(&pull, &key)) {
		if (!str_eq(key, STR("data")) || !json_pull_enter(&pull, '{')) {
			if (!str_eq(key, STR("data")))
				json_pull_skip(&pull);
			continue;
		}
		while (json_pull_key(&pull, &key)) {
			if (str_eq(key, STR("flags"))) {
				read_flags(g, &pull);
			} else if (str_eq(key, STR("start_time"))) {
				g->start_time = arena_str(&g->arena, json_pull_text(&pull));
			} else if (str_eq(key, STR("build_information")) &&
				   json_pull_enter(&pull, '{')) {
				found = true;
				while (json_pull_key(&pull, &key))
					if (str_eq(key, STR("version")))
						g->version =
							arena_str(&g->arena, json_pull_text(&pull));
					else
						json_pull_skip(&pull);
			} else {
				json_pull_skip(&pull);
			}
		}
	}
	return found;
}

static int by_name(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	return str_cmp(x->name, y->name);
}

/* {"name":"value"}, sorted. */
static uint32_t read_labels(struct json_pull *pull, struct label *ret)
{
	struct str key, value;
	uint32_t n = 0;

	if (!json_pull_enter(pull, '{'))
		return 0;
	while (json_pull_key(pull, &key)) {
		value = json_pull_text(pull);
		if (n < LABELS_MAX)
			ret[n++] = (struct label){ key, value };
	}
	if (n)
		qsort(ret, n, sizeof(*ret), by_name);
	return n;
}

static struct label *keep_labels(struct arena *arena, const struct label *labels, uint32_t n)
{
	struct label *kept = arena_zalloc(arena, n + 1, sizeof(*kept));

	for (uint32_t i = 0; i < n; i++)
		kept[i] = labels[i];
	return kept;
}

/* What is known of one family after it has been read. */
struct reading {
	struct str type, help, stamp, colon;
	uint32_t series;
	double value; /* of the last series */
	const struct label *labels;
	uint32_t n;
};

static void note_instance(struct gateway *g, struct gateway_group *group,
			  const struct label *labels, uint32_t n)
{
	struct str value = { 0 };

	for (uint32_t i = 0; i < n; i++)
		if (str_eq(labels[i].name, STR("instance")))
			value = labels[i].value;
	if (!value.n || group->n_instances == INSTANCES_MAX)
		return;
	for (uint32_t i = 0; i < group->n_instances; i++)
		if (str_eq(group->instances[i], value))
			return;
	group->instances =
		arena_grow(&g->arena, group->instances, group->n_instances, sizeof(value));
	group->instances[group->n_instances++] = value;
}

static void note_colon(const struct label *labels, struct reading *r)
{
	for (uint32_t i = 0; i < r->n && !r->colon.n; i++)
		if (labels[i].name.n && memchr(labels[i].name.p, ':', labels[i].name.n))
			r->colon = labels[i].name;
}

static void read_series(struct gateway *g, struct gateway_group *group, struct json_pull *pull,
			struct label *labels, struct reading *r)
{
	struct str key;

	while (json_pull_item(pull)) {
		r->n = 0;
		r->value = 0;
		if (!json_pull_enter(pull, '{'))
			continue;
		r->series++;
		while (json_pull_key(pull, &key)) {
			if (str_eq(key, STR("labels"))) {
				r->n = read_labels(pull, labels);
				note_instance(g, group, labels, r->n);
				note_colon(labels, r);
			} else if (str_eq(key, STR("value"))) {
				(void)num_f64(json_pull_text(pull), &r->value);
			} else {
				json_pull_skip(pull);
			}
		}
	}
}

/* A family, entered already. */
static void read_family(struct gateway *g, struct gateway_group *group, struct json_pull *pull,
			struct label *labels, struct reading *r)
{
	struct str key;

	*r = (struct reading){ .labels = labels };
	while (json_pull_key(pull, &key)) {
		if (str_eq(key, STR("type")))
			r->type = json_pull_text(pull);
		else if (str_eq(key, STR("help")))
			r->help = json_pull_text(pull);
		else if (str_eq(key, STR("time_stamp")))
			r->stamp = json_pull_text(pull);
		else if (!str_eq(key, STR("metrics")))
			json_pull_skip(pull);
		else if (json_pull_enter(pull, '['))
			read_series(g, group, pull, labels, r);
	}
}

/* "2026-11-21T21:13:13.589920793Z", the gateway's own time of what was stored; 0: none. */
static double stamp_seconds(struct str stamp)
{
	struct tm tm = { 0 };
	char copy[20] = "";

	if (stamp.n < 20 || !str_ends(stamp, STR("Z")))
		return 0;
	memcpy(copy, stamp.p, 19);
	return strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm) ? (double)timegm(&tm) : 0;
}

/* When it refuses a push the gateway writes the time itself: to the second that of the stamp. */
static void judge_failure_time(struct gateway_group *group, const struct reading *r)
{
	double stamp = stamp_seconds(r->stamp), apart = r->value - stamp;
	bool gauge = str_eq(r->type, STR("GAUGE"));

	group->failed_at = r->value;
	group->foreign_type = !gauge;
	if (!gauge || r->series != 1 || r->n > group->n + 1)
		group->spoofed = true;
	else if (stamp > 0 && (r->value < 0 || r->value > 0))
		group->spoofed = !(apart > -2 && apart < 2);
}

static void remember(struct gateway_group *group, struct str name, const struct reading *r)
{
	static const struct {
		struct str name;
		size_t offset;
	} kept[] = {
#define KEPT(name, member) { { name, sizeof(name) - 1 }, offsetof(struct gateway_group, member) }
		KEPT("push_time_seconds", pushed),
		KEPT("peekpush_running", running),
		KEPT("peekpush_interval_seconds", interval),
		KEPT("peekpush_job_running", jobs),
		KEPT("peekpush_job_expected_interval_seconds", expected),
		KEPT("peekpush_job_last_success_timestamp_seconds", success),
	};

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (str_eq(name, kept[i].name))
			*(double *)((char *)group + kept[i].offset) = r->value;
	if (str_eq(name, STR("push_failure_time_seconds")))
		judge_failure_time(group, r);
}

/*
 * A family whose name the API uses itself hides what it would say there. The times have the
 * group's labels, and an empty instance where it has none.
 */
static void labels_of_time(struct gateway *g, struct gateway_group *group, const struct reading *r)
{
	struct label kept[LABELS_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (r->labels[i].value.n || !str_eq(r->labels[i].name, STR("instance")))
			kept[n++] = r->labels[i];
	group->labels = keep_labels(&g->arena, kept, n);
	group->n = n;
}

static bool is_family(struct str name, const struct json_pull *pull)
{
	struct json_pull look = *pull;
	struct str key;

	if (str_eq(name, STR("last_push_successful")))
		return json_pull_enter(&look, '{');
	if (!str_eq(name, STR("labels")))
		return true;
	/* The labels come in an object, too: sorted, so that `job` comes before a `time_stamp`. */
	return json_pull_enter(&look, '{') && json_pull_key(&look, &key) &&
	       str_eq(key, STR("time_stamp"));
}

static void add_family(struct gateway *g, struct str name, const struct reading *r)
{
	g->families = arena_grow(&g->arena, g->families, g->n_families, sizeof(*g->families));
	g->families[g->n_families++] = (struct gateway_family){
		.name = name,
		.type = r->type,
		.help = r->help,
		.colon = r->colon,
		.group = (uint32_t)g->n_groups,
		.series = r->series,
	};
}

static void read_group(struct gateway *g, struct gateway_group *group, struct json_pull *pull)
{
	struct label labels[LABELS_MAX];
	bool told = false;
	struct str name;

	*group = (struct gateway_group){ .running = -1, .jobs = -1, .first = g->n_families };
	while (json_pull_key(pull, &name)) {
		struct reading r;

		if (!is_family(name, pull)) {
			if (str_eq(name, STR("last_push_successful"))) {
				group->failed = !json_pull_yes(pull);
				continue;
			}
			group->n = read_labels(pull, labels);
			group->labels = keep_labels(&g->arena, labels, group->n);
			told = true;
			continue;
		}
		if (!json_pull_enter(pull, '{'))
			continue;
		read_family(g, group, pull, labels, &r);
		group->hidden |=
			str_eq(name, STR("labels")) || str_eq(name, STR("last_push_successful"));
		group->series += r.series;
		if (!gateway_own_time(name))
			add_family(g, name, &r);
		else if (!told)
			labels_of_time(g, group, &r);
		remember(group, name, &r);
		if (g->n_families >= GATEWAY_FAMILIES_MAX)
			pull->bad = true;
	}
	group->n_families = (uint32_t)(g->n_families - group->first);
	for (size_t i = group->first; i < g->n_families; i++)
		if (gateway_label(group, g->families[i].colon))
			g->families[i].colon = (struct str){ 0 };
	g->n_labels += group->n;
	if (g->n_labels > GATEWAY_LABELS_MAX)
		pull->bad = true;
	if (group->hidden)
		group->failed = group->failed_at > group->pushed;
	group->exact = true;
	for (uint32_t i = 0; i < group->n; i++)
		group->exact &= !memmem(group->labels[i].value.p ? group->labels[i].value.p : "",
					group->labels[i].value.n, "\xef\xbf\xbd", 3);
}

static bool read_groups(struct gateway *g, struct str body)
{
	struct json_pull pull = { .rest = body, .arena = &g->arena };
	bool data = false;
	struct str key;

	if (!json_pull_enter(&pull, '{'))
		return false;
	while (json_pull_key(&pull, &key)) {
		if (!str_eq(key, STR("data"))) {
			json_pull_skip(&pull);
			continue;
		}
		data = json_pull_enter(&pull, '[');
		while (data && json_pull_item(&pull)) {
			if (!json_pull_enter(&pull, '{'))
				continue;
			if (g->n_groups == GATEWAY_GROUPS_MAX)
				return false;
			g->groups =
				arena_grow(&g->arena, g->groups, g->n_groups, sizeof(*g->groups));
			read_group(g, &g->groups[g->n_groups], &pull);
			g->n_series += g->groups[g->n_groups++].series;
		}
	}
	return data && !pull.bad;
}

static void fetch_groups(struct gateway *g, struct sink *sink, int64_t timeout_ns)
{
	struct sink_reply reply;

	/* Into the arena of the whole: names and labels are slices of the answer. */
	enum sink_result result =
		get(sink, STR("/api/v1/metrics"), timeout_ns, GATEWAY_REPLY_MAX, &g->arena, &reply);

	if (result != SINK_OK)
		g->unknown = reply.message;
	else if (reply.cut)
		g->unknown = STR("it has more than 100 MB to say");
	else if (!read_groups(g, reply.body))
		g->unknown = STR("the answer is not what a Pushgateway says");
	g->known = !g->unknown.n;
	if (!g->known)
		g->n_families = 0;
}

static void set_clock(struct gateway *g, const struct sink_reply *reply)
{
	int64_t ours = (int64_t)time(NULL);

	g->skew = reply->date ? reply->date - ours : 0;
	/* The answer tells whole seconds, and has been under way. */
	if (g->skew > -SKEW_MIN && g->skew < SKEW_MIN)
		g->skew = 0;
	g->now = (double)clock_ns(CLOCK_REALTIME) / 1e9 + (double)g->skew;
}

enum sink_result gateway_read(struct gateway *g, struct sink *sink, int64_t quick_ns,
			      int64_t slow_ns, struct str *ret_why)
{
	_cleanup_arena_ struct arena scratch = { 0 };
	struct sink_reply reply;
	enum sink_result result;

	*g = (struct gateway){ .telemetry = STR("/metrics") };
	result = get(sink, STR("/api/v1/status"), quick_ns, 0, &scratch, &reply);
	*ret_why = arena_str(&g->arena, reply.message);
	if (result == SINK_DOWN || result == SINK_UNKNOWN || reply.status == 401 ||
	    reply.status == 403 || !reply.status)
		return result == SINK_OK ? SINK_DOWN : result;
	if (result != SINK_OK || !read_status(g, reply.body, &scratch)) {
		*ret_why = arena_printf(&g->arena,
					"no Pushgateway is at this URL, is its path right? %.*s",
					STR_ARG(reply.message));
		return SINK_MISCONFIGURED;
	}
	set_clock(g, &reply);
	arena_reset(&scratch);
	g->ready = get(sink, STR("/-/ready"), quick_ns, 0, &scratch, &reply) == SINK_OK;
	if (!g->ready)
		g->unready = arena_str(&g->arena, reply.message);
	fetch_groups(g, sink, slow_ns);
	gateway_scrape(g, sink, slow_ns);
	if (!g->known)
		gateway_page(g, sink, slow_ns);
	return SINK_OK;
}

void gateway_release(struct gateway *g)
{
	arena_release(&g->arena);
	*g = (struct gateway){ 0 };
}
