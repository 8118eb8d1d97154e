/* SPDX-License-Identifier: Apache-2.0 */
#include "live-processes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/caps.h"
#include "base/cleanup.h"

static bool skip(const char *why)
{
	(void)printf("1..0 # SKIP %s\n", why);
	return false;
}

bool live_begin(struct live *live)
{
	struct load_report report = { 0 };
	struct str why = STR("");
	size_t n;

	*live = (struct live){ .words = { STR("processes") }, .pins = "/tmp/peekpush-pins-XXXXXX" };
	if (!caps_may_bpf() || access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return skip("no BPF here");
	if (!mkdtemp(live->pins))
		return skip("no temporary directory");
	live->conf = (struct ebpf_conf){
		.programs = { 1, live->words },
		.objects = STR("/nonexistent"),
		.pins = str_of(live->pins),
	};
	if (bpf_mount(&live->conf, &live->arena, &why) < 0) {
		(void)rmdir(live->pins);
		return skip("no file system for pins");
	}
	if (bpf_load(&live->conf, &live->arena, &report, &why) < 0 || report.n != 1 ||
	    !report.results[0].loaded || report.results[0].why.n) {
		if (report.n == 1)
			why = report.results[0].why;
		(void)printf("Bail out! %.*s\n", STR_ARG(why));
		(void)bpf_unload(&live->conf, &live->arena, &n, &why);
		(void)rmdir(live->pins);
		exit(1);
	}
	if (loaded_open(live->pins, STR("processes"), &live->loaded) == 0)
		live->object = loaded_find(&live->loaded, STR("processes"));
	if (!live->object) {
		(void)printf("Bail out! %.*s\n", STR_ARG(live->loaded.why));
		exit(1);
	}
	struct process_table table;

	live->shielded = live_table(live, &live->arena, &table) == 0 && !live_find(&table, 1);
	return true;
}

void live_end(struct live *live)
{
	struct str why;
	size_t n;

	loaded_close(&live->loaded);
	if (bpf_unload(&live->conf, &live->arena, &n, &why) < 0)
		(void)printf("# %.*s\n", STR_ARG(why));
	(void)rmdir(live->pins);
	arena_release(&live->arena);
}

int live_table(const struct live *live, struct arena *arena, struct process_table *ret)
{
	_cleanup_fd_ int fd = loaded_iterate(live->object, STR("table"));

	return fd < 0 ? fd : processes_iter(fd, arena, ret);
}

const struct process *live_find(const struct process_table *table, pid_t pid)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->v[i].pid == (uint32_t)pid)
			return &table->v[i];
	return NULL;
}
