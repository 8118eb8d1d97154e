/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors have in common: reading with a reason. */
#include "collect/collector.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int collect_fail(struct collect *c, int r, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	c->why = arena_str(c->why_arena, str_of(text));
	return r;
}

/* Without the numbers, and of what it is about with them: a1.prom and a2.prom are two. */
static uint64_t note_hash(struct str about, struct str text)
{
	uint64_t hash = str_hash(about);

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			hash = (hash ^ (uint8_t)text.p[i]) * 0x100000001b3u;
	return hash;
}

void collect_note(struct collect *c, struct str about, const char *format, ...)
{
	char text[512];
	va_list ap;

	if (c->n_notes == COLLECT_NOTES_MAX) {
		c->more_notes++;
		return;
	}
	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	if (!c->notes)
		c->notes = arena_zalloc(c->why_arena, COLLECT_NOTES_MAX, sizeof(*c->notes));
	c->notes[c->n_notes++] = (struct collect_note){
		.hash = note_hash(about, str_of(text)),
		.text = arena_str(c->why_arena, str_of(text)),
	};
}

void collect_slow_regex(struct regex *regex, void *collect)
{
	struct str text = regex_text(regex);

	if (!regex_gave_up(regex))
		return;
	collect_note(collect, text,
		     "a match of \"%.*s\" takes too many steps and counts as none: "
		     "repetitions in repetitions?",
		     (int)(text.n < 200 ? text.n : 200), text.p);
}

void collect_part(struct collect *c, const struct collect_part *part)
{
	struct collect_part *copy;

	c->parts = arena_grow(c->why_arena, c->parts, c->n_parts, sizeof(*c->parts));
	copy = &c->parts[c->n_parts++];
	*copy = *part;
	copy->name = arena_str(c->why_arena, part->name);
	copy->reads = arena_str(c->why_arena, part->reads);
	copy->why = arena_str(c->why_arena, part->why);
}

const char *collect_root(enum host_root root)
{
	static const char *const names[] = { "/proc", "/sys", "", "/run/udev" };

	return names[root];
}

int collect_explain(struct collect *c, int r, enum host_root root, const char *path)
{
	if (r == -ENOENT || r == -ENOTDIR)
		return collect_fail(c, -ENODATA, "%s/%s is not there", collect_root(root), path);
	return collect_fail(c, r, "%s/%s: %s", collect_root(root), path, strerror(-r));
}

int collect_read(struct collect *c, enum host_root root, const char *path, struct str *ret)
{
	int r = host_read(c->host, root, path, c->scratch, ret);

	return r < 0 ? collect_explain(c, r, root, path) : 0;
}

int collect_read_once(struct collect *c, enum host_root root, const char *path, struct str *ret)
{
	int r = host_read_once(c->host, root, path, ret);

	return r < 0 ? collect_explain(c, r, root, path) : 0;
}

int collect_number(struct collect *c, enum host_root root, const char *path,
		   const struct metric_desc *desc)
{
	struct str text;
	uint64_t value;
	int r = collect_read(c, root, path, &text);

	if (r < 0)
		return r;
	if (num_u64(str_trim(text), &value) < 0)
		return collect_fail(c, -EBADMSG, "%s/%s: not a number", collect_root(root), path);
	metrics_add(c->out, desc, (double)value);
	return 0;
}

int collect_list(struct collect *c, enum host_root root, const char *path, struct str **ret_names,
		 size_t *ret_n)
{
	int r = host_list(c->host, root, path, c->scratch, ret_names, ret_n);

	return r < 0 ? collect_explain(c, r, root, path) : 0;
}

int collect_needs_live(struct collect *c, enum host_root root)
{
	if (host_is_live(c->host, root))
		return 0;
	return collect_fail(c, -ENODATA,
			    "asks the running kernel, and another tree than %s is given",
			    root == HOST_ROOT ? "/" : collect_root(root));
}
