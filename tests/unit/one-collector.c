/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "one-collector.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

static void open_host(struct one *one, bool resident)
{
	struct host_paths paths;
	static const char *const roots[HOST_ROOTS] = { "proc", "sys", "root", "udev" };

	for (int i = 0; i < HOST_ROOTS; i++)
		paths.path[i] = arena_printf(&one->memory, "%s/%s", one->path, roots[i]).p;
	host_open(&one->host, &paths, resident);
}

static void open_collector(struct one *one)
{
	one->c = (struct collect){
		.host = &one->host,
		.out = &one->metrics,
		.scratch = &one->scratch,
		.state = &one->state,
		.conf = one->conf,
		.self = arena_zalloc(&one->memory, 1, one->type->self_size + 1),
		.why_arena = &one->why,
	};
	if (one->type->open)
		assert_int_equal(one->type->open(&one->c), 0);
}

void one_start(struct one *one, const char *name, const void *conf, bool resident)
{
	*one = (struct one){ .conf = conf };
	(void)snprintf(one->path, sizeof(one->path), "%s/one.XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(one->path));
	one->root = file_open_dir(AT_FDCWD, one->path);
	assert_true(one->root >= 0);
	assert_int_equal(mkdirat(one->root, "proc", 0755), 0);
	assert_int_equal(mkdirat(one->root, "sys", 0755), 0);
	assert_int_equal(mkdirat(one->root, "root", 0755), 0);
	assert_int_equal(mkdirat(one->root, "udev", 0755), 0);
	metrics_init(&one->metrics, (struct metrics_limits){ 0 });
	for (size_t i = 0; i < collector_count(); i++)
		if (strcmp(collector_registry[i]->name, name) == 0)
			one->type = collector_registry[i];
	assert_non_null(one->type);
	open_host(one, resident);
	open_collector(one);
}

void one_write(const struct one *one, const char *path, const char *content)
{
	struct str rest = str_of(path), part;
	_cleanup_fd_ int dir = dup(one->root);

	while (str_cut(&rest, '/', &part)) {
		_cleanup_arena_ struct arena arena = { 0 };
		const char *name = arena_cstr(&arena, part);

		if (!rest.n) {
			_cleanup_fd_ int fd =
				openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

			assert_true(fd >= 0);
			assert_int_equal(file_write_all(fd, str_of(content)), 0);
			break;
		}
		(void)mkdirat(dir, name, 0755);

		int below = file_open_dir(dir, name);

		assert_true(below >= 0);
		(void)close(dir);
		dir = below;
	}
}

void one_remove(const struct one *one, const char *path)
{
	assert_int_equal(unlinkat(one->root, path, 0), 0);
}

int one_run(struct one *one)
{
	metrics_reset(&one->metrics);
	arena_reset(&one->scratch);
	arena_reset(&one->why);
	one->c.why = (struct str){ 0 };
	return one->type->run(&one->c);
}

static void close_collector(struct one *one)
{
	if (one->type->close)
		one->type->close(&one->c);
	host_close(&one->host);
}

void one_restart(struct one *one)
{
	bool resident = one->host.keep;

	close_collector(one);
	open_host(one, resident);
	open_collector(one);
}

static const struct sample *find(const struct one *one, const char *family, const char *labels)
{
	const struct family *f = metrics_find(&one->metrics, str_of(family));

	for (const struct block *b = f ? f->first : NULL; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			if (!labels || str_eq(b->samples[i].labels->text, str_of(labels)))
				return &b->samples[i];
	return NULL;
}

double one_value(const struct one *one, const char *family, const char *labels)
{
	const struct sample *s = find(one, family, labels);

	return s ? s->value : (double)NAN;
}

struct str one_label(const struct one *one, const char *family, const char *label)
{
	const struct sample *s = find(one, family, NULL);

	for (uint32_t i = 0; s && i < s->labels->n; i++)
		if (str_eq(s->labels->v[i].name, str_of(label)))
			return s->labels->v[i].value;
	fail_msg("no label %s of %s", label, family);
	return (struct str){ 0 };
}

static void remove_tree(int dir)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str *names;
	size_t n;

	assert_int_equal(host_list_dir(dir, &arena, &names, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (unlinkat(dir, names[i].p, 0) == 0)
			continue;

		_cleanup_fd_ int below = file_open_dir(dir, names[i].p);

		assert_true(below >= 0);
		remove_tree(below);
		assert_int_equal(unlinkat(dir, names[i].p, AT_REMOVEDIR), 0);
	}
}

void one_stop(struct one *one)
{
	close_collector(one);
	metrics_release(&one->metrics);
	state_release(&one->state);
	arena_release(&one->scratch);
	arena_release(&one->why);
	arena_release(&one->memory);
	remove_tree(one->root);
	(void)close(one->root);
	assert_int_equal(rmdir(one->path), 0);
}
