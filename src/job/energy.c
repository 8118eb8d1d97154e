/* SPDX-License-Identifier: Apache-2.0 */
#include "job/energy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "collect/energy/settings.h"
#include "job/tree.h"

static bool has_entries(int root, const char *path)
{
	int fd = root < 0 ? root : file_open_dir(root, path);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir)
		cleanup_fd(&fd);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			return true;
	return false;
}

bool job_energy_has_gpus(int root)
{
	return faccessat(root, "dev/nvidiactl", F_OK, 0) == 0 ||
	       faccessat(root, "dev/dxg", F_OK, 0) == 0;
}

/* A look at names alone. Most virtual machines have none of these, and need no child then. */
static bool may_have_sources(const struct app *app)
{
	static const char *const places[] = {
		"class/powercap",
		"class/hwmon",
		"class/power_supply",
		"bus/event_source/devices/power",
	};
	const struct host_conf *host = conf_get(app->conf, &section_host);
	_cleanup_fd_ int sys = file_open_dir(AT_FDCWD, host->sysfs.n ? host->sysfs.p : "/sys");
	_cleanup_fd_ int root = file_open_dir(AT_FDCWD, host->rootfs.n ? host->rootfs.p : "/");

	if (energy_model_settings(app->conf)->max_watts > 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (has_entries(sys, places[i]))
			return true;
	return root >= 0 && job_energy_has_gpus(root);
}

void job_energy_start(struct job_energy *energy, const struct app *app, struct tree *tree)
{
	pid_t watcher = getpid();
	int ends[2];

	if (energy->meter)
		return;
	if (!may_have_sources(app)) {
		(void)snprintf(energy->last.why, sizeof(energy->last.why),
			       "nothing measures it here");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	energy->meter = fork();
	if (energy->meter == 0)
		job_energy_meter(app, watcher, ends[1]);
	(void)close(ends[1]);
	if (energy->meter < 0) {
		(void)close(ends[0]);
		energy->meter = 0;
		return;
	}
	energy->socket = ends[0];
	tree_ignore(tree, energy->meter);
}

static void hang_up(struct job_energy *energy)
{
	if (energy->socket >= 0)
		(void)close(energy->socket);
	energy->socket = -1;
}

void job_energy_sample(struct job_energy *energy, uint64_t cpu_ns)
{
	struct job_energy_ask ask = { energy->asked + 1, cpu_ns };

	if (energy->socket < 0)
		return;
	if (send(energy->socket, &ask, sizeof(ask), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(ask))
		energy->asked++;
}

/* False when there is nothing more for now. */
static bool receive(struct job_energy *energy)
{
	struct job_energy_answer answer;
	ssize_t n = recv(energy->socket, &answer, sizeof(answer), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(answer)) {
		energy->last = answer;
		return true;
	}
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		hang_up(energy);
	return false;
}

void job_energy_take(struct job_energy *energy, int64_t wait_ns)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + wait_ns;

	while (energy->socket >= 0) {
		struct pollfd fd = { energy->socket, POLLIN, 0 };
		int64_t left = deadline - clock_ns(CLOCK_MONOTONIC);

		while (receive(energy))
			;
		if (energy->socket < 0 || energy->last.number == energy->asked || left <= 0)
			return;
		(void)poll(&fd, 1, (int)((left + 999999) / 1000000));
	}
}

void job_energy_stop(struct job_energy *energy)
{
	hang_up(energy);
}
