/* SPDX-License-Identifier: Apache-2.0 */
#include "host/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "host/host.h"

void attr_pool_allow(struct attr_pool *pool, struct host *host, size_t max)
{
	pool->max = host->keep ? max : 0;
	pool->spare = &host->spare_fds;
}

static bool may_keep(const struct attr_pool *pool)
{
	return pool->open < pool->max && (!pool->spare || *pool->spare);
}

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

	if (file->fd < 0 && may_keep(pool) && r != -EISDIR) {
		file->fd = fd;
		pool->open++;
		if (pool->spare)
			--*pool->spare;
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
	if (pool->spare)
		++*pool->spare;
}
