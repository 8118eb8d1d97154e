# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Values of series in an exposition, and whether they are right. Sourced after lib.sh.

# value FILE NAME LABEL...: the sum of the series of NAME with all these labels ('a="b"'); nothing
# when there is none.
value()
{
	local file=$1 name=$2

	shift 2
	awk -v name="$name" -v labels="$(printf '%s\n' "$@")" '
	BEGIN { n = split(labels, want, "\n") }
	{
		at = match($0, /[{ ]/)
		if (substr($0, 1, at - 1) != name) next
		for (i = 1; i <= n; i++) if (want[i] != "" && !index($0, want[i])) next
		total += $NF; found = 1
	}
	END { if (found) printf "%.12g\n", total }' "$file"
}

# between LOW VALUE HIGH NAME
between()
{
	if [[ -n $2 ]] && awk -v a="$1" -v x="$2" -v b="$3" 'BEGIN { exit !(a <= x && x <= b) }'; then
		ok "$4"
	else
		not_ok "$4" "${2:-nothing} is not within $1 and $3"
	fi
}
