/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

static int call(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* "memlock:\t8192" of /proc/self/fdinfo/N. */
static int memory(int fd, uint64_t *ret)
{
	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, "/proc/self/fdinfo");
	_cleanup_arena_ struct arena arena = { 0 };
	struct str name = arena_printf(&arena, "%d", fd), text, line;
	int r = dir < 0 ? dir : file_read(dir, name.p, 1 << 16, &arena, &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		if (!str_starts(line, STR("memlock:")))
			continue;
		line = str_skip(line, sizeof("memlock:") - 1);
		return num_take_u64(&line, ret) ? 0 : -EBADMSG;
	}
	return -ENODATA;
}

int usage_map(int fd, uint64_t *ret_bytes)
{
	return memory(fd, ret_bytes);
}

/* Numbers are given out in turn, but they come round: the hash of the code tells two apart. */
static bool is_same(const struct bpf_prog_info *info, const struct spec_program *program)
{
	char tag[2 * BPF_TAG_SIZE + 1];

	for (size_t i = 0; i < BPF_TAG_SIZE; i++)
		(void)snprintf(tag + 2 * i, 3, "%02x", info->tag[i]);
	return str_eq(str_of(tag), str_of(program->tag));
}

int usage_program(const struct spec_program *program, struct usage_program *ret)
{
	union bpf_attr by_id = { .prog_id = program->id };
	struct bpf_prog_info info = { 0 };
	union bpf_attr ask = {
		.info = { .info_len = sizeof(info), .info = (uintptr_t)&info },
	};
	uint64_t bytes = 0;
	int r;

	if (!program->id)
		return -ENOENT;
	r = call(BPF_PROG_GET_FD_BY_ID, &by_id);
	if (r < 0)
		return r;

	_cleanup_fd_ int fd = r;

	ask.info.bpf_fd = (uint32_t)fd;
	r = call(BPF_OBJ_GET_INFO_BY_FD, &ask);
	if (r < 0)
		return r;
	if (!is_same(&info, program))
		return -ENOENT;
	(void)memory(fd, &bytes);
	*ret = (struct usage_program){ info.run_cnt, info.run_time_ns,
				       bytes + info.jited_prog_len };
	return 0;
}

bool usage_measuring(void)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str text;

	return file_read(AT_FDCWD, "/proc/sys/kernel/bpf_stats_enabled", 64, &arena, &text) == 0 &&
	       str_eq(str_trim(text), STR("1"));
}

int usage_measure(void)
{
	union bpf_attr attr = { .enable_stats = { .type = BPF_STATS_RUN_TIME } };

	return call(BPF_ENABLE_STATS, &attr);
}
