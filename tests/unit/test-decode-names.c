/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that the host gives names to: on a made-up host, where everything is known, and on this
 * one beside another source for the same.
 */
#include "unit.h"

#include <net/if.h>
#include <pwd.h>
#include <sys/sysmacros.h>

#include "base/num.h"
#include "bpf/decode_internal.h"

struct world {
	struct decoder *decoder;
	struct host host;
	struct arena arena;
	int dir; /* of the made-up host */
};

static void begin(struct world *w)
{
	w->host.cycle++;
	decoder_begin(w->decoder, &w->host);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[64];
	const struct host_paths paths = { .path = { path, path, path, NULL } };

	w->dir = unit_dir(path);
	host_open(&w->host, &paths, true);
	w->decoder = decoder_new();
	begin(w);
	*state = w;
	return 0;
}

static int setup_live(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct host_paths paths = { 0 };

	w->dir = -1;
	host_open(&w->host, &paths, true);
	w->decoder = decoder_new();
	begin(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	decoder_free(w->decoder);
	host_close(&w->host);
	arena_release(&w->arena);
	if (w->dir >= 0)
		unit_remove(w->dir);
	free(w);
	return 0;
}

static struct str decode(struct world *w, enum decoder_kind kind, uint64_t number)
{
	struct spec_decoder decoder = { .kind = kind };
	struct spec_label label = { .size = 8, .n = 1, .decoders = &decoder };
	struct str got = { 0 };

	assert_int_equal(decode_label(w->decoder, &label, &number, &w->arena, &got), DECODED);
	return got;
}

static void make_dirs(struct world *w, const char *path)
{
	char piece[256];

	for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		const char *end = strchr(slash + 1, '/');
		size_t n = end ? (size_t)(end - path) : strlen(path);

		memcpy(piece, path, n);
		piece[n] = '\0';
		(void)mkdirat(w->dir, piece, 0755);
	}
}

static uint64_t inode(struct world *w, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(w->dir, path, &st, 0), 0);
	return st.st_ino;
}

static void test_devices(void **state)
{
	struct world *w = *state;

	unit_write(w->dir, "partitions",
		   STR("major minor  #blocks  name\n\n 254        0  268435456 vda\n"
		       " 259      300       1024 nvme0n1p1\n 104 0 1 cciss/c0d0\n"));
	make_dirs(w, "dev/block");
	assert_int_equal(symlinkat("../../devices/virtual/block/loop7", w->dir, "dev/block/7:7"),
			 0);
	begin(w);
	assert_text(decode(w, DECODE_MAJORMINOR, 254 << 8), "vda");
	assert_text(decode(w, DECODE_MAJORMINOR, 254u << 20), "vda");
	assert_text(decode(w, DECODE_MAJORMINOR, 259 << 8 | 300 % 256 | 1 << 20), "nvme0n1p1");
	assert_text(decode(w, DECODE_MAJORMINOR, 259u << 20 | 300), "nvme0n1p1");
	assert_text(decode(w, DECODE_MAJORMINOR, 104 << 8), "cciss/c0d0");
	assert_text(decode(w, DECODE_MAJORMINOR, 7 << 8 | 7), "loop7");
	assert_text(decode(w, DECODE_MAJORMINOR, 7 << 8 | 8), "unknown:7:8");
	/* What comes later is seen in the next pass, and what goes is gone. */
	unit_write(w->dir, "partitions", STR("h\n\n 7 8 1 loop8\n"));
	assert_text(decode(w, DECODE_MAJORMINOR, 254 << 8), "vda");
	begin(w);
	assert_text(decode(w, DECODE_MAJORMINOR, 7 << 8 | 8), "loop8");
	assert_text(decode(w, DECODE_MAJORMINOR, 254 << 8), "unknown:254:0");
}

static void test_interfaces(void **state)
{
	struct world *w = *state;

	make_dirs(w, "class/net/lo");
	make_dirs(w, "class/net/eth0");
	make_dirs(w, "class/net/broken");
	unit_write(w->dir, "class/net/lo/ifindex", STR("1\n"));
	unit_write(w->dir, "class/net/eth0/ifindex", STR("12\n"));
	unit_write(w->dir, "class/net/broken/ifindex", STR("x\n"));
	begin(w);
	assert_text(decode(w, DECODE_IFNAME, 1), "lo");
	assert_text(decode(w, DECODE_IFNAME, 12), "eth0");
	assert_text(decode(w, DECODE_IFNAME, 13), "unknown:13");
	assert_text(decode(w, DECODE_IFNAME, 0), "unknown:0");
}

static void test_users(void **state)
{
	struct world *w = *state;

	make_dirs(w, "etc");
	unit_write(w->dir, "etc/passwd",
		   STR("root:x:0:0::/:/bin/sh\ntoor:x:0:0:::\n+nis\nbad:x:abc:0\n:x:7:0\n"
		       "ann\xff:x:1000:1000::/home/ann:/bin/sh"));
	begin(w);
	assert_text(decode(w, DECODE_USER, 0), "root");
	assert_text(decode(w, DECODE_USER, 1000), "ann?");
	assert_text(decode(w, DECODE_USER, 7), "7");
	assert_text(decode(w, DECODE_USER, 4294967295), "4294967295");
}

static void test_cgroups(void **state)
{
	struct world *w = *state;
	uint64_t ssh, late;

	/* Version 1 beside version 2. */
	make_dirs(w, "fs/cgroup/unified/system.slice/ssh.service");
	make_dirs(w, "fs/cgroup/memory/docker");
	unit_write(w->dir, "fs/cgroup/unified/cgroup.controllers", STR("cpu\n"));
	begin(w);
	ssh = inode(w, "fs/cgroup/unified/system.slice/ssh.service");
	assert_text(decode(w, DECODE_CGROUP, ssh), "/system.slice/ssh.service");
	assert_text(decode(w, DECODE_CGROUP, inode(w, "fs/cgroup/unified")), "/");
	assert_text(decode(w, DECODE_CGROUP, inode(w, "fs/cgroup/unified/system.slice")),
		    "/system.slice");
	late = inode(w, "fs/cgroup/memory/docker");
	assert_true(str_starts(decode(w, DECODE_CGROUP, late), STR("unknown_cgroup_id:")));
	/* One walk in a pass: what is new is known in the next, even when somebody asked before. */
	make_dirs(w, "fs/cgroup/unified/a\x01"
		     "b/c");
	late = inode(w, "fs/cgroup/unified/a\x01"
			"b/c");
	assert_true(str_starts(decode(w, DECODE_CGROUP, late), STR("unknown_cgroup_id:")));
	begin(w);
	assert_text(decode(w, DECODE_CGROUP, late), "/a?b/c");
	/* One that is gone keeps its name as long as somebody asks: its counters are still there.
	 */
	assert_int_equal(
		unlinkat(w->dir, "fs/cgroup/unified/system.slice/ssh.service", AT_REMOVEDIR), 0);
	for (int i = 0; i < 5; i++) {
		begin(w);
		assert_text(decode(w, DECODE_CGROUP, ssh), "/system.slice/ssh.service");
		(void)decode(w, DECODE_CGROUP, (1 + (uint64_t)i) << 48);
	}
	for (int i = 0; i < 5; i++) {
		begin(w);
		(void)decode(w, DECODE_CGROUP, (77 + (uint64_t)i) << 48);
	}
	assert_null(known_find(&w->decoder->cgroups, ssh));
	assert_non_null(known_find(&w->decoder->cgroups, late));
}

/* An id that is known to be none costs nothing from then on. */
static void test_no_storm(void **state)
{
	struct world *w = *state;

	make_dirs(w, "fs/cgroup/unified/x");
	unit_write(w->dir, "fs/cgroup/unified/cgroup.controllers", STR(""));
	begin(w);
	assert_text(decode(w, DECODE_CGROUP, 1ull << 50), "unknown_cgroup_id:1125899906842624");
	assert_true(w->decoder->read_cgroups);
	begin(w);
	assert_text(decode(w, DECODE_CGROUP, 1ull << 50), "unknown_cgroup_id:1125899906842624");
	assert_text(decode(w, DECODE_CGROUP, inode(w, "fs/cgroup/unified/x")), "/x");
	assert_false(w->decoder->read_cgroups);
}

static void test_alone(void **state)
{
	struct world *w = *state;

	make_dirs(w, "fs/cgroup/user.slice");
	unit_write(w->dir, "fs/cgroup/cgroup.controllers", STR("cpu\n"));
	begin(w);
	assert_text(decode(w, DECODE_CGROUP, inode(w, "fs/cgroup/user.slice")), "/user.slice");
}

static void test_symbols(void **state)
{
	struct world *w = *state;
	uint64_t stack[] = { 0xffffffff81000104, 0x1, 0xffffffffc0000000, 0, 0xffffffff81000100 };
	struct spec_decoder kstack = { .kind = DECODE_KSTACK };
	struct spec_label label = { .size = sizeof(stack), .n = 1, .decoders = &kstack };
	struct str got;

	unit_write(w->dir, "kallsyms",
		   STR("0000000000000000 A nothing\n"
		       "ffffffff81000000 T _text\nffffffff81000000 T _stext\n"
		       "ffffffff81000100 t do_it\nffffffff81000200 T after\n"
		       "nonsense\n\nffffffffc0000000 t mod_fn\t[mod]\n"
		       "ffffffff81000180 t late"));
	begin(w);
	assert_text(decode(w, DECODE_KSYM, 0xffffffff81000000), "_text");
	assert_text(decode(w, DECODE_KSYM, 0xffffffff81000100), "do_it");
	assert_text(decode(w, DECODE_KSYM, 0xffffffff810001ff), "do_it");
	assert_text(decode(w, DECODE_KSYM, 0xffffffffc0000010), "mod_fn");
	assert_text(decode(w, DECODE_KSYM, 0xffffffff90000000), "unknown_addr:0xffffffff90000000");
	assert_text(decode(w, DECODE_KSYM, 0), "unknown_addr:0x0");
	assert_int_equal(decode_label(w->decoder, &label, stack, &w->arena, &got), DECODED);
	assert_text(got, "do_it\n?\?\nmod_fn");
	/* Found once, it is not looked for again. */
	unit_write(w->dir, "kallsyms", STR(""));
	begin(w);
	assert_text(decode(w, DECODE_KSYM, 0xffffffff810001ff), "do_it");
	assert_false(w->decoder->symbols.read);
	/* However many addresses there are, few are kept. */
	for (uint64_t i = 0; i < 3 * LOOKUPS_MAX; i++)
		(void)decode(w, DECODE_KSYM, i);
	assert_true(w->decoder->addresses.n <= LOOKUPS_MAX);
}

static void test_pci(void **state)
{
	struct world *w = *state;

	make_dirs(w, "usr/share/misc");
	unit_write(w->dir, "usr/share/misc/pci.ids",
		   STR("# comment\n8086  Intel Corporation\n\t1533  I210 Gigabit\n"
		       "\t\t8086 1533  Subsystem\n10de  NVIDIA Corporation\n\t1533  Other\n"
		       "C 02  Network controller\n\t00  Ethernet controller\n\t\t01  If\n"
		       "C 0c  Serial bus controller\n\t03  USB controller\n"));
	begin(w);
	assert_text(decode(w, DECODE_PCI_VENDOR, 0x8086), "Intel Corporation");
	assert_text(decode(w, DECODE_PCI_VENDOR, 0x2), "unknown pci vendor: 0x02");
	assert_text(decode(w, DECODE_PCI_DEVICE, 0x80861533), "I210 Gigabit");
	assert_text(decode(w, DECODE_PCI_DEVICE, 0x10de1533), "Other");
	assert_text(decode(w, DECODE_PCI_DEVICE, 0x10de8086), "unknown pci device: 0x10de8086");
	assert_text(decode(w, DECODE_PCI_DEVICE, 0x7), "unknown pci device: 0x0007");
	assert_text(decode(w, DECODE_PCI_CLASS, 0x02), "Network controller");
	assert_text(decode(w, DECODE_PCI_CLASS, 0x03), "unknown pci class: 0x03");
	assert_text(decode(w, DECODE_PCI_SUBCLASS, 0x0200), "Ethernet controller");
	assert_text(decode(w, DECODE_PCI_SUBCLASS, 0x0c03), "USB controller");
	assert_text(decode(w, DECODE_PCI_SUBCLASS, 0x0c04),
		    "unknown pci subclass: 0x04 (class 0x0c)");
	assert_text(decode(w, DECODE_PCI_SUBCLASS, 0x0300), "unknown pci class: 0x03");
	assert_text(decode(w, DECODE_PCI_VENDOR, 1ull << 40 | 0x8086),
		    "unknown pci vendor: 0x10000008086");
	for (uint64_t i = 0; i < 3 * LOOKUPS_MAX; i++)
		(void)decode(w, DECODE_PCI_DEVICE, i);
	assert_true(w->decoder->pci.n <= LOOKUPS_MAX);
	assert_true(w->decoder->pci_searches > SEARCHES_MAX);
}

static void test_live_interfaces(void **state)
{
	struct world *w = *state;
	struct if_nameindex *list = if_nameindex();

	assert_non_null(list);
	assert_true(list[0].if_index > 0);
	for (size_t i = 0; list[i].if_index; i++) {
		struct str got = decode(w, DECODE_IFNAME, list[i].if_index);
		char name[IF_NAMESIZE];

		/* Others may have taken it away meanwhile. */
		if (if_indextoname(list[i].if_index, name) && strcmp(name, list[i].if_name) == 0)
			assert_text(got, name);
	}
	if_freenameindex(list);
	assert_text(decode(w, DECODE_IFNAME, 999999), "unknown:999999");
}

/* Every block device in /dev: the number that stat(2) gives it, and the kernel's own. */
static void test_live_devices(void **state)
{
	struct world *w = *state;
	struct str *names;
	size_t n;

	assert_int_equal(host_list(&w->host, HOST_SYS, "block", &w->arena, &names, &n), 0);
	for (size_t i = 0; i < n; i++) {
		struct str path = ARENA_CONCAT(&w->arena, STR("/dev/"), names[i]);
		struct stat st;

		if (stat(path.p, &st) < 0 || !S_ISBLK(st.st_mode))
			continue;
		assert_text(decode(w, DECODE_MAJORMINOR, (uint32_t)st.st_rdev), names[i].p);
		assert_text(decode(w, DECODE_MAJORMINOR,
				   (uint64_t)major(st.st_rdev) << 20 | minor(st.st_rdev)),
			    names[i].p);
	}
}

static void test_live_users(void **state)
{
	struct world *w = *state;
	FILE *file = fopen("/etc/passwd", "re");
	size_t n = 0;

	assert_non_null(file);
	for (const struct passwd *user; (user = fgetpwent(file)) && n < 50; n++) {
		struct str name = arena_str(&w->arena, str_of(user->pw_name));
		const struct passwd *first = getpwuid(user->pw_uid);

		assert_non_null(first);
		if (str_eq(str_of(first->pw_name), name))
			assert_text(decode(w, DECODE_USER, user->pw_uid), name.p);
	}
	(void)fclose(file);
	assert_true(n > 0);
}

/* How many have another name. */
static unsigned misnamed(struct world *w, int dir, const char *path, unsigned *n)
{
	struct str *names, got;
	unsigned wrong;
	size_t n_names;
	struct stat st;

	assert_int_equal(fstat(dir, &st), 0);
	got = decode(w, DECODE_CGROUP, st.st_ino);
	wrong = !str_eq(got, str_of(*path ? path : "/"));
	if (wrong)
		print_message("# %s is %.*s\n", path, STR_ARG(got));
	if (host_list_dir(dir, &w->arena, &names, &n_names) < 0)
		return 1;
	for (size_t i = 0; i < n_names && ++*n < 2000; i++) {
		_cleanup_fd_ int child =
			openat(dir, names[i].p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (child >= 0)
			wrong += misnamed(
				w, child,
				ARENA_CONCAT(&w->arena, str_of(path), STR("/"), names[i]).p, n);
	}
	return wrong;
}

/* Others make some and remove some meanwhile, but not always. */
static void compare_cgroups(struct world *w, int root)
{
	unsigned n, wrong, tries = 100;

	do {
		decoder_free(w->decoder);
		w->decoder = decoder_new();
		begin(w);
		n = 0;
		wrong = misnamed(w, root, "", &n);
	} while (wrong && --tries);
	assert_int_equal(wrong, 0);
}

/* By the kernel's answer where this user may ask, and by a walk, are the same. */
static void test_live_cgroups(void **state)
{
	struct world *w = *state;
	_cleanup_fd_ int alone = host_open_dir(&w->host, HOST_SYS, "fs/cgroup"),
			 beside = host_open_dir(&w->host, HOST_SYS, "fs/cgroup/unified");
	int root =
		alone >= 0 && faccessat(alone, "cgroup.controllers", F_OK, 0) == 0 ? alone : beside;
	uid_t was;
	bool made;

	if (root < 0) {
		assert_text(decode(w, DECODE_CGROUP, 1), "unknown_cgroup_id:1");
		return;
	}
	made = mkdirat(root, "peekpush-unit-decode", 0755) == 0;
	compare_cgroups(w, root);
	was = unit_as_nobody();
	compare_cgroups(w, root);
	assert_true(w->decoder->read_cgroups);
	unit_as(was);
	if (made)
		assert_int_equal(unlinkat(root, "peekpush-unit-decode", AT_REMOVEDIR), 0);
	assert_text(decode(w, DECODE_CGROUP, UINT64_MAX), "unknown_cgroup_id:18446744073709551615");
}

/* Symbols of this kernel, as far as this user may see their addresses. */
static void test_live_symbols(void **state)
{
	struct world *w = *state;
	struct str text, line;
	size_t seen = 0, n = 0;

	assert_int_equal(host_read(&w->host, HOST_PROC, "kallsyms", &w->arena, &text), 0);
	for (uint64_t address = 0, last = 0; str_line(&text, &line) && seen < 200; last = address) {
		struct str word, type, name, got;

		if (!str_word(&line, &word) || num_hex(word, &address) || !address ||
		    !str_word(&line, &type) || !str_eq(type, STR("T")) || address == last ||
		    !str_word(&line, &name) || n++ % 500)
			continue;
		seen++;
		got = decode(w, DECODE_KSYM, address);
		if (!str_eq(got, name))
			fail_msg("%.*s is not %.*s", STR_ARG(got), STR_ARG(name));
	}
	if (!seen)
		assert_text(decode(w, DECODE_KSYM, 0xffffffff81000000),
			    "unknown_addr:0xffffffff81000000");
}

#define MADE_UP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup_live, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MADE_UP(test_devices),   MADE_UP(test_interfaces), MADE_UP(test_users),
		MADE_UP(test_cgroups),   MADE_UP(test_no_storm),   MADE_UP(test_alone),
		MADE_UP(test_symbols),   MADE_UP(test_pci),        LIVE(test_live_interfaces),
		LIVE(test_live_devices), LIVE(test_live_users),    LIVE(test_live_cgroups),
		LIVE(test_live_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
