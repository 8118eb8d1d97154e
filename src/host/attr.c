/* SPDX-License-Identifier: Apache-2.0 */
#include "host/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int attr_read(struct attr_pool *pool, struct attr_file *file, char *text, struct str *ret)
{
	int fd = file->fd;

	if (!file->name)
		return -ENOENT;
	if (fd < 0)
		fd = openat(file->dir, file->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;

	ssize_t n = pread(fd, text, ATTR_TEXT_MAX, 0);
	int r = n < 0 ? -errno : 0;

	if (file->fd < 0 && pool->open < pool->max && r != -EISDIR) {
		file->fd = fd;
		pool->open++;
	} else if (file->fd < 0) {
		(void)close(fd);
	}
	if (r == 0)
		*ret = (struct str){ text, (size_t)n };
	return r;
}

void attr_close(struct attr_pool *pool, struct attr_file *file)
{
	if (file->fd < 0)
		return;
	(void)close(file->fd);
	file->fd = -1;
	pool->open--;
}
