/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the drop-box: written and read back, and what is none of them. */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "push/drop.h"

static void test_round_trip(void **state)
{
	struct opt_pair labels[] = { { STR("stage"), STR("a=b \"c\"") },
				     { STR("x"), STR("\xc3\xa4") } };
	struct drop drop = {
		.group = { STR("train"), STR("host"), { 2, labels } },
		.user = STR("bob"),
		.text = STR("a 1\n\nb 2\n"),
	};
	struct arena arena = { 0 };
	struct str text, why;
	struct drop got;
	char path[64], name[NAME_MAX + 1] = "";
	int dir = unit_dir(path), fd;
	struct stat st;

	(void)state;
	/* Twice: one file, the newest. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(drop_put(path, &drop), 0);
	for (struct dirent **v = NULL; !name[0]; free(v)) {
		assert_int_equal(scandir(path, &v, NULL, alphasort), 3);
		(void)snprintf(name, sizeof(name), "%s", v[2]->d_name);
		for (int i = 0; i < 3; i++)
			free(v[i]);
	}
	assert_true(str_ends(str_of(name), STR(".drop")));
	fd = drop_open(dir, name, 1000, &why);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_read_fd(fd, 0, 1000, &arena, &text), 0);
	(void)close(fd);
	assert_int_equal(drop_parse(text, &arena, &got, &why), 0);
	assert_text(got.user, "bob");
	assert_text(got.group.job, "train");
	assert_text(got.group.instance, "host");
	assert_int_equal(got.group.labels.n, 2);
	assert_text(got.group.labels.v[0].key, "stage");
	assert_text(got.group.labels.v[0].value, "a=b \"c\"");
	assert_text(got.text, "a 1\n\nb 2\n");
	assert_false(got.here);

	/* What could forge a line of the header is not written at all. */
	drop.group.job = STR("x\nuser=root");
	assert_int_equal(drop_put(path, &drop), -EINVAL);
	drop.group.job = STR("");
	assert_int_equal(drop_put(path, &drop), -EINVAL);
	assert_int_equal(drop_put("/nowhere", &drop), -EINVAL);
	drop.group.job = STR("train");
	assert_int_equal(drop_put("/nowhere", &drop), -ENOENT);
	drop.here = true;
	assert_int_equal(drop_put(path, &drop), 0);
	arena_release(&arena);
	unit_remove(dir);
}

static void refuse(int dir, const char *name, const char *want)
{
	struct str why;

	assert_int_equal(drop_open(dir, name, 100, &why), -EBADMSG);
	assert_text(why, want);
}

static void test_no_files(void **state)
{
	char path[64], big[101];
	int dir = unit_dir(path);
	struct str why;

	(void)state;
	memset(big, 'x', sizeof(big));
	unit_write(dir, "big", (struct str){ big, sizeof(big) });
	unit_write(dir, "two", STR("x"));
	unit_write(dir, "all", STR("x"));
	assert_int_equal(fchmodat(dir, "all", 0602, 0), 0);
	assert_int_equal(linkat(dir, "two", dir, "names", 0), 0);
	assert_int_equal(symlinkat("two", dir, "link"), 0);
	assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
	assert_int_equal(mkdirat(dir, "dir", 0700), 0);
	refuse(dir, "big", "larger than dropbox.max_size");
	refuse(dir, "two", "a file with another name");
	refuse(dir, "all", "a file that all can write");
	refuse(dir, "link", "a symbolic link");
	refuse(dir, "pipe", "not a regular file");
	refuse(dir, "dir", "not a regular file");
	assert_int_equal(drop_open(dir, "none", 100, &why), -ENOENT);
	unit_remove(dir);
}

static void test_bad_headers(void **state)
{
	static const char *const texts[] = {
		"",
		"peekpush-drop 2\n\n",
		"peekpush-drop 1\njob\n\n",
		"peekpush-drop 1\nother=x\n\n",
		"peekpush-drop 1\nlabelx=y\n\n",
		"peekpush-drop 1\njob=a\x01\n\n",
		"\npeekpush-drop 1\n",
	};
	struct arena arena = { 0 };
	struct buf many = { 0 };
	struct drop drop;
	struct str why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(drop_parse(str_of(texts[i]), &arena, &drop, &why), -EBADMSG);
	buf_cstr(&many, "peekpush-drop 1\n");
	for (int i = 0; i <= DROP_LABELS_MAX; i++)
		buf_printf(&many, "label.l%d=x\n", i);
	assert_int_equal(drop_parse(buf_view(&many), &arena, &drop, &why), -EBADMSG);
	/* No payload is no mistake. */
	assert_int_equal(drop_parse(STR("peekpush-drop 1\njob=a\nhere=yes"), &arena, &drop, &why),
			 0);
	assert_true(drop.here);
	assert_int_equal(drop.text.n, 0);
	buf_release(&many);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_bad_headers),
	};

	return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
