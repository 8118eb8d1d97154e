# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Docker and Podman of a test's own: their files below $tmp, their network in a network namespace
# of its own, images made from this machine's busybox. Sourced after lib.sh, as root, in a mount
# namespace of the test's own, so that nothing they mount outlives it.

. "$top/tests/lib/values.sh"

PATH=$PATH:/usr/sbin:/sbin
netns=peekpush-$$

# A root file system of nothing but busybox, as an archive on stdout.
tiny_root()
{
	local root=$tmp/root name

	mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp,var}
	cp /bin/busybox "$root/bin/"
	for name in cat dd echo head kill nc rm sh sleep sync tail tee touch wc; do
		ln -sf busybox "$root/bin/$name"
	done
	tar -C "$root" -c .
}

# own_network: a namespace with nothing but loopback, removed at the end.
own_network()
{
	ip netns add "$netns" && ip -n "$netns" link set lo up
}

inside=(nsenter --net="/run/netns/$netns")

# start_docker [OPTION...]: a dockerd with its socket in $docker_socket and the image local/tiny.
start_docker()
{
	docker_dir=$tmp/docker
	docker_socket=$docker_dir/docker.sock
	export DOCKER_HOST=unix://$docker_socket
	mkdir -p "$docker_dir"
	# Where containerd leaves its stacks when it is slow.
	TMPDIR=$docker_dir "${inside[@]}" dockerd --data-root "$docker_dir/data" --exec-root "$docker_dir/exec" \
		-H "$DOCKER_HOST" -p "$docker_dir/pid" "$@" >"$docker_dir/log" 2>&1 &
	docker_pid=$!
	wait_for 60 docker version >/dev/null 2>&1 || return
	tiny_root | docker import - local/tiny:1 >/dev/null
}

# Containers first: who lives on keeps its shim, its mounts and its groups.
stop_docker()
{
	local ids

	[[ -n ${docker_pid-} ]] || return 0
	kill -CONT "$docker_pid" 2>/dev/null
	mapfile -t ids < <(timeout 20 docker ps -aq 2>/dev/null)
	((${#ids[@]})) && timeout 60 docker rm -f "${ids[@]}" >/dev/null 2>&1
	kill "$docker_pid" 2>/dev/null
	wait "$docker_pid" 2>/dev/null
	docker_pid=
}

# podman refuses a place for what runs whose name is longer than 50 characters.
own_podman()
{
	"${inside[@]}" /usr/bin/podman --root "$tmp/podman/storage" --runroot "$tmp/r" \
		--tmpdir "$tmp/podman/tmp" --cgroup-manager cgroupfs --runtime runc \
		--events-backend file "$@"
}

# The limits that podman wants by itself are higher than a container of this machine may have.
podman_run()
{
	own_podman run -d --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 "$@"
}

podman_is_gone()
{
	! pgrep -f -- "--root $tmp/podman/storage" >/dev/null
}

# Its service, and what cleans up after each container whenever it gets to it, mount anew what was
# unmounted.
stop_podman()
{
	[[ -d $tmp/podman ]] || return 0
	own_podman rm -f -t 0 --all >/dev/null 2>&1
	pkill -f -- "--root $tmp/podman/storage"
	wait_for 60 podman_is_gone || pkill -KILL -f -- "--root $tmp/podman/storage"
}

# Groups that the runtimes left empty. Others' are not empty, or are not called so.
remove_groups()
{
	find /sys/fs/cgroup -depth -mindepth 2 -type d \
		\( -path '*/docker' -o -path '*/docker/*' -o -path '*/libpod_parent*' \) \
		-exec rmdir {} + 2>/dev/null
	return 0
}

stop_containers()
{
	stop_podman
	stop_docker
	ip netns del "$netns" 2>/dev/null
	awk -v below="$tmp/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
		while IFS= read -r mount; do
			umount -l "$mount"
		done
	remove_groups
}
