#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A small backup: packs a directory, reads the result back, keeps the newest ones.
#
# usage: backup.sh FROM TO
#
# Under `peekpush run` it tells how large it was; without, it is a backup all the same.

set -eu
[ $# -eq 2 ] || {
	echo "usage: backup.sh FROM TO" >&2
	exit 2
}
from=$1 to=$2 keep=${BACKUP_KEEP:-7}
name=backup-$(date -u +%Y%m%dT%H%M%SZ).tar.gz

# tell NAME VALUE HELP: a metric, for who watches us.
tell()
{
	[ -z "${PEEKPUSH_METRICS-}" ] ||
		printf '# HELP %s %s\n# TYPE %s gauge\n%s %s\n' "$1" "$3" "$1" "$1" "$2" \
			>>"$PEEKPUSH_METRICS"
}

# tar would find out too late: its gzip may make the file even after tar has given up.
[ -d "$from" ] || {
	echo "$from is no directory" >&2
	exit 1
}
mkdir -p "$to"
to=$(cd "$to" && pwd)
trap 'rm -f "$to/.$name.part"' EXIT
tar -C "$from" -czf "$to/.$name.part" .
files=$(tar -tzf "$to/.$name.part" | wc -l)
mv "$to/.$name.part" "$to/$name"

tell backup_files "$files" "Files and directories in the newest backup."
tell backup_bytes "$(wc -c <"$to/$name")" "Size of the newest backup."

# Names sort by time, and have no blanks.
cd "$to"
for old in $(find . -maxdepth 1 -name 'backup-*.tar.gz' | sort -r | tail -n +$((keep + 1))); do
	rm -f "$old"
done
tell backup_kept "$(find . -maxdepth 1 -name 'backup-*.tar.gz' | wc -l)" "Backups there are."
