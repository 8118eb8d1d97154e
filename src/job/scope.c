/* SPDX-License-Identifier: Apache-2.0 */
#include "job/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fds.h"
#include "base/file.h"
#include "base/lib.h"
#include "job/cgroup.h"

/* How long systemd may take; nobody waits for it. */
enum { LIMIT_SECONDS = 10, POLL_US = 10000 };

struct bus {
	__typeof__(&sd_bus_new) new;
	__typeof__(&sd_bus_set_address) set_address;
	__typeof__(&sd_bus_start) start;
	__typeof__(&sd_bus_call) call;
	__typeof__(&sd_bus_message_new_method_call) new_method_call;
	__typeof__(&sd_bus_message_append) append;
	__typeof__(&sd_bus_message_append_array) append_array;
	__typeof__(&sd_bus_message_open_container) open_container;
	__typeof__(&sd_bus_message_close_container) close_container;
};

static int load(struct bus *ret)
{
	static const struct lib_symbol symbols[] = {
		{ "sd_bus_new", offsetof(struct bus, new) },
		{ "sd_bus_set_address", offsetof(struct bus, set_address) },
		{ "sd_bus_start", offsetof(struct bus, start) },
		{ "sd_bus_call", offsetof(struct bus, call) },
		{ "sd_bus_message_new_method_call", offsetof(struct bus, new_method_call) },
		{ "sd_bus_message_append", offsetof(struct bus, append) },
		{ "sd_bus_message_append_array", offsetof(struct bus, append_array) },
		{ "sd_bus_message_open_container", offsetof(struct bus, open_container) },
		{ "sd_bus_message_close_container", offsetof(struct bus, close_container) },
		{ 0 },
	};
	const char *why;

	return lib_open("libsystemd.so.0", symbols, ret, &why);
}

/* The managers' own sockets: there without a D-Bus daemon and in cron's bare environment. */
static int connect_manager(const struct bus *bus, bool user, sd_bus **ret)
{
	char address[80] = "unix:path=/run/systemd/private";
	int r;

	if (user)
		(void)snprintf(address, sizeof(address), "unix:path=/run/user/%u/systemd/private",
			       (unsigned)getuid());
	r = bus->new (ret);
	if (r >= 0)
		r = bus->set_address(*ret, address);
	return r < 0 ? r : bus->start(*ret);
}

static int append_properties(const struct bus *bus, sd_bus_message *m,
			     const struct scope_conf *conf, const struct pids *pids)
{
	int r = bus->append(m, "(sv)(sv)(sv)(sv)(sv)(sv)", "Description", "s",
			    "command watched by peekpush", "CollectMode", "s", "inactive-or-failed",
			    "CPUAccounting", "b", 1, "MemoryAccounting", "b", 1, "IOAccounting",
			    "b", 1, "TasksAccounting", "b", 1);

	if (r >= 0 && conf->slice.n)
		r = bus->append(m, "(sv)", "Slice", "s", conf->slice.p);
	if (r >= 0)
		r = bus->open_container(m, 'r', "sv");
	if (r >= 0)
		r = bus->append(m, "s", "PIDs");
	if (r >= 0)
		r = bus->open_container(m, 'v', "au");
	if (r >= 0)
		r = bus->append_array(m, 'u', pids->v, pids->n * sizeof(uint32_t));
	if (r >= 0)
		r = bus->close_container(m);
	return r < 0 ? r : bus->close_container(m);
}

static int ask(const struct bus *bus, sd_bus *to, const struct scope_conf *conf,
	       const struct pids *pids)
{
	sd_bus_message *m = NULL;
	int r = bus->new_method_call(to, &m, "org.freedesktop.systemd1",
				     "/org/freedesktop/systemd1",
				     "org.freedesktop.systemd1.Manager", "StartTransientUnit");

	if (r >= 0)
		r = bus->append(m, "ss", conf->name, "fail");
	if (r >= 0)
		r = bus->open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = append_properties(bus, m, conf, pids);
	if (r >= 0)
		r = bus->close_container(m);
	if (r >= 0)
		r = bus->append(m, "a(sa(sv))", 0);
	return r < 0 ? r : bus->call(to, m, 0, NULL, NULL);
}

/* The answer comes before the deed. */
static bool wait_until_there(const struct scope_conf *conf, pid_t command)
{
	_cleanup_arena_ struct arena arena = { 0 };

	/* The alarm ends it. */
	for (;;) {
		struct str path;
		int dir;

		arena_reset(&arena);
		dir = cgroup_of(command, &arena, &path);
		if (dir < 0)
			return false;
		(void)close(dir);
		if (scope_is(conf, path))
			return true;
		(void)usleep(POLL_US);
	}
}

/* Whatever of the watcher's it kept open, a lock or a pipe, would be held as long as it asks. */
static void let_go(pid_t watcher)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != watcher)
		_exit(1);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	fds_close_all_but((int[]){ 0, 1, 2 }, 3);
}

static _Noreturn void help(const struct scope_conf *conf, const struct pids *pids, pid_t watcher)
{
	const struct pids command = { pids->v, 1, 1 };
	struct bus bus;
	sd_bus *manager;
	sigset_t none;

	let_go(watcher);
	(void)sigemptyset(&none);
	(void)signal(SIGALRM, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(LIMIT_SECONDS);
	if (load(&bus) < 0 || connect_manager(&bus, conf->user, &manager) < 0)
		_exit(1);
	/* It is all refused when one of them has ended meanwhile. */
	if (ask(&bus, manager, conf, pids) < 0 && ask(&bus, manager, conf, &command) < 0)
		_exit(1);
	_exit(!wait_until_there(conf, pids->v[0]));
}

int scope_start(const struct scope_conf *conf, const struct pids *pids, pid_t *ret_helper)
{
	pid_t watcher = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		help(conf, pids, watcher);
	*ret_helper = pid;
	return 0;
}

bool scope_is(const struct scope_conf *conf, struct str path)
{
	return str_ends(path, str_of(conf->name));
}

static bool is_limited(int dir, struct arena *arena)
{
	static const char *const limits[] = { "memory.max", "memory.high", "memory.swap.max",
					      "cpu.max", "io.max" };
	struct str text;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (file_read(dir, limits[i], 65536, arena, &text) == 0 && str_trim(text).n &&
		    !str_starts(text, STR("max")))
			return true;
	return false;
}

/* Such a user's manager lives from boot on. */
static bool lingers(void)
{
	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, "/var/lib/systemd/linger");
	const struct passwd *user = dir < 0 ? NULL : getpwuid(getuid());

	return user && faccessat(dir, user->pw_name, F_OK, 0) == 0;
}

bool scope_place(struct str path, bool user, bool lingering, struct scope_conf *ret,
		 struct arena *arena)
{
	struct scope_conf conf = { .user = user };
	bool in_manager = false;
	struct str rest = path, part;

	if (cgroup_in_service(path))
		return false;
	while (str_cut(&rest, '/', &part)) {
		if (str_starts(part, STR("peekpush-job-")))
			return false;
		if (str_starts(part, STR("user@")))
			in_manager = true;
		/* Its limits stay in force. */
		if (str_ends(part, STR(".slice")))
			conf.slice = part;
	}
	/* A slice of the user's manager is none of the system's, and the other way round. */
	if (user ? !in_manager && !lingering : in_manager)
		return false;
	conf.slice = user && !in_manager ? (struct str){ 0 } : arena_str(arena, conf.slice);
	(void)snprintf(conf.name, sizeof(conf.name), "peekpush-job-%ld.scope", (long)getpid());
	*ret = conf;
	return true;
}

bool scope_allowed(int dir, struct str path, struct scope_conf *ret, struct arena *arena)
{
	return access("/run/systemd/system", F_OK) == 0 && !is_limited(dir, arena) &&
	       scope_place(path, geteuid() != 0, lingers(), ret, arena);
}
