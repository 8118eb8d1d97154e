/* SPDX-License-Identifier: Apache-2.0 */
#include "push/deliver.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "encode/encoder.h"
#include "metric/scan.h"
#include "push/gzip.h"
#include "push/visible.h"

enum {
	ROUNDS_MAX = 4,         /* attempts with fewer families after a refusal */
	REJECTED_SECONDS = 600, /* then a refused family is tried again */
	PAGE_MAX = 64 << 20,    /* of what a gateway holds is looked at */
	GZIP_MIN = 1024,
	GZIP_LEVEL = 1, /* half the time of 6 for nine tenths of the gain */
};

static const struct str status_path = { "/api/v1/status", 14 };
static const char version_key[] = "\"version\":";

static struct str state_key(struct target *target, struct arena *arena, const char *what)
{
	return arena_printf(arena, "%.*s.%s", STR_ARG(target->key), what);
}

/*
 * Over loopback packing takes more time than it saves anybody: a Pushgateway unpacks before
 * it parses, and no wire is in between.
 */
static bool wants_gzip(const struct target *target)
{
	static const struct str local[] = { { "//127.", 6 },
					    { "//localhost", 11 },
					    { "//[::1]", 7 } };
	struct str url = target->conf.sink.url;

	if (!target->sink.type->remote || target->conf.compression == TARGET_GZIP_NEVER)
		return false;
	if (target->conf.compression == TARGET_GZIP_ALWAYS)
		return true;
	url = str_skip(url, str_find(url, ':') + 1);
	for (size_t i = 0; i < ARRAY_SIZE(local); i++)
		if (str_starts(url, local[i]))
			return false;
	return true;
}

int target_open(struct target *target, const struct target_conf *conf, struct state *state,
		struct str *ret_why)
{
	struct buf path = { 0 };
	int r;

	*target = (struct target){ .conf = *conf, .state = state };
	r = group_path(&conf->group, &path, &target->arena, ret_why);
	if (r == 0)
		r = path.err;
	if (r == 0) {
		struct buf *id = &target->names;

		target->path = arena_str(&target->arena, buf_view(&path));
		buf_str(id, conf->sink.url);
		buf_str(id, target->path);
		target->key = arena_printf(&target->arena, "target.%016llx",
					   (unsigned long long)str_hash(buf_view(id)));
		r = sink_open(&target->sink, &target->conf.sink, ret_why);
		target->gzip = r == 0 && wants_gzip(target);
	}
	buf_release(&path);
	return r;
}

void target_close(struct target *target)
{
	sink_close(&target->sink);
	buf_release(&target->body);
	buf_release(&target->packed);
	buf_release(&target->names);
	arena_release(&target->arena);
	*target = (struct target){ 0 };
}

const char *sink_result_name(enum sink_result result)
{
	static const char *const names[] = {
		[SINK_OK] = "delivered",
		[SINK_OK_UNTYPED] = "delivered",
		[SINK_REFUSED] = "refused",
		[SINK_MISCONFIGURED] = "misconfigured",
		[SINK_DOWN] = "unreachable",
		[SINK_UNKNOWN] = "unknown",
		[SINK_INTERRUPTED] = "interrupted",
	};

	return names[result];
}

/* One request with what is left of the time. What is written locally is written, however late. */
static enum sink_result send(struct target *target, struct sink_request *request, int64_t deadline,
			     const struct sink_waiter *waiter, struct arena *scratch,
			     struct sink_reply *ret)
{
	*ret = (struct sink_reply){ 0 };
	request->timeout_ns = deadline - clock_ns(CLOCK_MONOTONIC);
	if (request->timeout_ns <= 0 && target->sink.type->remote) {
		ret->message = STR("no time left for another attempt");
		return SINK_DOWN;
	}
	return sink_send(&target->sink, request, waiter, scratch, ret);
}

static void note(struct delivery *d, enum sink_result result, const struct sink_reply *reply)
{
	d->result = result;
	d->status = reply->status;
	d->message = reply->message;
}

/*
 * What answers there? Only a Pushgateway has /api/v1/status with build_information;
 * VictoriaMetrics takes protobuf with 204 and stores nothing. The answer is remembered.
 */
static int probe_format(struct target *target, int64_t deadline, const struct sink_waiter *waiter,
			struct arena *scratch, struct delivery *d, enum target_format *ret)
{
	struct str key = state_key(target, scratch, "format");
	struct str known = state_get(target->state, key);
	struct sink_request request = { .method = SINK_GET, .path = STR("/api/v1/status") };
	struct sink_reply reply;

	*ret = TARGET_TEXT;
	if (!target->sink.type->remote)
		return 0;
	if (target->conf.format != TARGET_AUTO) {
		*ret = target->conf.format;
		return 0;
	}
	if (known.n) {
		*ret = str_eq(known, STR("protobuf")) ? TARGET_PROTOBUF : TARGET_TEXT;
		return 0;
	}

	enum sink_result result = send(target, &request, deadline, waiter, scratch, &reply);

	if (result == SINK_DOWN || result == SINK_UNKNOWN || result == SINK_INTERRUPTED ||
	    reply.status == 401) {
		note(d, result == SINK_UNKNOWN ? SINK_DOWN : result, &reply);
		return -EAGAIN;
	}
	if (result == SINK_OK && reply.body.n &&
	    memmem(reply.body.p, reply.body.n, "\"build_information\"", 19))
		*ret = TARGET_PROTOBUF;
	state_set(target->state, key, *ret == TARGET_PROTOBUF ? STR("protobuf") : STR("text"));
	return 0;
}

static void encode(struct target *target, const struct metrics *metrics, enum target_format format,
		   struct sink_request *request)
{
	const struct encoder *encoder = format == TARGET_PROTOBUF ? &encoder_proto : &encoder_text;

	buf_reset(&target->body);
	buf_reset(&target->packed);
	encoder->encode(metrics, &target->body);
	request->content_type = encoder->content_type;
	request->body = buf_view(&target->body);
	request->gzipped = target->gzip && target->body.n >= GZIP_MIN &&
			   gzip_pack(request->body, GZIP_LEVEL, &target->packed) == 0;
	if (request->gzipped)
		request->body = buf_view(&target->packed);
}

/* The names of all families that have samples, joined by blanks. */
static struct str family_names(struct target *target, const struct metrics *metrics)
{
	buf_reset(&target->names);
	for (const struct family *f = metrics->first; f; f = f->next) {
		if (!f->series)
			continue;
		if (target->names.n)
			buf_char(&target->names, ' ');
		buf_str(&target->names, f->name);
	}
	return buf_view(&target->names);
}

/*
 * Decides on PUT and enters what is about to be sent into the known set, before it is sent: a
 * process that dies in between must not have sent what nobody remembers.
 */
static bool must_put(struct target *target, const struct metrics *metrics, struct arena *scratch)
{
	struct str key = state_key(target, scratch, "families");
	struct str known = state_get(target->state, key), now = family_names(target, metrics);
	struct str rest = known, name;
	bool vanished = false;

	if (target->conf.always_put || !known.n)
		return true;
	if (str_eq(known, now))
		return false;

	struct buf all = { 0 };

	buf_str(&all, now);
	while (str_cut(&rest, ' ', &name)) {
		const struct family *f = metrics_find(metrics, name);

		if (f && f->series)
			continue;
		vanished = true;
		buf_char(&all, ' ');
		buf_str(&all, name);
	}
	if (!all.err)
		state_set(target->state, key, buf_view(&all));
	buf_release(&all);
	if (target->save)
		target->save(target->save_arg);
	return vanished;
}

/* After a delivery: what the gateway now holds of this group, as far as one can know. */
static void remember_families(struct target *target, const struct metrics *metrics,
			      const struct delivery *d, struct arena *scratch)
{
	struct str key = state_key(target, scratch, "families");

	if (d->put && (d->result == SINK_OK || d->result == SINK_OK_UNTYPED))
		state_set(target->state, key, family_names(target, metrics));
	else if (d->result == SINK_UNKNOWN || d->result == SINK_INTERRUPTED)
		state_unset(target->state, key);
}

/* Families refused a short while ago stay out, so that each cycle costs one request. */
void target_drop_rejected(struct target *target, struct metrics *metrics, struct arena *scratch)
{
	struct str names_key = state_key(target, scratch, "rejected");
	struct str until_key = state_key(target, scratch, "rejected_until");
	struct str rest = state_get(target->state, names_key), name;
	uint64_t now = (uint64_t)time(NULL), until = state_u64(target->state, until_key, 0);

	if (!rest.n)
		return;
	/* A time far ahead means that the clock was set back: forget. */
	if (now >= until || until - now > REJECTED_SECONDS) {
		state_unset(target->state, names_key);
		state_unset(target->state, until_key);
		return;
	}
	while (str_cut(&rest, ' ', &name)) {
		struct family *f = metrics_find(metrics, name);

		if (f)
			metrics_reject(metrics, f);
	}
}

/* The family of ours that a word of the gateway's message speaks of, or NULL. */
static struct family *named_family(const struct metrics *metrics, struct str word)
{
	static const struct str suffixes[] = {
		{ "", 0 }, { "_sum", 4 }, { "_count", 6 }, { "_bucket", 7 }
	};

	for (size_t i = 0; i < 4; i++) {
		struct family *f;

		if (!str_ends(word, suffixes[i]))
			continue;
		f = metrics_find(metrics, (struct str){ word.p, word.n - suffixes[i].n });
		if (f && f->series && (i == 0 || f->type >= METRIC_HISTOGRAM))
			return f;
	}
	return NULL;
}

/* A list of names, however long: one that were cut could be the name of another family. */
static struct str add_name(struct arena *scratch, struct str names, struct str name)
{
	return arena_printf(scratch, "%.*s%s%.*s", (int)names.n, names.p, names.n ? " " : "",
			    (int)name.n, name.p);
}

static void remember_rejected(struct target *target, struct arena *scratch,
			      const struct delivery *d)
{
	struct str key = state_key(target, scratch, "rejected");

	state_set(target->state, key,
		  add_name(scratch, state_get(target->state, key), d->rejected));
	state_set_u64(target->state, state_key(target, scratch, "rejected_until"),
		      (uint64_t)time(NULL) + REJECTED_SECONDS);
}

/*
 * The gateway names the culprit in one of these ways (client_golang's registry, 1.5 and later):
 * collected metric "x" {...}; collected metric named "x"; gathered metric family x has type.
 */
static bool reject_named(struct target *target, struct metrics *metrics, struct str text,
			 struct arena *scratch, struct delivery *d)
{
	bool any = false, after_name = false;
	struct str word;

	while (str_word(&text, &word)) {
		struct str bare = word;
		bool quoted = bare.n > 2 && bare.p[0] == '"';

		if (quoted)
			bare = str_between(bare.p + 1,
					   bare.p + 1 + str_find(str_skip(bare, 1), '"'));

		struct family *f = quoted || after_name ? named_family(metrics, bare) : NULL;

		after_name = str_eq(word, STR("metric")) || str_eq(word, STR("named")) ||
			     str_eq(word, STR("family"));
		if (!f)
			continue;
		metrics_reject(metrics, f);
		d->rejected = add_name(scratch, d->rejected, f->name);
		any = true;
	}
	if (any)
		remember_rejected(target, scratch, d);
	return any;
}

/* The text of "key":"..." in a JSON answer that is known to be simple there. */
static struct str json_text(struct str json, const char *quoted_key)
{
	const char *at = json.n ? memmem(json.p, json.n, quoted_key, strlen(quoted_key)) : NULL;
	struct str rest;

	if (!at)
		return (struct str){ 0 };
	rest = str_between(at + strlen(quoted_key), json.p + json.n);
	rest = str_skip(rest, str_find(rest, '"') + 1);
	return (struct str){ rest.p, str_find(rest, '"') };
}

/*
 * Pushgateway 1.11.0 dies of its own log line about a refused push: nothing is stored, and nothing
 * answered. What it holds tells which families of ours have another type there. Of no other is so
 * much asked, lest all hosts together ask it of one that is just coming up again.
 */
static bool is_speechless(struct target *target, int64_t deadline, const struct sink_waiter *waiter,
			  struct arena *scratch)
{
	struct sink_request request = { .method = SINK_GET, .path = status_path };
	struct sink_reply reply;

	return send(target, &request, deadline, waiter, scratch, &reply) == SINK_OK &&
	       str_eq(json_text(reply.body, version_key), STR("1.11.0"));
}

static bool reject_other_types(struct target *target, struct metrics *metrics, int64_t deadline,
			       const struct sink_waiter *waiter, struct arena *scratch,
			       struct delivery *d)
{
	struct sink_request request = {
		.method = SINK_GET,
		.path = STR("/metrics"),
		.reply_max = PAGE_MAX,
	};
	struct sink_reply reply;
	struct scan_item item;
	struct scan scan;

	if (!is_speechless(target, deadline, waiter, scratch) ||
	    send(target, &request, deadline, waiter, scratch, &reply) != SINK_OK)
		return false;
	scan_begin(&scan, reply.body, scratch);
	while (scan_next_header(&scan, &item)) {
		struct family *f = item.kind == SCAN_TYPE ? metrics_find(metrics, item.name) : NULL;

		if (!f || !f->series || f->type == item.type)
			continue;
		metrics_reject(metrics, f);
		d->rejected = add_name(scratch, d->rejected, f->name);
	}
	if (d->rejected.n)
		remember_rejected(target, scratch, d);
	return d->rejected.n > 0;
}

void target_deliver(struct target *target, struct metrics *metrics,
		    const struct sink_waiter *waiter, struct arena *scratch, struct delivery *d)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + target->conf.timeout_ns;
	enum target_format format;
	struct sink_reply reply;

	*d = (struct delivery){ 0 };
	target_drop_rejected(target, metrics, scratch);
	if (probe_format(target, deadline, waiter, scratch, d, &format) < 0)
		return;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct sink_request request = { .path = target->path };

		d->put = must_put(target, metrics, scratch);
		request.method = d->put ? SINK_PUT : SINK_POST;
		encode(target, metrics, format, &request);
		if (target->body.err) {
			d->result = SINK_REFUSED;
			d->message = str_of(strerror(-target->body.err));
			return;
		}
		d->bytes = request.body.n;
		note(d, send(target, &request, deadline, waiter, scratch, &reply), &reply);
		if (d->result == SINK_OK_UNTYPED && format == TARGET_PROTOBUF) {
			/* Something else than before answers here, and it stored nothing. */
			format = TARGET_TEXT;
			state_set(target->state, state_key(target, scratch, "format"), STR("text"));
			continue;
		}
		if (reply.hung_up && !d->rejected.n &&
		    reject_other_types(target, metrics, deadline, waiter, scratch, d))
			continue;
		if (d->result != SINK_REFUSED ||
		    !reject_named(target, metrics, reply.body, scratch, d))
			break;
	}
	/* Whoever answers like this may be another server by the next cycle: ask again. */
	if (d->result == SINK_MISCONFIGURED || d->result == SINK_REFUSED)
		state_unset(target->state, state_key(target, scratch, "format"));
	remember_families(target, metrics, d, scratch);
}

void target_delete(struct target *target, const struct sink_waiter *waiter, struct arena *scratch,
		   struct delivery *d)
{
	struct sink_request request = { .method = SINK_DELETE, .path = target->path };
	struct sink_reply reply;

	*d = (struct delivery){ 0 };
	note(d,
	     send(target, &request, clock_ns(CLOCK_MONOTONIC) + target->conf.timeout_ns, waiter,
		  scratch, &reply),
	     &reply);
	state_unset(target->state, state_key(target, scratch, "families"));
}

/*
 * Whether pushes would be taken by what is no Pushgateway, or one that hides its API; nothing is
 * stored. A Pushgateway refuses to GET a group. Whoever does not would have to take an empty POST.
 */
static void probe_group(struct target *target, int64_t deadline, struct arena *scratch,
			struct delivery *d)
{
	struct sink_request request = { .method = SINK_GET, .path = target->path };
	struct str trouble;
	struct sink_reply reply;

	note(d, send(target, &request, deadline, NULL, scratch, &reply), &reply);
	if (reply.status != 405) {
		request.method = SINK_POST;
		request.content_type = encoder_text.content_type;
		note(d, send(target, &request, deadline, NULL, scratch, &reply), &reply);
	}
	if (reply.status == 405 && request.method == SINK_GET)
		d->result = SINK_OK;
	if (d->result == SINK_OK || d->result == SINK_OK_UNTYPED) {
		d->result = SINK_OK;
		d->message = STR("answers, but is no Pushgateway; gets text");
		return;
	}
	trouble = reply.message;
	d->message = arena_printf(scratch, "no Pushgateway is at this URL, is its path right? %.*s",
				  STR_ARG(trouble));
}

void target_probe(struct target *target, struct arena *scratch, struct delivery *d)
{
	struct sink_request request = { .method = SINK_GET, .path = status_path };
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + target->conf.timeout_ns;
	struct sink_reply reply;
	struct str version;

	*d = (struct delivery){ .message = STR("written locally, nothing to reach") };
	if (!target->sink.type->remote)
		return;
	note(d, send(target, &request, deadline, NULL, scratch, &reply), &reply);
	if (d->result == SINK_OK &&
	    memmem(reply.body.p, reply.body.n, "\"build_information\"", 19)) {
		version = visible(scratch, json_text(reply.body, version_key), 60);
		d->message = arena_printf(scratch, "Pushgateway %.*s", STR_ARG(version));
	} else if (d->result != SINK_DOWN && d->result != SINK_UNKNOWN && reply.status != 401 &&
		   reply.status != 403 && reply.status) {
		probe_group(target, deadline, scratch, d);
	}
}
