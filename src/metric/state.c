/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "base/owned.h"

/* Bounds what a damaged or hostile file can make us read. */
enum { STATE_FILE_MAX = 8 << 20, NAME_SIZE = 128, TAIL_SIZE = 21 };

#define HEADER "peekpush-state 1\n"

/* The key of what only takes room. */
static const struct str filler = { "~", 1 };

/* Values are overwritten in place where they fit, so that an agent's memory stands still. */
struct state_entry {
	char *key, *value;
	size_t key_n, value_n, value_cap;
};

static struct state_entry *find(const struct state *state, struct str key)
{
	for (size_t i = 0; i < state->n; i++) {
		struct state_entry *e = &state->entries[i];

		if (str_eq((struct str){ e->key, e->key_n }, key))
			return e;
	}
	return NULL;
}

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static struct state_entry *add(struct state *state, struct str key)
{
	if (state->n == state->cap) {
		state->cap = state->cap ? state->cap * 2 : 16;
		state->entries =
			must(reallocarray(state->entries, state->cap, sizeof(*state->entries)));
	}
	struct state_entry *e = &state->entries[state->n++];

	/* Not strndup(): a damaged file's key may have a NUL in it. */
	*e = (struct state_entry){ .key = must(malloc(key.n + 1)), .key_n = key.n };
	memcpy(e->key, key.p, key.n);
	e->key[key.n] = '\0';
	return e;
}

struct str state_get(const struct state *state, struct str key)
{
	const struct state_entry *e = find(state, key);

	return e ? (struct str){ e->value, e->value_n } : (struct str){ 0 };
}

static void set_value(struct state_entry *e, struct str value)
{
	if (e->value_cap < value.n + 1) {
		e->value_cap = value.n + value.n / 4 + 24;
		e->value = must(realloc(e->value, e->value_cap));
	}
	if (value.n)
		memmove(e->value, value.p, value.n);
	e->value[value.n] = '\0';
	e->value_n = value.n;
}

void state_set(struct state *state, struct str key, struct str value)
{
	struct state_entry *e = find(state, key);

	if (e && str_eq((struct str){ e->value, e->value_n }, value))
		return;
	set_value(e ? e : add(state, key), value);
	state->changed = true;
}

static void free_entry(struct state_entry *e)
{
	free(e->key);
	free(e->value);
}

void state_unset(struct state *state, struct str key)
{
	struct state_entry *e = find(state, key);

	if (!e)
		return;
	free_entry(e);
	*e = state->entries[--state->n];
	state->changed = true;
}

uint64_t state_u64(const struct state *state, struct str key, uint64_t fallback)
{
	uint64_t value;

	return num_u64(state_get(state, key), &value) == 0 ? value : fallback;
}

void state_set_u64(struct state *state, struct str key, uint64_t value)
{
	char text[NUM_TEXT_MAX];

	state_set(state, key, (struct str){ text, num_print_u64(text, value) });
}

uint64_t state_add(struct state *state, struct str key, uint64_t more)
{
	uint64_t sum = state_u64(state, key, 0) + more;

	state_set_u64(state, key, sum);
	return sum;
}

void state_each(const struct state *state, struct str prefix,
		void (*each)(void *arg, struct str key, struct str value), void *arg)
{
	for (size_t i = 0; i < state->n; i++) {
		const struct state_entry *e = &state->entries[i];
		struct str key = { e->key, e->key_n };

		if (str_starts(key, prefix))
			each(arg, key, (struct str){ e->value, e->value_n });
	}
}

static int unescape(struct str s, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\') {
			if (++i == s.n || (s.p[i] != 'n' && s.p[i] != 'e' && s.p[i] != '\\'))
				return -EBADMSG;
			c = s.p[i] == 'n' ? '\n' : s.p[i] == 'e' ? '=' : '\\';
		}
		buf_char(out, c);
	}
	return out->err;
}

/* Lines are "key=value"; \n, \e and \\ stand for a line end, '=' and a backslash. */
static int parse_line(struct state *state, struct str line, struct buf *scratch)
{
	struct str key;
	int r;

	if (str_find(line, '=') == line.n || !str_cut(&line, '=', &key) || !key.n)
		return -EBADMSG;
	r = unescape(key, scratch);
	if (r < 0)
		return r;

	if (str_eq(buf_view(scratch), filler))
		return 0;
	/* No search for the key: a file of a million lines would take hours. The first one wins. */
	struct state_entry *e = add(state, buf_view(scratch));

	r = unescape(line, scratch);
	if (r == 0)
		set_value(e, buf_view(scratch));
	return r;
}

static void put_escaped(struct buf *out, struct str value)
{
	while (value.n) {
		size_t plain = strcspn(value.p, "\n\\=");

		/* It is NUL-ended, but may hold NUL bytes. */
		if (plain == 0 && value.p[0] == '\0')
			plain = 1;
		buf_put(out, value.p, plain < value.n ? plain : value.n);
		value = str_skip(value, plain);
		if (!value.n || plain)
			continue;
		buf_cstr(out, value.p[0] == '\n' ? "\\n" : value.p[0] == '=' ? "\\e" : "\\\\");
		value = str_skip(value, 1);
	}
}

static void slot_name(const char *name, uint64_t serial, char ret[NAME_SIZE])
{
	(void)snprintf(ret, NAME_SIZE, "%s.%d", name, (int)(serial & 1));
}

/*
 * One file: header, "serial N", entries, and at last "end HASH" over all before it, so that a
 * cut, a torn or an old longer file is never taken for whole.
 */
static int read_slot(int dir, const char *name, struct arena *arena, struct str *ret_entries,
		     uint64_t *ret_serial)
{
	struct str text, tail, rest, line;
	uint64_t hash;
	int r = owned_read(dir, name, STATE_FILE_MAX, arena, &text);

	if (r < 0)
		return r;
	if (text.n < TAIL_SIZE || !str_starts(text, STR(HEADER)))
		return -EBADMSG;
	rest = (struct str){ text.p, text.n - TAIL_SIZE };
	tail = str_skip(text, rest.n);
	if (!str_starts(tail, STR("end ")) || !str_ends(tail, STR("\n")) ||
	    num_hex((struct str){ tail.p + 4, TAIL_SIZE - 5 }, &hash) < 0 || hash != str_hash(rest))
		return -EBADMSG;
	rest = str_skip(rest, sizeof(HEADER) - 1);
	if (!str_line(&rest, &line) || !str_starts(line, STR("serial ")) ||
	    num_u64(str_skip(line, 7), ret_serial) < 0)
		return -EBADMSG;
	*ret_entries = rest;
	return 0;
}

static int parse_entries(struct state *state, struct str entries)
{
	_cleanup_buf_ struct buf scratch = { 0 };
	struct str line;
	int r = 0;

	while (r == 0 && str_line(&entries, &line))
		r = parse_line(state, line, &scratch);
	if (r < 0)
		state_release(state);
	return r;
}

int state_load(struct state *state, int dir, const char *name)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str entries[2];
	uint64_t serial[2];
	bool whole[2] = { false, false }, loaded = false;
	int result = 0;

	*state = (struct state){ .fresh = true };
	for (uint64_t slot = 0; slot < 2; slot++) {
		char slot_file[NAME_SIZE];
		int r;

		slot_name(name, slot, slot_file);
		r = read_slot(dir, slot_file, &arena, &entries[slot], &serial[slot]);
		if (r < 0 && r != -ENOENT && r != -EBADMSG)
			return r;
		whole[slot] = r == 0;
		if (r == -EBADMSG)
			result = r;
	}

	size_t newer = whole[1] && (!whole[0] || serial[1] > serial[0]);

	for (size_t i = 0; i < 2 && !loaded; i++) {
		size_t slot = i ? !newer : newer;

		if (!whole[slot])
			continue;
		result = parse_entries(state, entries[slot]);
		loaded = result == 0;
	}
	state->fresh = !loaded;
	state->changed = false;
	/* The next save must be newer than both, or a bad file would go on winning. */
	state->serial = whole[newer] ? serial[newer] : 0;
	return loaded ? 0 : result;
}

static int write_slot(int dir, const char *name, struct str content, bool sync)
{
	_cleanup_fd_ int fd = owned_open(dir, name, O_WRONLY | O_CREAT, 0600);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = file_write_all(fd, content);
	if (r == 0 && st.st_size > (off_t)content.n && ftruncate(fd, (off_t)content.n) < 0)
		r = -errno;
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	return r;
}

static void put_filler(const struct state *state, struct buf *out)
{
	size_t used = out->n + filler.n + 2 + TAIL_SIZE;
	char *p;

	if (used >= state->reserve)
		return;
	buf_str(out, filler);
	buf_char(out, '=');
	p = buf_reserve(out, state->reserve - used);
	if (p) {
		memset(p, ' ', state->reserve - used);
		out->n += state->reserve - used;
	}
	buf_char(out, '\n');
}

static int write_next(struct state *state, int dir, const char *name, bool sync)
{
	_cleanup_buf_ struct buf out = { 0 };
	char slot_file[NAME_SIZE];
	int r;

	buf_cstr(&out, HEADER "serial ");
	buf_u64(&out, state->serial + 1);
	buf_char(&out, '\n');
	for (size_t i = 0; i < state->n; i++) {
		const struct state_entry *e = &state->entries[i];

		put_escaped(&out, (struct str){ e->key, e->key_n });
		buf_char(&out, '=');
		put_escaped(&out, (struct str){ e->value, e->value_n });
		buf_char(&out, '\n');
	}
	put_filler(state, &out);
	buf_printf(&out, "end %016llx\n", (unsigned long long)str_hash(buf_view(&out)));
	slot_name(name, state->serial + 1, slot_file);
	r = out.err ? out.err : write_slot(dir, slot_file, buf_view(&out), sync);
	if (r == 0)
		state->serial++;
	return r;
}

int state_save(struct state *state, int dir, const char *name, bool sync)
{
	bool first = state->serial == 0 && state->reserve;
	int r;

	if (!state->changed)
		return 0;
	r = write_next(state, dir, name, sync);
	if (r == 0 && first)
		r = write_next(state, dir, name, sync);
	if (r == 0) {
		state->changed = false;
		state->fresh = false;
	}
	return r;
}

void state_release(struct state *state)
{
	for (size_t i = 0; i < state->n; i++)
		free_entry(&state->entries[i]);
	free(state->entries);
	*state = (struct state){ 0 };
}
