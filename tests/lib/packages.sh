# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# The Debian 12 packages this project needs, in one place, and how to get them. Sourced by
# tests/run and contrib/quickstart.

packages_build=(
	autoconf automake
	clang llvm
	gcc libc6-dev make
	pkgconf
	libbpf-dev libelf-dev
	libconfig-dev
	libcurl4-openssl-dev
	libjansson-dev
	libpcre2-dev
	libsystemd-dev
	zlib1g-dev
)

# libcurl and libjansson are loaded when they are first needed, so no -dev package stands for them at
# run time.
packages_servers=(
	ca-certificates
	curl
	libcurl4
	libjansson4
	prometheus
	prometheus-alertmanager
	prometheus-pushgateway
)

packages_tests=(
	bash-completion
	binutils
	bpftool
	btrfs-progs
	busybox-static
	docker-compose
	docker.io
	libclang-rt-14-dev
	git
	iproute2
	jq
	libcmocka-dev
	libfaketime
	man-db
	openssl
	podman
	procps
	prometheus-alertmanager
	prometheus-process-exporter
	prometheus-node-exporter
	python3 python3-numpy python3-prometheus-client python3-yaml
	systemd
	util-linux
	valgrind
	vim-tiny
	xz-utils
)

# Whoever has another Node.js than Debian's has its npm, too, and the two exclude each other.
command -v npm >/dev/null || packages_tests+=(nodejs npm)

# For the Debian package and its tests.
packages_package=(
	autopkgtest
	blhc
	debhelper
	devscripts
	lintian
	mmdebstrap
	piuparts
	systemd-container
)

# For tests/vm alone.
packages_vm=(
	acpica-tools
	busybox-static
	cpio
	e2fsprogs
	kmod
	mmdebstrap
	qemu-system-x86
)

# Prints those of its arguments that are not installed.
packages_missing()
{
	local installed name

	installed=" $(dpkg-query -W -f='${db:Status-Status}=${Package} ' 2>/dev/null)"
	for name; do
		[[ $installed == *" installed=$name "* ]] || echo "$name"
	done
}

# Installs what is missing of its arguments, as root or through sudo. Daemons among them are
# neither started nor enabled: their system services would take the ports that people know.
packages_install()
{
	local missing as_root=()

	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		echo "This is no Debian: have the equivalents of these installed: $*" >&2
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]})) || return 0
	if ((EUID)); then
		as_root=(sudo)
		if ! command -v sudo >/dev/null; then
			echo "Run as root, once: apt-get install --no-install-recommends" \
				"${missing[*]}" >&2
			return 1
		fi
	fi
	echo "Installing ${missing[*]}"
	"${as_root[@]}" bash -s -- "${missing[@]}" <<-'END' || return 1
		export DEBIAN_FRONTEND=noninteractive
		policy=/usr/sbin/policy-rc.d made= log=$(mktemp)
		trap 'rm -f "$log" $made' EXIT
		if [ ! -e $policy ]; then
			made=$policy
			printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
		fi
		# A broken third-party source must not stop what Debian's own can deliver.
		apt-get -qq update </dev/null ||
			echo "apt-get update failed, trying with the lists there are" >&2
		apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" \
			</dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
		for name; do
			case $name in prometheus*)
				command -v systemctl >/dev/null &&
					systemctl -q disable "$name" 2>/dev/null &&
					echo "The service $name stays off" \
						"(systemctl enable --now $name)"
			esac
		done
		exit 0
	END
}
