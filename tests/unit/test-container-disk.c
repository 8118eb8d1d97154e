/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices are told of, by what name, and whose layer lies on which. */
#include "container-world.h"

#include <errno.h>
#include <math.h>
#include <sys/statfs.h>

#include "base/conf.h"
#include "base/file.h"
#include "collect/container/disk.h"
#include "collect/common/filesystems.h"

struct scene {
	struct world world;
	struct conf *settings;
	struct state state;
	struct statfs figures; /* of all there is: it is one file system, whatever the table says */
};

static void start(struct scene *s, const char *mounts)
{
	static const struct opt_section *const sections[] = { &section_collector_filesystem, NULL };
	struct world *w = &s->world;
	struct host_paths paths = { 0 };

	*s = (struct scene){ 0 };
	world_start(w);
	paths.path[HOST_SYS] = paths.path[HOST_ROOT] = w->path;
	paths.path[HOST_PROC] = arena_printf(&w->arena, "%s/proc", w->path).p;
	host_close(&w->host);
	host_open(&w->host, &paths, true);
	s->settings = conf_new(sections);
	w->c.settings = s->settings;
	w->c.state = &s->state;
	assert_int_equal(mkdirat(w->dir, "data", 0755), 0);
	assert_int_equal(mkdirat(w->dir, "data/deep", 0755), 0);
	assert_int_equal(mkdirat(w->dir, "database", 0755), 0);
	assert_int_equal(fstatfs(w->dir, &s->figures), 0);
	world_process(w, "1", "/", 1);

	_cleanup_fd_ int one = openat(w->proc, "1", O_PATH | O_CLOEXEC);

	unit_write(one, "mountinfo", str_of(mounts));
	world_group(w, "a", "");
	world_group(w, "b", "");
	world_read(w);
}

static void stop(struct scene *s)
{
	world_stop(&s->world);
	conf_free(s->settings);
	state_release(&s->state);
}

static void collect(struct scene *s)
{
	world_forget(&s->world);
	container_disk(&s->world.c, &s->world.table, &s->world.conf);
}

static double limit(struct scene *s, const char *id, const char *device)
{
	struct str label = arena_printf(&s->world.arena, "device=\"%s\"", device);
	struct str text = arena_printf(&s->world.arena, "%.*s,id=\"%s\"", STR_ARG(label), id);
	const struct family *f = metrics_find(&s->world.metrics, STR("container_fs_limit_bytes"));

	for (const struct block *b = f ? f->first : NULL; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			if (str_eq(b->samples[i].labels->text, text))
				return b->samples[i].value;
	return (double)NAN;
}

#define LINE(point, type, device) "1 1 8:1 / " point " rw - " type " " device " rw\n"

static void test_devices(void **state)
{
	struct scene s;

	(void)state;
	start(&s,
	      LINE("/", "ext4", "/dev/vda1") LINE("/data", "xfs", "/dev/mapper/a-b")
		      LINE("/data/deep", "tmpfs", "tmpfs") LINE("/database", "ext4", "/dev/vda1")
			      LINE("/fs", "nfs4", "server:/x") LINE("/gone", "ext4", "/dev/vdz"));
	collect(&s);

	double size = (double)s.figures.f_blocks * (double)s.figures.f_bsize;

	/* Each device once; nobody else's; none that cannot be asked. */
	assert_int_equal(world_count(&s.world, "container_fs_limit_bytes"), 3);
	assert_int_equal(world_count(&s.world, "container_fs_usage_bytes"), 3);
	assert_int_equal(world_count(&s.world, "container_fs_inodes_total"), 3);
	assert_int_equal(world_count(&s.world, "container_fs_inodes_free"), 3);
	assert_true(limit(&s, "/", "/dev/vda1") == size);
	assert_true(limit(&s, "/", "/dev/mapper/a-b") == size);
	assert_true(limit(&s, "/", "/data/deep") == size);
	s.world.v[0].hidden = true;
	collect(&s);
	assert_int_equal(world_count(&s.world, "container_fs_limit_bytes"), 0);
	stop(&s);
}

static void test_overlay(void **state)
{
	struct scene s;

	(void)state;
	start(&s, LINE("/data", "overlay", "overlay"));
	assert_int_equal(conf_set(s.settings, STR("collectors.filesystem.fs_types_exclude"),
				  STR(""), "here"),
			 0);
	collect(&s);
	assert_false(isnan(limit(&s, "/", "overlay_8-1")));
	stop(&s);
}

static void test_no_mounts(void **state)
{
	struct scene s;

	(void)state;
	start(&s, "");
	/* Who asks second in the cycle is told the same. */
	for (int i = 0; i < 2; i++) {
		collect(&s);
		assert_int_equal(s.world.c.n_notes, 1);
		assert_part(s.world.c.notes[0].text, "mountinfo is empty");
		assert_int_equal(s.world.c.why.n, 0);
	}
	stop(&s);
}

/* Layers, of which a child left word. */
static void test_layers(void **state)
{
	struct scene s;
	int dir = unit_dir(NULL);

	(void)state;
	start(&s, LINE("/", "ext4", "/dev/vda1") LINE("/data", "xfs", "/dev/vdb1"));
	unit_write(dir, "layers", STR("a 99999999999 0 4096 7\nb 99999999999 62 0 0\n"));
	s.state.dir = dir;
	world_container(&s.world, "/a", 0, 1)->layer = STR("/data/deep");
	world_container(&s.world, "/b", 0, 2)->layer = STR("/database");

	/* Somebody is at work, so that what is due stays undone. */
	int lock = file_lock(dir, "layers.lock", 0);

	collect(&s);
	assert_int_equal(world_count(&s.world, "container_fs_usage_bytes"), 2);
	s.world.conf.disk_usage_ns = INT64_C(600) * 1000000000;
	collect(&s);
	assert_int_equal(world_count(&s.world, "container_fs_usage_bytes"), 3);
	assert_int_equal(world_count(&s.world, "container_fs_inodes_free"), 2);
	assert_false(isnan(limit(&s, "/a", "/dev/vdb1")));
	assert_int_equal(s.world.c.n_notes, 1);
	assert_part(s.world.c.notes[0].text,
		    "container b: its writable layer is not measured: it takes too long");
	s.state.dir = 0;
	collect(&s);
	assert_int_equal(s.world.c.n_notes, 1);
	assert_part(s.world.c.notes[0].text, "no state directory");
	(void)close(lock);
	stop(&s);
	unit_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_no_mounts),
		cmocka_unit_test(test_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
