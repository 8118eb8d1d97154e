# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How tests/run counts and prints. It sets `build`, where logs and copies of the sources are.
# shellcheck disable=SC2154

passed=0 failed=0 skipped=0
flaky=() broken=() # what conclude() says again

seconds_since()
{
	local us=$((${EPOCHREALTIME/./} - $1))

	printf '%d.%d' $((us / 1000000)) $((us % 1000000 / 100000))
}

# report STATUS STEP BEGIN [DETAIL]
report()
{
	printf '%-4s %-28s %6ss%s\n' "$1" "$2" "$(seconds_since "$3")" "${4:+  $4}"
}

# failures LOG: the checks of a TAP output that failed, each with its diagnostics, and what this
# script itself had to say of it.
failures()
{
	awk '/^not ok / { on = 1 } !/^(not ok |#)/ { on = 0 } on || /^tests\/run: /' "$1"
}

# in_a_line LOG...: the same without diagnostics.
in_a_line()
{
	local log

	for log; do
		failures "$log"
	done | sed -e '/^#/d' -e 's,^tests/run: ,,' | awk '{ printf "%s%s", sep, $0; sep = "; " }'
}

# remark LOG LINE...: what this script has to say.
remark()
{
	local log=$1

	shift
	sed 's,^,tests/run: ,' <<<"$*" >>"$log"
}

# show LOG...: a failed step's output, with paths as they are in the tree, without make's progress.
# What failed comes first, since who keeps this output may cut it.
show()
{
	local log

	for log; do
		failures "$log" | sed 's/^/     ! /'
		sed -e '/^  [A-Z]\{2,\}  *[^ ]*$/d' -e 's/^/     | /' "$log"
	done | sed -e "s,$build/src/,,g" -e 's,\(\.\./\)\{1\,4\}src/,,g'
}

# fail NAME BEGIN DETAIL LOG...: reports what failed now and once more at the end.
fail()
{
	local name=$1 lines

	report FAIL "$name" "$2" "$3"
	shift 3
	show "$@"
	lines=$(in_a_line "$@")
	broken+=("$name${lines:+: $lines}")
}

# count_tap LOG STATUS: the counts of a TAP output, in `tap` and as text in `detail`; false when
# anything is wrong with it. A test that stops before its plan, or ends badly without saying where,
# counts as one failure.
count_tap()
{
	local p f s plan

	read -r p f s plan < <(awk '
		/^ok / && / # [Ss][Kk][Ii][Pp]/ { s++; next }
		/^ok /		{ p++ }
		/^not ok /	{ f++ }
		/^1\.\.0 # SKIP/ { s++; plan = s; next }
		/^1\.\.[0-9]+$/	{ plan = substr($0, 4) }
		END		{ print p + 0, f + 0, s + 0, plan == "" ? -1 : plan }' "$1")
	if ((plan != p + f + s)); then
		remark "$1" "planned $plan tests, saw $((p + f + s)) (-1: no plan)"
		((++f))
	elif (($2 != 0 && f == 0)); then
		remark "$1" "ended with status $2"
		((++f))
	fi
	tap=("$p" "$f" "$s")
	# shellcheck disable=SC2034
	detail=$(sums "${tap[@]}")
	((f == 0))
}

# add PASSED FAILED SKIPPED
add()
{
	((passed += $1, failed += $2, skipped += $3))
}

# sums PASSED FAILED SKIPPED: without what is nought.
sums()
{
	local text="$1 passed"

	(($2)) && text+=", $2 failed"
	(($3)) && text+=", $3 skipped"
	echo "$text"
}

# skips LOG: names each skipped test with its reason.
skips()
{
	sed -n -e 's/^ok [0-9]* - \(.*\) # SKIP \(.*\)/     skipped: \1 (\2)/p' \
		-e 's/^1\.\.0 # SKIP \(.*\)/     skipped: all of it (\1)/p' "$1"
}

# conclude: what was not well once more, the last line, and the exit status.
conclude()
{
	((${#flaky[@]} + ${#broken[@]} == 0)) || echo
	((${#flaky[@]} == 0)) || printf '%s\n' "${flaky[@]}"
	((${#broken[@]} == 0)) || printf 'FAILED %s\n' "${broken[@]}"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit $((failed != 0 || passed == 0))
}
