# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Stand-ins for the images of contrib/compose, made of what this machine has installed, since no
# registry is asked: Debian's servers under the paths and users of the official images, a base for
# the agent's Dockerfile, and in place of Grafana, which Debian does not have, one that sleeps.
# Sourced after containers.sh; `tmp` is the test's directory.
# shellcheck disable=SC2154

# image_root DIR PROGRAM NAME: the program as /bin/NAME, with its libraries, busybox and users.
image_root()
{
	local root=$1 library applet

	mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp,var}
	chmod 1777 "$root/tmp"
	cp /bin/busybox "$root/bin/"
	for applet in cat grep ls sh sleep test wget; do
		ln -sf busybox "$root/bin/$applet"
	done
	echo "nobody:x:65534:65534:nobody:/:/bin/sh" >"$root/etc/passwd"
	echo "nobody:x:65534:" >"$root/etc/group"
	echo "hosts: files dns" >"$root/etc/nsswitch.conf"
	[[ $2 ]] || return 0
	cp "$(command -v "$2")" "$root/bin/$3"
	while IFS= read -r library; do
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library"
	done < <(ldd "$(command -v "$2")" | grep -o '/[^ ]*' | sort -u)
}

# server_image NAME PROGRAM DIR: DIR is where it keeps its data.
server_image()
{
	local root=$tmp/image.$1

	image_root "$root" "$2" "$1"
	mkdir -p "$root$3"
	chown 65534:65534 "$root$3"
	if [[ -d /usr/share/prometheus/$1 ]]; then
		mkdir -p "$root/usr/share/prometheus"
		cp -r "/usr/share/prometheus/$1" "$root/usr/share/prometheus/"
	fi
	tar -C "$root" -c . | docker import --change "ENTRYPOINT [\"/bin/$1\"]" \
		--change 'USER nobody' - "test/$1:1" >/dev/null
	rm -rf "$root"
}

# It sleeps, and is well as long as it can read what Grafana would: its check of health, which calls
# curl, looks at that.
grafana_image()
{
	local root=$tmp/image.grafana

	image_root "$root" ""
	mkdir -p "$root/etc/grafana/provisioning" "$root/var/lib/grafana"
	chown 472:0 "$root/var/lib/grafana"
	cat >"$root/bin/curl" <<-'END'
		#!/bin/sh -e
		test -s "$GF_SECURITY_ADMIN_PASSWORD__FILE"
		grep -q ' url: ' /etc/grafana/provisioning/datasources/*.yaml
		grep -q ' path: /usr/share/peekpush/grafana/dashboards' \
			/etc/grafana/provisioning/dashboards/*.yaml
		cat /usr/share/peekpush/grafana/dashboards/*.json >/dev/null
		for file in $(grep -ho '__file{[^}]*' /etc/grafana/provisioning/datasources/*.yaml); do
			test -s "${file#*\{}"
		done
		test -z "$GF_SERVER_CERT_KEY" || test -s "$GF_SERVER_CERT_KEY"
	END
	cat >"$root/bin/grafana" <<-'END'
		#!/bin/sh
		trap 'exit 0' TERM
		while :; do
			sleep 1000 &
			wait
		done
	END
	chmod 755 "$root/bin/"{curl,grafana}
	tar -C "$root" -c . |
		docker import --change 'ENTRYPOINT ["/bin/grafana"]' - test/grafana:1 >/dev/null
	rm -rf "$root"
}

# debian_image PACKAGE...: a Debian of these and all they need, from the files of this machine.
debian_image()
{
	local list=$tmp/debian.files

	dpkg-query -W -f '${Priority} ${Package}\n' | sed -n 's/^required //p' |
		xargs apt-cache depends --recurse --installed --no-recommends --no-suggests \
			--no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
		grep '^[a-z0-9]' | sort -u | xargs dpkg-query -L 2>/dev/null |
		sed -e 's,^/\(bin\|sbin\|lib\|lib64\|lib32\|libx32\)/,/usr/\1/,' |
		grep -v -e '^/\.$' -e '^/\(bin\|sbin\|lib\|lib64\)$' \
			-e '^/usr/share/\(doc\|man\|locale\|info\)/' >"$list"
	find /etc/alternatives >>"$list"
	find /usr/bin /usr/sbin -lname '/etc/alternatives/*' >>"$list"
	printf '%s\n' /bin /sbin /lib /lib64 /etc/ld.so.cache /etc/passwd /etc/group \
		/var/lib/dpkg/status >>"$list"
	sort -u "$list" | sed 's,^/,,' |
		tar -C / -c --ignore-failed-read --no-recursion -T - 2>/dev/null |
		docker import - test/debian:1 >/dev/null
}
