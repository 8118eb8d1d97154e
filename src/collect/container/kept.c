/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every field is "LENGTH:TEXT", so that a name may hold what it wants. The value begins with the
 * number of the form, which changes with the fields.
 */
#include "collect/container/kept.h"

#include "base/num.h"

enum { FORGET_SECONDS = 300, RETRY_SECONDS = 60, RETRY_MAX = 3600, SOCKETS_MAX = 64 };

static const struct str form = { "1", 1 };

static void put(struct buf *out, struct str text)
{
	buf_u64(out, text.n);
	buf_char(out, ':');
	buf_str(out, text);
}

static void put_number(struct buf *out, int64_t value)
{
	char text[NUM_TEXT_MAX];

	/* No time or number here is negative but health's -1. */
	put(out, value < 0 ? STR("-1") : (struct str){ text, num_print_u64(text, value) });
}

static void put_id(struct buf *out, uint64_t value)
{
	char text[NUM_TEXT_MAX];

	put(out, (struct str){ text, num_print_u64(text, value) });
}

struct reader {
	struct arena *arena;
	struct str rest;
	bool bad;
};

static struct str take(struct reader *r)
{
	uint64_t n;
	struct str text;

	if (!num_take_u64(&r->rest, &n) || !str_starts(r->rest, STR(":")) || n > r->rest.n - 1) {
		r->bad = true;
		r->rest = (struct str){ 0 };
		return r->rest;
	}
	text = (struct str){ r->rest.p + 1, n };
	r->rest = str_skip(r->rest, n + 1);
	return text;
}

/* NUL-ended, and free of the value that it stood in. */
static struct str take_text(struct reader *r)
{
	struct str text = take(r);

	return text.n ? arena_str(r->arena, text) : text;
}

static int64_t take_number(struct reader *r)
{
	int64_t value = 0;

	/* Times are reckoned with: what was never written here could overflow. */
	if (num_i64(take(r), &value) < 0 || value < -1) {
		r->bad = true;
		return 0;
	}
	return value;
}

static uint64_t take_id(struct reader *r)
{
	uint64_t value = 0;

	if (num_u64(take(r), &value) < 0)
		r->bad = true;
	return value;
}

static void put_kept(struct buf *out, const struct kept *kept)
{
	const struct known *known = &kept->known;

	put(out, STR("c"));
	put(out, kept->id);
	put_id(out, kept->group);
	put_id(out, kept->settings);
	put_number(out, kept->asked);
	put_number(out, kept->gone);
	put_number(out, kept->failures);
	put_number(out, kept->source);
	put(out, kept->socket);
	put_number(out, kept->watched_ns);
	put_number(out, known->runtime);
	put(out, known->name);
	put(out, known->image);
	put(out, known->pod);
	put(out, known->namespace);
	put(out, known->inner);
	put(out, known->layer);
	put(out, known->watch);
	put_number(out, known->sandbox);
	put_number(out, known->health);
	put_number(out, known->pid);
	put_number(out, known->created_ns);
	put_number(out, known->started_ns);
	put_number(out, (int64_t)known->n_label);
	for (size_t i = 0; i < known->n_label; i++) {
		put(out, known->label[i].name);
		put(out, known->label[i].value);
	}
}

static void take_labels(struct reader *r, struct known *known)
{
	int64_t n = take_number(r);

	if (n < 0 || n > KNOWN_LABELS_MAX)
		r->bad = true;
	for (int64_t i = 0; i < n && !r->bad; i++) {
		struct label label = { .name = take_text(r) };

		label.value = take_text(r);
		known->label =
			arena_grow(r->arena, known->label, known->n_label, sizeof(struct label));
		known->label[known->n_label++] = label;
	}
}

static void take_kept(struct reader *r, struct kept *kept)
{
	struct known *known = &kept->known;
	int64_t runtime;

	kept->id = take_text(r);
	kept->group = take_id(r);
	kept->settings = take_id(r);
	kept->asked = take_number(r);
	kept->gone = take_number(r);
	kept->failures = (uint32_t)take_number(r);
	kept->source = (enum kept_source)take_number(r);
	kept->socket = take_text(r);
	kept->watched_ns = take_number(r);
	runtime = take_number(r);
	known->runtime = runtime >= 0 && runtime <= RUNTIME_UNKNOWN
				 ? (enum container_runtime)runtime
				 : RUNTIME_UNKNOWN;
	known->name = take_text(r);
	known->image = take_text(r);
	known->pod = take_text(r);
	known->namespace = take_text(r);
	known->inner = take_text(r);
	known->layer = take_text(r);
	known->watch = take_text(r);
	known->sandbox = take_number(r) == 1;
	known->health = (int)take_number(r);
	known->pid = (uint32_t)take_number(r);
	known->created_ns = take_number(r);
	known->started_ns = take_number(r);
	take_labels(r, known);
}

static void put_socket(struct buf *out, const struct kept_socket *socket)
{
	put(out, STR("s"));
	put(out, socket->path);
	put(out, socket->why);
	put_number(out, socket->asked);
	put_number(out, socket->failures);
}

static size_t slot_of(const struct kept_table *table, struct str id)
{
	size_t at = str_hash(id) & (table->n_slots - 1);

	while (table->slots[at] && !str_eq(table->v[table->slots[at] - 1].id, id))
		at = (at + 1) & (table->n_slots - 1);
	return at;
}

/* At most half full. */
static void make_slots(struct kept_table *table)
{
	if (table->n * 2 < table->n_slots)
		return;
	table->n_slots = table->n_slots ? table->n_slots * 2 : 64;
	table->slots = arena_zalloc(table->arena, table->n_slots, sizeof(uint32_t));
	for (size_t i = 0; i < table->n; i++)
		table->slots[slot_of(table, table->v[i].id)] = (uint32_t)i + 1;
}

struct kept *kept_find(const struct kept_table *table, struct str id)
{
	uint32_t index = table->n_slots ? table->slots[slot_of(table, id)] : 0;

	return index ? &table->v[index - 1] : NULL;
}

struct kept *kept_add(struct kept_table *table, struct str id)
{
	if (table->n >= KEPT_MAX)
		return NULL;
	make_slots(table);
	table->v = arena_grow(table->arena, table->v, table->n, sizeof(struct kept));
	table->slots[slot_of(table, id)] = (uint32_t)table->n + 1;
	table->v[table->n] = (struct kept){ .id = arena_str(table->arena, id) };
	table->v[table->n].known.health = -1;
	table->changed = true;
	return &table->v[table->n++];
}

struct kept_socket *kept_socket_find(const struct kept_table *table, struct str path)
{
	for (size_t i = 0; i < table->n_sockets; i++)
		if (str_eq(table->sockets[i].path, path))
			return &table->sockets[i];
	return NULL;
}

static struct kept_socket *add_socket(struct kept_table *table, struct str path)
{
	if (table->n_sockets >= SOCKETS_MAX)
		return NULL;
	table->sockets = arena_grow(table->arena, table->sockets, table->n_sockets,
				    sizeof(struct kept_socket));
	table->sockets[table->n_sockets] = (struct kept_socket){ .path = path };
	return &table->sockets[table->n_sockets++];
}

void kept_socket_note(struct kept_table *table, struct str path, struct str why, int64_t now)
{
	struct kept_socket *socket = kept_socket_find(table, path);

	if (!why.n) {
		if (socket)
			*socket = table->sockets[--table->n_sockets];
		table->changed |= socket != NULL;
		return;
	}
	if (!socket)
		socket = add_socket(table, arena_str(table->arena, path));
	if (!socket)
		return;
	socket->why = arena_str(table->arena, why);
	socket->asked = now;
	socket->failures += socket->failures < UINT32_MAX;
	table->changed = true;
}

bool kept_is_due(int64_t asked, uint32_t failures, int64_t now)
{
	int64_t wait = RETRY_MAX;

	if (!failures)
		return true;
	if (failures <= 6)
		wait = (int64_t)RETRY_SECONDS << (failures - 1);
	/* A clock that was set back is no reason to wait for its old time. */
	return now < asked || now - asked >= wait;
}

static void load_one(struct kept_table *table, struct reader *r)
{
	struct str kind = take(r);

	if (str_eq(kind, STR("c"))) {
		struct kept kept = { 0 };
		struct kept *to;

		take_kept(r, &kept);
		to = r->bad || !kept.id.n || kept_find(table, kept.id) ? NULL
								       : kept_add(table, kept.id);
		if (to)
			*to = kept;
	} else if (str_eq(kind, STR("s"))) {
		struct kept_socket socket = { .path = take_text(r) };
		struct kept_socket *to;

		socket.why = take_text(r);
		socket.asked = take_number(r);
		socket.failures = (uint32_t)take_number(r);
		to = r->bad ? NULL : add_socket(table, socket.path);
		if (to)
			*to = socket;
	} else {
		r->bad = true;
	}
}

void kept_load(struct kept_table *table, struct arena *arena, struct str value)
{
	struct reader r = { .arena = arena, .rest = value };

	*table = (struct kept_table){ .arena = arena };
	if (!value.n)
		return;
	if (!str_eq(take(&r), form))
		r.bad = true;
	while (r.rest.n && !r.bad)
		load_one(table, &r);
	table->changed = false;
	if (r.bad)
		*table = (struct kept_table){ .arena = arena, .changed = true };
}

/* Whether it stays; `changed` is for when it is first missed. */
static bool stays(struct kept_table *table, struct kept *kept, int64_t now)
{
	if (kept->seen) {
		table->changed |= kept->gone != 0;
		kept->gone = 0;
		return true;
	}
	if (!kept->gone || kept->gone > now) {
		kept->gone = now;
		table->changed = true;
	}
	return now - kept->gone < FORGET_SECONDS && table->n < KEPT_MAX;
}

bool kept_save(struct kept_table *table, int64_t now, struct buf *out)
{
	size_t forgotten = 0;

	for (size_t i = 0; i < table->n; i++)
		if (!stays(table, &table->v[i], now)) {
			table->v[i].id = (struct str){ 0 };
			forgotten++;
		}
	if (!table->changed && !forgotten)
		return false;
	put(out, form);
	for (size_t i = 0; i < table->n && out->n < KEPT_SIZE_MAX; i++)
		if (table->v[i].id.n)
			put_kept(out, &table->v[i]);
	for (size_t i = 0; i < table->n_sockets; i++)
		put_socket(out, &table->sockets[i]);
	return true;
}
