/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State files. Input: a first byte that says how, then the file as it is, or the lines of one
 * whose hash is right. What can be loaded is saved and loads again as the same.
 * runner: -runs=60000
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "metric/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void put_file(int dir, const char *name, struct str content, bool wrap)
{
	_cleanup_fd_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	_cleanup_buf_ struct buf out = { 0 };

	if (wrap)
		buf_cstr(&out, "peekpush-state 1\nserial 7\n");
	buf_str(&out, content);
	if (wrap)
		buf_printf(&out, "end %016llx\n", (unsigned long long)str_hash(buf_view(&out)));
	must(fd >= 0 && file_write_all(fd, buf_view(&out)) == 0);
}

static void gather(void *arg, struct str key, struct str value)
{
	buf_str(arg, key);
	buf_char(arg, '=');
	buf_str(arg, value);
	buf_char(arg, '\n');
}

static void check(int dir)
{
	_cleanup_buf_ struct buf first = { 0 }, second = { 0 };
	struct state state, again;
	int r = state_load(&state, dir, "s");

	must((r < 0) <= state.fresh);
	must(!state.fresh || state.n == 0);
	(void)state_add(&state, STR("fuzz"), 1);
	must(state_save(&state, dir, "s", false) == 0);
	must(state_load(&again, dir, "s") == 0);
	must(again.serial == state.serial);
	/* Keys that stand twice, in a file that we did not write, stay twice. */
	state_each(&state, STR(""), gather, &first);
	state_each(&again, STR(""), gather, &second);
	must(first.n > 0 && str_eq(buf_view(&first), buf_view(&second)));
	must(state_u64(&again, STR("fuzz"), 0) == state_u64(&state, STR("fuzz"), 1));
	state_release(&state);
	state_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/dev/shm/peekpush-fuzz-XXXXXX";

	if (!size)
		return 0;
	must(mkdtemp(path) != NULL);

	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, path);

	put_file(dir, data[0] & 2 ? "s.1" : "s.0", (struct str){ (const char *)data + 1, size - 1 },
		 data[0] & 1);
	check(dir);
	(void)unlinkat(dir, "s.0", 0);
	(void)unlinkat(dir, "s.1", 0);
	must(rmdir(path) == 0);
	return 0;
}
