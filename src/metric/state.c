/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

/* Bounds what a damaged or hostile file can make us read. */
enum { STATE_FILE_MAX = 8 << 20 };

#define HEADER "peekpush-state 1\n"

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

	*e = (struct state_entry){ .key = must(strndup(key.p, key.n)), .key_n = key.n };
	return e;
}

struct str state_get(const struct state *state, struct str key)
{
	const struct state_entry *e = find(state, key);

	return e ? (struct str){ e->value, e->value_n } : (struct str){ 0 };
}

void state_set(struct state *state, struct str key, struct str value)
{
	struct state_entry *e = find(state, key);

	if (e && str_eq((struct str){ e->value, e->value_n }, value))
		return;
	if (!e)
		e = add(state, key);
	if (e->value_cap < value.n + 1) {
		e->value_cap = value.n + value.n / 4 + 24;
		e->value = must(realloc(e->value, e->value_cap));
	}
	if (value.n)
		memmove(e->value, value.p, value.n);
	e->value[value.n] = '\0';
	e->value_n = value.n;
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

/* Lines are "key=value"; in values \n and \\ stand for a line end and a backslash. */
static int parse_line(struct state *state, struct str line, struct buf *value)
{
	struct str key;

	buf_reset(value);
	if (!str_cut(&line, '=', &key) || !key.n)
		return -EBADMSG;
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];

		if (c == '\\') {
			if (++i == line.n || (line.p[i] != 'n' && line.p[i] != '\\'))
				return -EBADMSG;
			c = line.p[i] == 'n' ? '\n' : '\\';
		}
		buf_char(value, c);
	}
	state_set(state, key, buf_view(value));
	return value->err;
}

int state_load(struct state *state, int dir, const char *name)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf value = { 0 };
	struct str text, line;
	int r;

	*state = (struct state){ .fresh = true };
	r = file_read(dir, name, STATE_FILE_MAX, &arena, &text);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	/* A cut file has no final line end; half a number must not be taken for a whole one. */
	if (!str_starts(text, STR(HEADER)) || !str_ends(text, STR("\n")))
		return -EBADMSG;
	text = str_skip(text, sizeof(HEADER) - 1);
	while (str_line(&text, &line)) {
		r = parse_line(state, line, &value);
		if (r < 0) {
			state_release(state);
			state->fresh = true;
			return r;
		}
	}
	state->fresh = false;
	state->changed = false;
	return 0;
}

int state_save(struct state *state, int dir, const char *name, bool sync)
{
	_cleanup_buf_ struct buf out = { 0 };
	int r;

	if (!state->changed)
		return 0;
	buf_cstr(&out, HEADER);
	for (size_t i = 0; i < state->n; i++) {
		const struct state_entry *e = &state->entries[i];

		buf_put(&out, e->key, e->key_n);
		buf_char(&out, '=');
		for (size_t k = 0; k < e->value_n; k++) {
			char c = e->value[k];

			if (c == '\n' || c == '\\')
				buf_char(&out, '\\');
			buf_char(&out, c == '\n' ? 'n' : c);
		}
		buf_char(&out, '\n');
	}
	r = out.err ? out.err : file_replace(dir, name, buf_view(&out), 0600, sync);
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
