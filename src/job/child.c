/* SPDX-License-Identifier: Apache-2.0 */
#include "job/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* execvp(3) keeps a path on the stack, and all of argv for a script without #! line. */
enum { STACK_BYTES = 64 * 1024 };

struct birth {
	const struct child_conf *conf;
	bool ignore_child; /* SIGCHLD came to us ignored */
	int join;          /* directory of the cgroup to move to by itself, or -1 */
	int error;         /* written by the child: we see it, the memory is one */
};

/*
 * The child, on a stack of its own. The sanitizer knows nothing of that stack, and says so on
 * stderr at each function that does not return.
 */
__attribute__((no_sanitize("address"))) static int become(void *arg)
{
	struct birth *birth = arg;
	const struct child_conf *conf = birth->conf;

	if (birth->join >= 0) {
		int procs = openat(birth->join, "cgroup.procs", O_WRONLY | O_CLOEXEC);

		if (procs >= 0)
			(void)!write(procs, "0", 1);
	}
	if (conf->err >= 0 && dup2(conf->err, STDERR_FILENO) < 0) {
		birth->error = errno;
		_exit(127);
	}
	if (birth->ignore_child)
		(void)signal(SIGCHLD, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, conf->mask, NULL);
	(void)execvpe(conf->argv[0], conf->argv, conf->envp ? conf->envp : environ);
	birth->error = errno;
	_exit(127);
}

#if defined(__x86_64__) && defined(__LP64__)
/*
 * glibc has no clone3(). The system call returns twice, and with the new stack there is nothing
 * to return to: the child goes straight into become().
 */
static long clone_into(int cgroup, char *stack, size_t size, struct birth *birth)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)stack,
		.stack_size = size,
		.cgroup = (uint64_t)cgroup,
	};
	register int (*entry)(void *) __asm__("r8") = become;
	register struct birth *arg __asm__("r9") = birth;
	long r;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "call *%%r8\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(r)
			 : "0"((long)SYS_clone3), "D"(&args), "S"(sizeof(args)), "r"(entry),
			   "r"(arg)
			 : "rcx", "r11", "memory", "cc");
	return r;
}
#else
static long clone_into(int cgroup, char *stack, size_t size, struct birth *birth)
{
	(void)cgroup, (void)stack, (void)size, (void)birth;
	return -ENOSYS;
}
#endif

/* Returns the pid or -errno. Moving after birth takes the kernel milliseconds: a last resort. */
static long give_birth(struct birth *birth)
{
	size_t n = 0, size;
	char *stack;
	long pid = -ENOSYS;

	while (birth->conf->argv[n])
		n++;
	size = (STACK_BYTES + n * sizeof(char *) + 4095) & ~(size_t)4095;
	stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
		     -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	if (birth->conf->cgroup >= 0)
		pid = clone_into(birth->conf->cgroup, stack, size, birth);
	if (pid < 0) {
		birth->join = birth->conf->cgroup;
		pid = clone(become, stack + size, CLONE_VM | CLONE_VFORK | SIGCHLD, birth);
		if (pid < 0)
			pid = -errno;
	}
	(void)munmap(stack, size);
	return pid;
}

int child_start(const struct child_conf *conf, pid_t *ret_pid, bool *ret_forked)
{
	struct birth birth = { .conf = conf, .join = -1 };
	struct sigaction before;
	sigset_t all, mask;
	long pid;

	*ret_forked = false;
	(void)sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, &before);
	birth.ignore_child = before.sa_handler == SIG_IGN;
	/* No handler of ours may run in the child, over our memory. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &mask);
	pid = give_birth(&birth);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	if (pid >= 0 && birth.error) {
		*ret_forked = true;
		while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (pid < 0 || birth.error) {
		(void)sigaction(SIGCHLD, &before, NULL);
		return pid < 0 ? (int)pid : -birth.error;
	}
	*ret_forked = true;
	*ret_pid = (pid_t)pid;
	return 0;
}
