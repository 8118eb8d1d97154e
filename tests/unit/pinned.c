/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "pinned.h"

#include <sched.h>
#include <sys/mount.h>

#include "bpf/call.h"

/* Mounted where nobody else sees it, so that it is gone with the test however that ends. */
bool pinned_start(struct pinned *pinned)
{
	int map = -1;

	(void)snprintf(pinned->path, sizeof(pinned->path), "/tmp/pinned.XXXXXX");
	assert_non_null(mkdtemp(pinned->path));
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("bpf", pinned->path, "bpf", 0, "mode=0755") == 0) {
		union bpf_attr attr = {
			.map_type = BPF_MAP_TYPE_ARRAY,
			.key_size = 4,
			.value_size = 8,
			.max_entries = 1,
		};

		map = bpf_call(BPF_MAP_CREATE, &attr);
		if (map >= 0) {
			(void)close(map);
			return true;
		}
		(void)umount2(pinned->path, MNT_DETACH);
	}
	(void)rmdir(pinned->path);
	printf("1..0 # SKIP needs to be root, and to be let make BPF maps and mounts\n");
	return false;
}

void pinned_stop(struct pinned *pinned)
{
	assert_int_equal(umount2(pinned->path, MNT_DETACH), 0);
	assert_int_equal(rmdir(pinned->path), 0);
}

int pinned_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = key_size,
		.value_size = value_size,
		.max_entries = max_entries,
	};
	int fd = bpf_call(BPF_MAP_CREATE, &attr);

	assert_true(fd >= 0);
	return fd;
}

void pinned_put(int map, const void *key, const void *value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)map,
		.key = (uintptr_t)key,
		.value = (uintptr_t)value,
	};

	assert_int_equal(bpf_call(BPF_MAP_UPDATE_ELEM, &attr), 0);
}

void pinned_remove(int map, const void *key)
{
	union bpf_attr attr = { .map_fd = (uint32_t)map, .key = (uintptr_t)key };

	(void)bpf_call(BPF_MAP_DELETE_ELEM, &attr);
}

void pinned_add(const struct pinned *pinned, const char *dir, const char *name, int fd)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str below = ARENA_CONCAT(&arena, str_of(pinned->path), STR("/"), str_of(dir));
	struct str path = ARENA_CONCAT(&arena, below, STR("/"), str_of(name));
	union bpf_attr attr = { .pathname = (uintptr_t)path.p, .bpf_fd = (uint32_t)fd };

	(void)mkdir(below.p, 0755);
	(void)chmod(below.p, 0755);
	assert_int_equal(bpf_call(BPF_OBJ_PIN, &attr), 0);
	assert_int_equal(chmod(path.p, 0644), 0);
}

void pinned_text(const struct pinned *pinned, const char *dir, struct str text)
{
	_cleanup_fd_ int map = pinned_map(BPF_MAP_TYPE_ARRAY, 4, (uint32_t)text.n, 1);
	uint32_t zero = 0;

	pinned_put(map, &zero, text.p);
	pinned_add(pinned, dir, "meta", map);
}

void pinned_spec(const struct pinned *pinned, const struct spec *spec)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	spec_print(spec, &text);
	assert_int_equal(text.err, 0);
	pinned_text(pinned, ARENA_CONCAT(&arena, spec->object, STR("_"), spec->hash).p,
		    buf_view(&text));
}

void pinned_drop(const struct pinned *pinned, const char *dir)
{
	_cleanup_fd_ int parent = file_open_dir(AT_FDCWD, pinned->path);
	int below = file_open_dir(parent, dir);

	assert_true(below >= 0);
	unit_empty(below);
	assert_int_equal(unlinkat(parent, dir, AT_REMOVEDIR), 0);
}
