# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# What the tests of the Debian package share, on top of lib.sh: a clean Debian 12 to install it in.
# The package that is tested lies beside PEEKPUSH, where tests/lib/build-deb has left it.

debs=${PEEKPUSH%/*}
deb=$(echo "$debs"/peekpush_*.deb)
[[ -e $deb ]] || skip_all "no package beside $PEEKPUSH (tests/run package builds one)"
((EUID == 0)) || skip_all "needs root"
export PATH=$PATH:/usr/sbin:/sbin

# The names of the packages that the package depends on, the first of each alternatives.
depends()
{
	dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed -e 's/^ *//' -e 's/[ |(].*//'
}

# base_tar: makes, once for each set of dependencies, Debian 12 with systemd and just what the package
# depends on; sets `base`. Without a mirror there is none.
base_tar()
{
	local cache=${PEEKPUSH_PACKAGE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/peekpush-package}
	local include key sources=/etc/apt/sources.list.d/debian.sources

	[[ -e $sources ]] || sources=/etc/apt/sources.list
	# curl needs nothing more than libcurl, which is among them.
	include=$(depends | sort | tr '\n' ',')systemd-sysv,dbus,curl
	key=$(sha256sum <<<"$include bookworm" | cut -c 1-12)
	base=$cache/$key.tar
	mkdir -p "$cache"
	# Made once, whoever else wants it at the same moment.
	exec 8>"$cache/lock"
	flock -w 400 8 || skip_all "no Debian 12 can be made: others make one for 400 seconds"
	if [[ ! -e $base ]]; then
		rm -f "$cache"/*.tar "$cache"/*.making
		timeout -k 30 350 mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
			--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/locale/*' --format=tar bookworm \
			"$base.making" "$sources" >"$tmp/mmdebstrap.log" 2>&1 8>&- &&
			mv "$base.making" "$base"
	fi
	exec 8>&-
	[[ -e $base ]] ||
		skip_all "no Debian 12 can be made, or not in time: $(tail -n 1 "$tmp/mmdebstrap.log")"
}

# make_root DIR: a Debian of its own, with the package and the next version of it in /root.
make_root()
{
	base_tar
	mkdir "$1" && tar -C "$1" --numeric-owner -xf "$base" || return 1
	cp "$deb" "$1/root/peekpush.deb"
	cp "$("$top/tests/lib/next-deb" "$deb" "$tmp/next")" "$1/root/next.deb"
}

# inside DIR COMMAND...: in there, with /proc, /sys and the machine's network, as nothing but a chroot.
inside()
{
	# shellcheck disable=SC2016
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
		DEBIAN_FRONTEND=noninteractive unshare --mount --propagation private sh -c '
			mount -t proc proc "$0/proc" && mount -t sysfs -o ro sys "$0/sys" || exit 99
			exec chroot "$0" "$@"' "$@" </dev/null
}
