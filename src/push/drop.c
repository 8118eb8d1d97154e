/* SPDX-License-Identifier: Apache-2.0 */
#include "push/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define HEADER "peekpush-drop 1"

static bool fits_in_line(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
			return false;
	return true;
}

static int put_line(struct buf *out, struct str prefix, struct str key, struct str value)
{
	if (!fits_in_line(value))
		return -EINVAL;
	buf_str(out, prefix);
	buf_str(out, key);
	buf_char(out, '=');
	buf_str(out, value);
	buf_char(out, '\n');
	return 0;
}

static int write_drop(const struct drop *drop, struct buf *out)
{
	const struct group *group = &drop->group;
	int r;

	buf_cstr(out, HEADER "\n");
	r = put_line(out, STR(""), STR("user"), drop->user);
	if (r == 0)
		r = put_line(out, STR(""), STR("job"), group->job);
	if (r == 0 && drop->here)
		r = put_line(out, STR(""), STR("here"), STR("yes"));
	else if (r == 0 && group->instance.n)
		r = put_line(out, STR(""), STR("instance"), group->instance);
	for (size_t i = 0; r == 0 && i < group->labels.n; i++)
		r = put_line(out, STR("label."), group->labels.v[i].key, group->labels.v[i].value);
	buf_char(out, '\n');
	buf_str(out, drop->text);
	return r < 0 ? r : out->err;
}

/* Neither synced nor renamed over another's file: a name that is taken gets a random tail. */
static int place(int dir, const char *temporary, uint64_t hash)
{
	char name[DROP_NAME_SIZE];
	uint32_t tail = 0;

	(void)snprintf(name, sizeof(name), "%016llx.drop", (unsigned long long)hash);
	if (renameat(dir, temporary, dir, name) == 0)
		return 0;
	if (errno != EPERM && errno != EACCES)
		return -errno;
	if (getrandom(&tail, sizeof(tail), 0) < 0)
		return -errno;
	(void)snprintf(name, sizeof(name), "%016llx-%08x.drop", (unsigned long long)hash, tail);
	return renameat(dir, temporary, dir, name) < 0 ? -errno : 0;
}

int drop_put(const char *path, const struct drop *drop)
{
	_cleanup_buf_ struct buf out = { 0 }, key = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	char temporary[DROP_NAME_SIZE];
	struct str why;
	int r = write_drop(drop, &out);

	if (r < 0)
		return r;
	r = group_path(&drop->group, &key, &arena, &why);
	if (r < 0)
		return r;
	buf_u64(&key, geteuid());

	/* The directory may be written and searched, but not read: no fd but this one. */
	_cleanup_fd_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	(void)snprintf(temporary, sizeof(temporary), ".%016llx.%x.new",
		       (unsigned long long)str_hash(buf_view(&key)), (unsigned)getpid());
	(void)unlinkat(dir, temporary, 0);

	_cleanup_fd_ int fd =
		openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, buf_view(&out));
	if (r == 0)
		r = place(dir, temporary, str_hash(buf_view(&key)));
	if (r < 0)
		(void)unlinkat(dir, temporary, 0);
	return r;
}

static int refuse(struct str *ret_why, const char *why, int r)
{
	*ret_why = str_of(why);
	return r;
}

int drop_open(int dir, const char *name, size_t max, struct str *ret_why)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return refuse(ret_why, "a symbolic link", -EBADMSG);
	/* A socket. */
	if (fd < 0 && errno == ENXIO)
		return refuse(ret_why, "not a regular file", -EBADMSG);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = refuse(ret_why, "not a regular file", -EBADMSG);
	else if (st.st_nlink > 1)
		r = refuse(ret_why, "a file with another name", -EBADMSG);
	/* Its owner need not have written what it says, nor put it here. */
	else if (st.st_mode & S_IWOTH)
		r = refuse(ret_why, "a file that all can write", -EBADMSG);
	else if ((uint64_t)st.st_size > max)
		r = refuse(ret_why, "larger than dropbox.max_size", -EBADMSG);
	else
		return fd;
	(void)close(fd);
	return r;
}

static bool set_label(struct opt_map *labels, struct arena *arena, struct str key, struct str value)
{
	if (!labels->v)
		labels->v = arena_alloc(arena, (DROP_LABELS_MAX + 1) * sizeof(*labels->v));
	if (labels->n == DROP_LABELS_MAX)
		return false;
	labels->v[labels->n++] = (struct opt_pair){ key, value };
	return true;
}

int drop_parse(struct str text, struct arena *arena, struct drop *ret, struct str *ret_why)
{
	static const struct str label = { "label.", 6 };
	struct drop drop = { 0 };
	struct str line, key;

	if (!str_line(&text, &line) || !str_eq(line, STR(HEADER)))
		return refuse(ret_why, "it does not begin with \"" HEADER "\"", -EBADMSG);
	while (str_line(&text, &line) && line.n) {
		struct str value = line;

		if (str_find(line, '=') == line.n || !fits_in_line(line))
			return refuse(ret_why, "a header line is not KEY=VALUE", -EBADMSG);
		(void)str_cut(&value, '=', &key);
		if (str_eq(key, STR("user")))
			drop.user = value;
		else if (str_eq(key, STR("job")))
			drop.group.job = value;
		else if (str_eq(key, STR("here")))
			drop.here = str_eq(value, STR("yes"));
		else if (str_eq(key, STR("instance")))
			drop.group.instance = value;
		else if (!str_starts(key, label) ||
			 !set_label(&drop.group.labels, arena, str_skip(key, label.n), value))
			return refuse(ret_why, "an unknown header line", -EBADMSG);
	}
	drop.text = text;
	*ret = drop;
	return 0;
}
