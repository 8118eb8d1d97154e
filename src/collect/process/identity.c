/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/process/identity.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "host/cgroup_name.h"

enum { TEXT_MAX = 32 << 10 };

struct str identity_comm(const struct process *process)
{
	return (struct str){ process->comm, strnlen(process->comm, PROCESS_COMM) };
}

static struct str read_text(const struct identity *who, const char *name)
{
	_cleanup_fd_ int dir = -1, fd = -1;
	char *text;
	ssize_t n;

	if (who->dead)
		return STR("");
	dir = processes_open(who->host, who->process->pid, 0);
	if (dir >= 0)
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return STR("");
	text = arena_alloc(who->arena, TEXT_MAX + 1);
	n = read(fd, text, TEXT_MAX);
	text[n < 0 ? 0 : n] = '\0';
	/* The rest of the block goes back. */
	text = arena_resize(who->arena, text, TEXT_MAX + 1, (n < 0 ? 0 : (size_t)n) + 1);
	return (struct str){ text, n < 0 ? 0 : (size_t)n };
}

static void read_cmdline(struct identity *who)
{
	struct str text, first;

	if (who->has_cmdline)
		return;
	who->has_cmdline = true;
	text = who->process->kernel ? STR("") : read_text(who, "cmdline");
	/* Some fill what was their command line with NULs or blanks when they rename themselves. */
	while (text.n && (text.p[text.n - 1] == '\0' || text.p[text.n - 1] == ' '))
		text.n--;
	first = (struct str){ text.p, str_find(text, '\0') };
	who->argv0 = arena_str(who->arena, first.n ? first : identity_comm(who->process));

	char *line = arena_cstr(who->arena, text);

	for (size_t i = 0; i < text.n; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	who->cmdline = (struct str){ line, text.n };
}

struct str identity_cmdline(struct identity *who)
{
	read_cmdline(who);
	return who->cmdline;
}

struct str identity_argv0(struct identity *who)
{
	read_cmdline(who);
	return who->argv0;
}

static struct str choose_path(struct str lines)
{
	struct str line, first = { 0 }, systemd = { 0 };

	while (str_line(&lines, &line)) {
		struct str number, controllers, path = line;

		if (!str_cut(&path, ':', &number) || !str_cut(&path, ':', &controllers))
			continue;
		if (str_eq(number, STR("0")) && path.n > 1)
			return path;
		if (str_eq(controllers, STR("name=systemd")) && path.n > 1)
			systemd = path;
		if (first.n <= 1)
			first = path;
	}
	return systemd.n ? systemd : first;
}

static void read_cgroup(struct identity *who)
{
	struct cgroup_name name;

	if (who->has_cgroup)
		return;
	who->has_cgroup = true;
	who->cgroups = str_trim(read_text(who, "cgroup"));
	who->cgroups = arena_str(who->arena, who->cgroups);
	/* NUL-ended, for expressions: it stands in a text of many lines. */
	who->path = arena_str(who->arena, choose_path(who->cgroups));
	cgroup_name_parse(who->path, &name);
	who->unit = name.unit;
	/* What looks after a container is not in it. */
	who->container = name.helper ? STR("") : name.id;
}

struct str identity_cgroups(struct identity *who)
{
	read_cgroup(who);
	return who->cgroups;
}

struct str identity_path(struct identity *who)
{
	read_cgroup(who);
	return who->path;
}

struct str identity_unit(struct identity *who)
{
	read_cgroup(who);
	return who->unit;
}

struct str identity_container(struct identity *who)
{
	read_cgroup(who);
	return who->container;
}

struct str identity_user(struct identity *who)
{
	struct str text, line, name, field;
	uint64_t uid;

	if (host_read_once(who->host, HOST_ROOT, "etc/passwd", &text) == 0)
		while (str_line(&text, &line))
			if (str_cut(&line, ':', &name) && name.n && str_cut(&line, ':', &field) &&
			    num_take_u64(&line, &uid) && uid == who->process->uid)
				return name;
	return arena_printf(who->arena, "%u", who->process->uid);
}
