/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP sink in worlds of its own: a resolver that never answers, a libcurl that cannot be
 * loaded. The program runs itself again there, with an argument that says what to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "liar.h"

static const struct sink_request request = {
	.method = SINK_POST,
	.path = { "/metrics/job/x", 14 },
	.body = { "a 1\n", 4 },
	.content_type = "text/plain; version=0.0.4",
	.timeout_ns = 1000000000,
};

static int run_self(const char *argument)
{
	const char *const argv[] = { "/proc/self/exe", argument, NULL };

	return run_program(argv);
}

/* An empty file in front of the real library. */
static void test_no_libcurl(void **state)
{
	char dir[200];

	(void)state;
	scratch_make(dir, sizeof(dir));
	scratch_write(dir, "libcurl.so.4", "");
	assert_int_equal(setenv("LD_LIBRARY_PATH", dir, 1), 0);
	assert_int_equal(run_self("no-libcurl"), 0);
	assert_int_equal(unsetenv("LD_LIBRARY_PATH"), 0);
	scratch_remove(dir);
}

static int without_libcurl(void)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf conf = { .url = STR("http://127.0.0.1:9") };
	struct sink_reply reply;
	struct sink sink;
	struct str why;

	if (sink_open(&sink, &conf, &why) != 0 ||
	    sink_send(&sink, &request, NULL, &arena, &reply) != SINK_MISCONFIGURED ||
	    !contains(reply.message, "libcurl.so.4 cannot be loaded: ") ||
	    !contains(reply.message, "file too short"))
		return 1;
	sink_close(&sink);
	return 0;
}

static int link_up(const char *name)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq flags = { .ifr_flags = IFF_UP };

	memcpy(flags.ifr_name, name, strlen(name));
	return fd < 0 ? fd : ioctl(fd, SIOCSIFFLAGS, &flags);
}

/*
 * Moves into a network where all there is of a resolver is a socket that nobody reads; it is
 * left open over exec. Returns 0, or which step failed.
 */
static int mute_resolver(const char *dir)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(53) };
	char conf[300], nsswitch[300];
	int fd;

	(void)snprintf(conf, sizeof(conf), "%s/resolv.conf", dir);
	(void)snprintf(nsswitch, sizeof(nsswitch), "%s/nsswitch.conf", dir);
	if (unshare((geteuid() ? CLONE_NEWUSER : 0) | CLONE_NEWNS | CLONE_NEWNET) < 0)
		return 100;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0 ||
	    mount(nsswitch, "/etc/nsswitch.conf", NULL, MS_BIND, NULL) < 0)
		return 101;
	if (link_up("lo") < 0)
		return 102;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? 103 : 0;
}

static int with_mute_resolver(void)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf conf = { .url = STR("http://gateway.example:9091") };
	struct sink_reply reply;
	struct sink sink;
	struct str why;
	double begin;

	if (sink_open(&sink, &conf, &why) != 0)
		return 4;
	for (int i = 0; i < 2; i++) {
		begin = seconds_now();
		if (sink_send(&sink, &request, NULL, &arena, &reply) != SINK_DOWN)
			return 5;
		if (!contains(reply.message, "no connection to gateway.example:9091 within 1 s"))
			return 6;
		if (seconds_now() - begin < 0.9 || seconds_now() - begin > 15)
			return 7;
	}
	begin = seconds_now();
	sink_close(&sink);
	/* Its thread must still be at it, or this test has tested nothing. */
	if (entries("/proc/self/task") < 4)
		return 8;
	return seconds_now() - begin > 10 ? 9 : 0;
}

static void test_hung_resolver(void **state)
{
	char dir[200];
	double begin = seconds_now(), took;
	int status;
	pid_t pid;

	(void)state;
	scratch_make(dir, sizeof(dir));
	scratch_write(dir, "resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:3\n");
	scratch_write(dir, "nsswitch.conf", "hosts: dns\n");
	pid = fork();
	if (pid == 0) {
		status = mute_resolver(dir);
		if (status == 0)
			(void)execl("/proc/self/exe", "test", "mute-resolver", NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	took = seconds_now() - begin;
	scratch_remove(dir);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* The resolver would take a minute. */
	assert_true(took < 30);
}

/* Some containers forbid namespaces, and the test that needs them is left out there. */
static bool have_namespaces(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare((geteuid() ? CLONE_NEWUSER : 0) | CLONE_NEWNS | CLONE_NEWNET) < 0 ||
		      /* In a chroot "/" is no mount. */
		      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_libcurl),
		cmocka_unit_test(test_hung_resolver),
	};
	size_t n = ARRAY_SIZE(tests);

	if (argc > 1 && strcmp(argv[1], "no-libcurl") == 0)
		return without_libcurl();
	if (argc > 1 && strcmp(argv[1], "mute-resolver") == 0)
		return with_mute_resolver();
	if (!have_namespaces()) {
		print_message("# no namespaces here: test_hung_resolver is left out\n");
		n--;
	}
	return _cmocka_run_group_tests("http-world", tests, n, NULL, NULL);
}
