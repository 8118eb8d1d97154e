/* SPDX-License-Identifier: Apache-2.0 */
/* Built where libbpf is; the library itself is loaded when it is asked something. */
#include "host/bpf.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/lib.h"

struct libbpf {
	__typeof__(&libbpf_probe_bpf_prog_type) prog_type;
	__typeof__(&libbpf_probe_bpf_map_type) map_type;
	__typeof__(&libbpf_set_print) set_print;
};

static const struct {
	const char *name;
	enum bpf_prog_type type;
} programs[] = {
	{ "tracepoint programs", BPF_PROG_TYPE_TRACEPOINT },
	{ "raw tracepoint programs", BPF_PROG_TYPE_RAW_TRACEPOINT },
	{ "fentry programs", BPF_PROG_TYPE_TRACING },
	{ "perf event programs", BPF_PROG_TYPE_PERF_EVENT },
	{ "kprobe programs", BPF_PROG_TYPE_KPROBE },
	{ "cgroup packet programs", BPF_PROG_TYPE_CGROUP_SKB },
};

static const struct {
	const char *name;
	enum bpf_map_type type;
} maps[] = {
	{ "hash maps", BPF_MAP_TYPE_HASH },
	{ "per-CPU hash maps", BPF_MAP_TYPE_PERCPU_HASH },
	{ "ring buffers", BPF_MAP_TYPE_RINGBUF },
};

enum { FILES = 2, FEATURES = FILES + ARRAY_SIZE(programs) + ARRAY_SIZE(maps) };

static struct bpf_feature file_feature(const char *name, const char *path, int mode)
{
	if (faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0)
		return (struct bpf_feature){ name, BPF_YES, STR("") };
	return (struct bpf_feature){ name, BPF_NO, str_of(strerror(errno)) };
}

/* libbpf: 1 yes, 0 no, negative: could not be tried, most often for lack of capabilities. */
static struct bpf_feature tried(const char *name, int r)
{
	if (r > 0)
		return (struct bpf_feature){ name, BPF_YES, STR("") };
	if (r == 0 && caps_may_bpf())
		return (struct bpf_feature){ name, BPF_NO, STR("the kernel refuses it") };
	if (r == 0 || r == -EPERM)
		return (struct bpf_feature){ name, BPF_UNKNOWN,
					     STR("needs CAP_BPF and CAP_PERFMON to be tried") };
	return (struct bpf_feature){ name, BPF_UNKNOWN, str_of(strerror(-r)) };
}

int bpf_probe(struct arena *arena, struct bpf_feature **ret, size_t *ret_n, const char **ret_why)
{
	static const struct lib_symbol symbols[] = {
		{ "libbpf_probe_bpf_prog_type", offsetof(struct libbpf, prog_type) },
		{ "libbpf_probe_bpf_map_type", offsetof(struct libbpf, map_type) },
		{ "libbpf_set_print", offsetof(struct libbpf, set_print) },
		{ 0 },
	};
	struct bpf_feature *f = arena_zalloc(arena, FEATURES, sizeof(*f));
	struct libbpf libbpf;
	size_t n = 0;

	if (lib_open("libbpf.so.1", symbols, &libbpf, ret_why) < 0)
		return -ENOSYS;
	(void)libbpf.set_print(NULL);
	f[n++] = file_feature("type information of the kernel (BTF)", "/sys/kernel/btf/vmlinux",
			      R_OK);
	f[n++] = file_feature("BPF file system", "/sys/fs/bpf", F_OK);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		f[n++] = tried(programs[i].name, libbpf.prog_type(programs[i].type, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		f[n++] = tried(maps[i].name, libbpf.map_type(maps[i].type, NULL));
	*ret = f;
	*ret_n = n;
	return 0;
}
