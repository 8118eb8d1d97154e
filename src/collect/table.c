/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors have in common: reading with a reason, and attribute files as table rows. */
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

static const char *const root_name[] = { "/proc", "/sys", "", "/run/udev" };

static int explain(struct collect *c, int r, enum host_root root, const char *path)
{
	if (r == -ENOENT || r == -ENOTDIR)
		return collect_fail(c, -ENODATA, "%s/%s is not there", root_name[root], path);
	return collect_fail(c, r, "%s/%s: %s", root_name[root], path, strerror(-r));
}

int collect_read(struct collect *c, enum host_root root, const char *path, struct str *ret)
{
	int r = host_read(c->host, root, path, c->scratch, ret);

	return r < 0 ? explain(c, r, root, path) : 0;
}

int collect_read_once(struct collect *c, enum host_root root, const char *path, struct str *ret)
{
	int r = host_read_once(c->host, root, path, ret);

	return r < 0 ? explain(c, r, root, path) : 0;
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
		return collect_fail(c, -EBADMSG, "%s/%s: not a number", root_name[root], path);
	metrics_add(c->out, desc, (double)value);
	return 0;
}

int collect_list(struct collect *c, enum host_root root, const char *path, struct str **ret_names,
		 size_t *ret_n)
{
	int r = host_list(c->host, root, path, c->scratch, ret_names, ret_n);

	return r < 0 ? explain(c, r, root, path) : 0;
}

int collect_needs_live(struct collect *c, enum host_root root)
{
	if (host_is_live(c->host, root))
		return 0;
	return collect_fail(c, -ENODATA,
			    "asks the running kernel, and another tree than %s is given",
			    root == HOST_ROOT ? "/" : root_name[root]);
}

size_t collect_attrs(struct collect *c, int dir, const struct labels *labels,
		     const struct attr_row *rows, size_t n)
{
	size_t added = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t value;

		if (host_attr_i64(dir, rows[i].file, &value) < 0)
			continue;
		family_add(metrics_family(c->out, &rows[i].desc), labels,
			   (double)value * (rows[i].scale != 0 ? rows[i].scale : 1));
		added++;
	}
	return added;
}
