/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "host/cgroup_name.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "b6b2f0a7c9d3e8415577aa00ff1122334455667788990011aabbccddeeff0011"
#define UID_ "1c4a3c5e_7d1b_4d53_9f0a_2b8c0d9e1f22"
#define UID "1c4a3c5e-7d1b-4d53-9f0a-2b8c0d9e1f22"
#define HASH "a6d5a1b2c3d4e5f60718293a4b5c6d7e"

/*
 * What is expected, as words: runtime, "A" or "B" for the id, then what else holds. A unit is
 * written unit=, a pod pod=, containerd's namespace space=, a user user=.
 */
static const struct row {
	const char *path, *want;
} rows[] = {
	{ "", "none" },
	{ "/", "none" },
	{ "//", "none" },
	/* systemd */
	{ "/init.scope", "none unit=init.scope" },
	{ "/system.slice", "none" },
	{ "/system.slice/ssh.service", "none unit=ssh.service" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "none unit=getty@tty1.service" },
	{ "/system.slice/dbus.socket", "none unit=dbus.socket" },
	{ "/system.slice/dev-sda2.swap", "none unit=dev-sda2.swap" },
	{ "/system.slice/var-lib-docker.mount", "none mount unit=var-lib-docker.mount" },
	{ "/system.slice/run-docker-netns-0123456789ab.mount",
	  "none mount unit=run-docker-netns-0123456789ab.mount" },
	{ "/system.slice/var-lib-docker-overlay2-" A "-merged.mount",
	  "none mount unit=var-lib-docker-overlay2-" A "-merged.mount" },
	{ "/user.slice/user-1000.slice/session-3.scope", "none unit=session-3.scope" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
	  "none unit=foo.service user=1000" },
	{ "/user.slice/user-1000.slice/user@1000.service/init.scope",
	  "none unit=init.scope user=1000" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
	  "none unit=machine-qemu\\x2d1\\x2dvm.scope" },
	{ "/machine.slice/systemd-nspawn@deb.service/payload/init.scope", "none unit=init.scope" },
	{ "/.service", "none" },
	{ "/lxc.payload.web/system.slice/cron.service", "none unit=cron.service" },
	/* Docker */
	{ "/docker", "none" },
	{ "/docker/" A, "docker A" },
	{ "/docker/" A "/init.scope", "docker A nested unit=init.scope" },
	{ "/docker/" A "/docker", "docker A nested" },
	{ "/docker/" A "/docker/" B, "docker B inside" },
	{ "/docker/" A "/docker/" B "/x/y", "docker B nested inside" },
	{ "/system.slice/docker-" A ".scope", "docker A unit=docker-" A ".scope" },
	{ "/system.slice/docker-" A ".scope/docker/" B, "docker B inside unit=docker-" A ".scope" },
	{ "/system.slice/docker.service/docker/" A, "docker A unit=docker.service" },
	{ "/my.slice/docker-" A ".scope/system.slice/ssh.service",
	  "docker A nested unit=ssh.service" },
	{ "/my-parent/" A, "unknown A" },
	{ "/../../docker/" A, "docker A" },
	{ "/ecs/" HASH "/" A, "unknown A" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" A ".scope",
	  "docker A unit=docker-" A ".scope user=1000" },
	{ "/docker/buildkit", "none" },
	{ "/docker/buildkit/x5x2m8i1g3u0f9a7c6d4e2b1z", "none" },
	{ "/docker/" A "0", "none" },
	{ "/docker/0" A, "none" },
	{ "/docker/123", "none" },
	{ "/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "none" },
	/* Podman */
	{ "/machine.slice/libpod-" A ".scope", "podman A unit=libpod-" A ".scope" },
	{ "/machine.slice/libpod-" A ".scope/container",
	  "podman A nested unit=libpod-" A ".scope" },
	{ "/machine.slice/libpod-" A ".scope/container/init.scope",
	  "podman A nested unit=init.scope" },
	{ "/machine.slice/libpod-conmon-" A ".scope",
	  "podman A helper unit=libpod-conmon-" A ".scope" },
	{ "/machine.slice/machine-libpod_pod_" B ".slice", "none" },
	{ "/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope",
	  "podman A unit=libpod-" A ".scope" },
	{ "/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope/container",
	  "podman A nested unit=libpod-" A ".scope" },
	{ "/libpod_parent/libpod-" A, "podman A" },
	{ "/libpod_parent/" A, "podman A" },
	{ "/libpod_parent/conmon", "none helper" },
	{ "/libpod_parent/libpod-conmon-" A, "podman A helper" },
	{ "/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-" A ".scope",
	  "podman A unit=libpod-" A ".scope user=1001" },
	{ "/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-" A ".scope/container",
	  "podman A nested unit=libpod-" A ".scope user=1001" },
	{ "/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-conmon-" A ".scope",
	  "podman A helper unit=libpod-conmon-" A ".scope user=1001" },
	{ "/user.slice/user-1001.slice/user@1001.service/user.slice/user-libpod_pod_" B
	  ".slice/libpod-" A ".scope",
	  "podman A unit=libpod-" A ".scope user=1001" },
	{ "/user.slice/user-1001.slice/user@1001.service/libpod-" A,
	  "podman A unit=user@1001.service user=1001" },
	{ "/system.slice/web.service/libpod-payload-" A, "podman A unit=web.service" },
	{ "/system.slice/web.service/runtime", "none unit=web.service" },
	{ "/system.slice/" A ".service", "none helper unit=" A ".service" },
	{ "/system.slice/" A "-53f2a1b0c4d9.service",
	  "none helper unit=" A "-53f2a1b0c4d9.service" },
	/* containerd, nerdctl */
	{ "/default/" A, "containerd A space=default" },
	{ "/default/redis", "none" },
	{ "/k8s.io/" A, "containerd A space=k8s.io" },
	{ "/system.slice/nerdctl-" A ".scope", "containerd A unit=nerdctl-" A ".scope" },
	{ "/user.slice/user-7.slice/user@7.service/user.slice/nerdctl-" A ".scope",
	  "containerd A unit=nerdctl-" A ".scope user=7" },
	{ "/system.slice/containerd.service", "none unit=containerd.service" },
	{ "/system.slice/cri-containerd-" A ".scope",
	  "containerd A unit=cri-containerd-" A ".scope" },
	/* Kubernetes, systemd's driver */
	{ "/kubepods.slice", "none" },
	{ "/kubepods.slice/kubepods-burstable.slice", "none" },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice",
	  "none pod_group pod=" UID_ },
	{ "/kubepods.slice/kubepods-pod" UID_ ".slice", "none pod_group pod=" UID_ },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" HASH ".slice",
	  "none pod_group pod=" HASH },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
	  ".slice/cri-containerd-" A ".scope",
	  "containerd A pod=" UID_ " unit=cri-containerd-" A ".scope" },
	{ "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" A ".scope/init",
	  "containerd A nested pod=" UID_ " unit=cri-containerd-" A ".scope" },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/crio-" A
	  ".scope",
	  "crio A pod=" UID_ " unit=crio-" A ".scope" },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/crio-" A
	  ".scope/container",
	  "crio A nested pod=" UID_ " unit=crio-" A ".scope" },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
	  ".slice/crio-conmon-" A ".scope",
	  "crio A helper pod=" UID_ " unit=crio-conmon-" A ".scope" },
	{ "/system.slice/crio-conmon-" A ".scope", "crio A helper unit=crio-conmon-" A ".scope" },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_
	  ".slice/docker-" A ".scope",
	  "docker A pod=" UID_ " unit=docker-" A ".scope" },
	/* Kubernetes, cgroupfs driver */
	{ "/kubepods", "none" },
	{ "/kubepods/burstable", "none" },
	{ "/kubepods/burstable/pod" UID, "none pod_group pod=" UID },
	{ "/kubepods/pod" UID, "none pod_group pod=" UID },
	{ "/kubepods/burstable/pod" UID "/" A, "unknown A pod=" UID },
	{ "/kubepods/besteffort/pod" UID "/crio-" A, "crio A pod=" UID },
	{ "/kubepods/besteffort/pod" UID "/crio-conmon-" A, "crio A helper pod=" UID },
	{ "/kubepods/pod" HASH "/" A "/sub", "unknown A nested pod=" HASH },
	{ "/kubepods/podium", "none" },
	{ "/pod" UID, "none" },
	/* The driver is systemd's for kubelet and cgroupfs for containerd. */
	{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" A,
	  "containerd A pod=" UID_ " unit=containerd.service" },
	{ "/kubepods-besteffort-pod" UID_ ".slice:crio:" A, "crio A pod=" UID_ },
	/* Clusters in containers (kind) */
	{ "/docker/" A "/kubelet", "docker A nested" },
	{ "/docker/" A "/kubelet/kubepods/burstable/pod" UID, "none inside pod_group pod=" UID },
	{ "/docker/" A "/kubelet/kubepods/burstable/pod" UID "/" B, "unknown B inside pod=" UID },
	{ "/system.slice/docker-" A
	  ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	  "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" B ".scope",
	  "containerd B inside pod=" UID_ " unit=cri-containerd-" B ".scope" },
	/* Nobody's */
	{ "/x-" A ".scope", "unknown A unit=x-" A ".scope" },
	{ "/x" A ".scope", "none unit=x" A ".scope" },
	{ "/" A "x", "none" },
	{ "/user.slice/user@4294967296.service", "none unit=user@4294967296.service" },
	{ "/user.slice/user@x.service", "none unit=user@x.service" },
};

static struct str describe(const struct cgroup_name *name, struct arena *arena)
{
	struct str runtime = container_runtime_name(name->runtime);

	if (!runtime.n)
		runtime = name->runtime == RUNTIME_NONE ? STR("none") : STR("unknown");

	struct str text = arena_printf(arena, "%.*s%s%s%s%s%s%s", STR_ARG(runtime),
				       !name->id.n                ? ""
				       : str_eq(name->id, STR(A)) ? " A"
				       : str_eq(name->id, STR(B)) ? " B"
								  : " ?",
				       name->nested ? " nested" : "", name->inside ? " inside" : "",
				       name->helper ? " helper" : "", name->mount ? " mount" : "",
				       name->pod_group ? " pod_group" : "");

	if (name->pod.n)
		text = arena_printf(arena, "%s pod=%.*s", text.p, STR_ARG(name->pod));
	if (name->unit.n)
		text = arena_printf(arena, "%s unit=%.*s", text.p, STR_ARG(name->unit));
	if (name->space.n)
		text = arena_printf(arena, "%s space=%.*s", text.p, STR_ARG(name->space));
	if (name->has_user)
		text = arena_printf(arena, "%s user=%u", text.p, name->user);
	return text;
}

static void test_forms(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct cgroup_name name;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cgroup_name_parse(str_of(rows[i].path), &name);

		struct str got = describe(&name, &arena);

		if (!str_eq(got, str_of(rows[i].want)))
			fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].path, got.p, rows[i].want);
	}
	cgroup_name_parse((struct str){ 0 }, &name);
	assert_int_equal(name.runtime, RUNTIME_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
