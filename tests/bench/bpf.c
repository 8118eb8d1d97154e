/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs cost for each event, beside an empty program on the same hook and beside the
 * same work as ebpf_exporter's examples do it. All variants take turns within one run, and of the
 * many short rounds the 25th percentile counts, because other work on the machine only adds.
 * bpf WHAT OBJECT=PROGRAM,.. [OBJECT=PROGRAM,..]..., WHAT: syscall, failing, switch, or io FILE
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { VARIANTS = 12, PROGRAMS = 8, ROUNDS = 41, CALLS = 100000, SWITCHES = 10000, IOS = 300 };

struct variant {
	const char *object_name, *label;
	struct bpf_object *object;
	struct bpf_program *programs[PROGRAMS];
	struct bpf_link *links[PROGRAMS];
	size_t n;
	double ns[ROUNDS];
};

static const char *io_file;

static double now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int be_quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* "OBJECT=PROGRAM,PROGRAM", or the object only for all of its programs but iterators. */
static void load(struct variant *v, char *spec)
{
	char *names = strchr(spec, '='), *slash = strrchr(spec, '/');
	struct bpf_program *p;

	v->object_name = slash ? slash + 1 : spec;
	v->label = names ? names + 1 : "(all)";
	if (names)
		*names++ = '\0';
	v->object = bpf_object__open_file(spec, NULL);
	if (!v->object)
		die(spec);
	bpf_object__for_each_program(p, v->object)
	{
		const char *name = bpf_program__name(p);
		const char *at = names ? strstr(names, name) : name;
		bool wanted = at && strncmp(bpf_program__section_name(p), "iter", 4) != 0;

		(void)bpf_program__set_autoload(p, wanted);
		if (wanted && v->n < PROGRAMS)
			v->programs[v->n++] = p;
	}
	if (!v->n || bpf_object__load(v->object))
		die(spec);
}

static void attach(struct variant *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (!(v->links[i] = bpf_program__attach(v->programs[i])))
			die(bpf_program__name(v->programs[i]));
}

static void detach(struct variant *v)
{
	for (size_t i = 0; i < v->n; i++)
		(void)bpf_link__destroy(v->links[i]);
}

static double syscalls(struct variant *v)
{
	double begin = now_ns();

	(void)v;
	for (int i = 0; i < CALLS; i++)
		(void)syscall(SYS_getppid);
	return (now_ns() - begin) / CALLS;
}

static double failing(struct variant *v)
{
	double begin = now_ns();

	(void)v;
	for (int i = 0; i < CALLS; i++)
		(void)syscall(SYS_close, -1);
	return (now_ns() - begin) / CALLS;
}

/* Two processes on one CPU that wake each other: two switches for each round trip. */
static double switches(struct variant *v)
{
	int there[2], back[2];
	double begin;
	char byte = 0;
	pid_t pid;

	(void)v;
	if (pipe(there) || pipe(back))
		die("pipe");
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < SWITCHES / 2; i++)
			if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
				_exit(1);
		_exit(0);
	}
	begin = now_ns();
	for (int i = 0; i < SWITCHES / 2; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			die("pipe");
	begin = (now_ns() - begin) / SWITCHES;
	(void)waitpid(pid, NULL, 0);
	for (int i = 0; i < 2; i++) {
		(void)close(there[i]);
		(void)close(back[i]);
	}
	return begin;
}

/* A disk's time varies by more than the programs take, so the kernel's own clock of them. */
static double run_time(const struct variant *v)
{
	double total = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(v->programs[i]), &info, &size))
			die("bpf_obj_get_info_by_fd");
		total += (double)info.run_time_ns;
	}
	return total;
}

static double ios(struct variant *v)
{
	int fd = open(io_file, O_RDONLY | O_DIRECT | O_CLOEXEC);
	double begin;
	void *page;

	if (fd < 0 || posix_memalign(&page, 4096, 4096))
		die(io_file);
	begin = run_time(v);
	for (int i = 0; i < IOS; i++)
		if (pread(fd, page, 4096, (off_t)i % 1024 * 4096) != 4096)
			die(io_file);
	begin = (run_time(v) - begin) / IOS;
	free(page);
	(void)close(fd);
	return begin;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		double (*run)(struct variant *v);
	} kinds[] = {
		{ "syscall", syscalls },
		{ "failing", failing },
		{ "switch", switches },
		{ "io", ios },
	};
	static struct variant variants[VARIANTS] = { { .label = "(none)" } };
	double (*run)(struct variant *) = NULL;
	size_t n = 1, first = 2;
	cpu_set_t one;

	for (size_t i = 0; argc > 2 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			run = kinds[i].run;
	if (run == ios)
		io_file = argv[first++];
	if (!run || (size_t)argc <= first || (size_t)argc - first >= VARIANTS) {
		(void)fprintf(stderr, "usage: bpf syscall|failing|switch|io FILE OBJECT...\n");
		return 2;
	}
	(void)libbpf_set_print(be_quiet);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	for (size_t i = first; i < (size_t)argc; i++)
		load(&variants[n++], argv[i]);
	if (run == ios && bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		die("bpf_enable_stats");
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < n; i++) {
			attach(&variants[i]);
			variants[i].ns[round] = run(&variants[i]);
			detach(&variants[i]);
		}
	for (size_t i = 0; i < n; i++)
		qsort(variants[i].ns, ROUNDS, sizeof(double), by_size);
	double none = variants[0].ns[ROUNDS / 4], empty = variants[1].ns[ROUNDS / 4] - none,
	       last = variants[n - 1].ns[ROUNDS / 4] - none;

	(void)printf("%s: %.0f ns without any program\n", argv[1], none);
	for (size_t i = 1; i < n; i++) {
		double added = variants[i].ns[ROUNDS / 4] - none;

		(void)printf("  %-18s %-38s +%6.1f ns %5.2f x first %5.2f x last\n",
			     variants[i].object_name, variants[i].label, added, added / empty,
			     added / last);
	}
	return 0;
}
