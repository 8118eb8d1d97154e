/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/load.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bpf/load_internal.h"

/* Goes into the hash: raise it when what is pinned, or the meaning of a spec's text, changes. */
#define LAYOUT STR("layout 1")

/* Loading takes milliseconds; the verifier may take a while for a large program. */
enum { TRY_SECONDS = 20 };

static long bpf_call(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

struct str load_meta(const struct loader *l, struct str dir)
{
	_cleanup_fd_ int fd = pins_get(&l->pins, dir, "", STR("meta"), l->arena);
	struct bpf_map_info info = { 0 };
	uint32_t zero = 0, size = sizeof(info);
	char *text;

	if (fd < 0 || l->lib.bpf_obj_get_info_by_fd(fd, &info, &size) < 0 ||
	    info.value_size > 1 << 24)
		return STR("");
	/* The kernel copies whole words. */
	text = arena_zalloc(l->arena, 1, info.value_size + 8);
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd,
		.key = (uintptr_t)&zero,
		.value = (uintptr_t)text,
	};
	if (bpf_call(BPF_MAP_LOOKUP_ELEM, &attr) < 0)
		return STR("");
	return (struct str){ text, info.value_size };
}

/* Whether a map may be made at all; without it there is no use in trying anything. */
static int may_load(struct arena *arena, struct str *ret_why)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1,
	};
	_cleanup_fd_ int fd = (int)bpf_call(BPF_MAP_CREATE, &attr);
	int r = fd < 0 ? -errno : 0;

	if (r == -ENOSYS)
		*ret_why = STR("this kernel has no BPF");
	else if (r < 0)
		*ret_why = arena_printf(arena, "%s: loading needs CAP_BPF and CAP_PERFMON",
					strerror(-r));
	return r;
}

static struct str hash_of(const struct load_object *o, struct arena *arena)
{
	const uint64_t parts[] = { str_hash(LAYOUT), str_hash(o->bytes), str_hash(o->sidecar) };

	return arena_printf(arena, "%016" PRIx64,
			    str_hash((struct str){ (const char *)parts, sizeof(parts) }));
}

/*
 * A damaged file can crash libbpf, and must not take the other objects with it: the user's are
 * tried in a process of their own first.
 */
static bool survives(const struct loader *l, const struct load_object *o)
{
	static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	const struct rlimit no_core = { 0 };
	int status = 0;
	pid_t pid = o->builtin ? -1 : fork();

	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
			(void)signal(deadly[i], SIG_DFL);
		(void)alarm(TRY_SECONDS);

		struct bpf_object *object = load_open(l, o);

		if (object)
			(void)l->lib.bpf_object__load(object);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

static void describe_candidate(struct loader *l, struct candidate *c)
{
	const struct load_object *o = c->wanted;
	struct str sidecar = { o->file.p, o->file.n };
	struct bpf_object *object;

	c->spec.object = o->name;
	c->spec.file = o->file;
	c->spec.hash = hash_of(o, l->arena);
	c->why = o->why;
	if (!c->why.n && !survives(l, o))
		c->why = STR("libbpf does not survive it: the file is damaged");
	if (c->why.n)
		return;
	object = load_open(l, o);
	if (!object) {
		/* libbpf has error numbers of its own, and for this in nearly every case the same.
		 */
		c->why = errno < 4000
				 ? arena_printf(l->arena, "not a BPF object: %s", strerror(errno))
				 : STR("not a BPF object");
		return;
	}
	if (str_ends(sidecar, STR(EBPF_OBJECT_SUFFIX)))
		sidecar.n -= sizeof(EBPF_OBJECT_SUFFIX) - 1;
	sidecar = ARENA_CONCAT(l->arena, sidecar, STR(".conf"));
	/* What no reader would accept is better refused while somebody is looking. */
	if (sidecar_parse(&l->lib, object, o->sidecar, sidecar, l->arena, &c->sidecar, &c->why) ==
		    0 &&
	    describe(&l->lib, object, l->kernel, &c->sidecar, l->arena, &c->spec, &c->why) == 0)
		(void)spec_check(&c->spec, l->arena, &c->why);
	l->lib.bpf_object__close(object);
}

/* Of two objects that tell one metric differently, the later one is refused. */
static void refuse_conflicts(struct loader *l, struct candidate *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i && !v[i].why.n; j++)
			for (size_t x = 0; x < v[i].spec.n_metrics; x++)
				for (size_t y = 0; !v[j].why.n && y < v[j].spec.n_metrics; y++) {
					const struct spec_metric *a = &v[i].spec.metrics[x],
								 *b = &v[j].spec.metrics[y];

					if (!str_eq(a->name, b->name) || spec_same_metric(a, b))
						continue;
					v[i].why = arena_printf(
						l->arena, "%.*s is defined differently by %.*s",
						STR_ARG(a->name), STR_ARG(v[j].spec.object));
				}
}

/* Takes off what nobody wants any more, and finds what is as it should be. */
static int tidy(struct loader *l, struct candidate *v, size_t n, size_t *ret_missing)
{
	struct str *dirs;
	size_t n_dirs;
	int r = pins_list(&l->pins, STR(""), l->arena, &dirs, &n_dirs);

	*ret_missing = n;
	for (size_t i = 0; r == 0 && i < n_dirs; i++) {
		struct str object, hash;
		bool wanted = false;

		(void)pins_split(dirs[i], &object, &hash);
		for (size_t j = 0; j < n; j++) {
			if (v[j].why.n || !str_eq(v[j].spec.object, object))
				continue;
			wanted = true;
			if (str_eq(v[j].spec.hash, hash) && load_meta(l, dirs[i]).n) {
				v[j].kept = true;
				(*ret_missing)--;
			}
		}
		if (!wanted)
			r = pins_remove(&l->pins, dirs[i], "");
	}
	/* A loader that was killed may have left programs there that run. */
	(void)pins_abort(&l->pins);
	return r;
}

static int load_all(struct loader *l, struct candidate *v, size_t n, struct load_report *ret,
		    struct str *ret_why)
{
	size_t missing;
	int r;

	ret->results = arena_zalloc(l->arena, n + 1, sizeof(*ret->results));
	ret->n = n;
	for (size_t i = 0; i < n; i++)
		describe_candidate(l, &v[i]);
	refuse_conflicts(l, v, n);
	r = tidy(l, v, n, &missing);
	if (r < 0) {
		*ret_why = arena_printf(l->arena, "%s: %s", l->pins.path, strerror(-r));
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		struct load_result *result = &ret->results[i];

		*result = (struct load_result){ v[i].spec.object, v[i].kept, v[i].kept, v[i].why };
		if (v[i].why.n || v[i].kept)
			continue;
		result->loaded = load_candidate(l, &v[i], &result->why) == 0;
	}
	return 0;
}

int bpf_load(const struct ebpf_conf *conf, struct arena *arena, struct load_report *ret,
	     struct str *ret_why)
{
	struct loader l = { .arena = arena };
	struct load_object *wanted;
	struct candidate *v;
	const char *missing;
	size_t n;
	int r = bpf_wanted(conf, arena, &wanted, &n, ret_why);

	if (r < 0 || (r = may_load(arena, ret_why)) < 0)
		return r;
	r = libbpf_open(&l.lib, &missing);
	if (r < 0) {
		*ret_why = arena_printf(arena, "libbpf cannot be used: %s", missing);
		return r;
	}
	/* Sections of ebpf_exporter's that libbpf does not know. */
	(void)l.lib.libbpf_register_prog_handler("perf_event/", BPF_PROG_TYPE_PERF_EVENT, 0, NULL);
	(void)l.lib.libbpf_register_prog_handler("xdp/", BPF_PROG_TYPE_XDP, 0, NULL);
	r = pins_open(conf->pins.p, arena, &l.pins, ret_why);
	if (r < 0)
		return r;
	v = arena_zalloc(arena, n + 1, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i].wanted = &wanted[i];
	l.kernel = l.lib.btf__load_vmlinux_btf();
	r = load_all(&l, v, n, ret, ret_why);
	l.lib.btf__free(l.kernel);
	pins_close(&l.pins);
	return r;
}

int bpf_unload(const struct ebpf_conf *conf, struct arena *arena, size_t *ret_n,
	       struct str *ret_why)
{
	struct pins pins;
	struct str *dirs;
	size_t n = 0;
	int r = pins_open(conf->pins.p, arena, &pins, ret_why);

	*ret_n = 0;
	if (r == -ENOENT || r == -ENOTSUP)
		return 0;
	if (r < 0)
		return r;
	r = pins_list(&pins, STR(""), arena, &dirs, &n);
	for (size_t i = 0; i < n; i++) {
		int removed = pins_remove(&pins, dirs[i], "");

		if (removed < 0)
			r = removed;
		else
			++*ret_n;
	}
	if (pins_abort(&pins) == 0)
		++*ret_n;
	if (r < 0)
		*ret_why = arena_printf(arena, "%s: %s", pins.path, strerror(-r));
	pins_end(&pins);
	if (r < 0)
		return r;
	r = bpf_unmount(conf, arena);
	if (r < 0)
		*ret_why = arena_printf(arena, "%s: cannot be unmounted: %s", conf->pins.p,
					strerror(-r));
	return r;
}
