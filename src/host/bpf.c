/* SPDX-License-Identifier: Apache-2.0 */
/* Built where libbpf is; the library itself is loaded when it is asked something. */
#include "host/bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/lib.h"

struct libbpf {
	__typeof__(&libbpf_probe_bpf_prog_type) prog_type;
	__typeof__(&libbpf_probe_bpf_map_type) map_type;
	__typeof__(&libbpf_set_print) set_print;
	__typeof__(&libbpf_find_vmlinux_btf_id) find_type;
	__typeof__(&bpf_prog_load) load;
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

/* What libbpf has no probe for: hooks that are found by the kernel's type information. */
static const struct {
	const char *name, *hook;
	enum bpf_attach_type type;
} hooks[] = {
	{ "typed tracepoint programs (tp_btf)", "sched_switch", BPF_TRACE_RAW_TP },
	{ "iterators over tasks", "task", BPF_TRACE_ITER },
};

enum { FILES = 4, FEATURES = FILES + ARRAY_SIZE(hooks) + ARRAY_SIZE(programs) + ARRAY_SIZE(maps) };

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

static int try_hook(const struct libbpf *libbpf, const char *hook, enum bpf_attach_type type)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type);
	int id = libbpf->find_type(hook, type);

	if (id <= 0)
		return 0;
	opts.attach_btf_id = (uint32_t)id;

	_cleanup_fd_ int fd = libbpf->load(BPF_PROG_TYPE_TRACING, NULL, "GPL", nothing,
					   ARRAY_SIZE(nothing), &opts);

	return fd >= 0;
}

/* Of the processor itself; virtual machines seldom have them. */
static int try_counter(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.disabled = 1,
	};
	_cleanup_fd_ int fd =
		(int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd >= 0;
}

int bpf_probe(struct arena *arena, struct bpf_feature **ret, size_t *ret_n, const char **ret_why)
{
	static const struct lib_symbol symbols[] = {
		{ "libbpf_probe_bpf_prog_type", offsetof(struct libbpf, prog_type) },
		{ "libbpf_probe_bpf_map_type", offsetof(struct libbpf, map_type) },
		{ "libbpf_set_print", offsetof(struct libbpf, set_print) },
		{ "libbpf_find_vmlinux_btf_id", offsetof(struct libbpf, find_type) },
		{ "bpf_prog_load", offsetof(struct libbpf, load) },
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
	f[n] = file_feature("list of tracepoints (tracefs)", "/sys/kernel/tracing/events", R_OK);
	if (f[n].answer != BPF_YES &&
	    faccessat(AT_FDCWD, "/sys/kernel/debug/tracing/events", R_OK, AT_EACCESS) == 0)
		f[n].answer = BPF_YES;
	n++;
	f[n++] = tried("hardware counters", try_counter());
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		f[n++] = tried(hooks[i].name, try_hook(&libbpf, hooks[i].hook, hooks[i].type));
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		f[n++] = tried(programs[i].name, libbpf.prog_type(programs[i].type, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		f[n++] = tried(maps[i].name, libbpf.map_type(maps[i].type, NULL));
	*ret = f;
	*ret_n = n;
	return 0;
}
