# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the built-in BPF programs count, held against loads of known size and against what the
# kernel itself tells elsewhere. Other processes run meanwhile: so the rare system call, the rare
# error, and elsewhere bounds from readings that enclose those of the programs; and another try.
# Where the first process of a machine is hidden from BPF, so is an interrupt on its time.
#
# Sourced after lib.sh, in a mount namespace of the test's own.

[[ -n ${BPF_TEST_NAMESPACE-} ]] || skip_all "needs root and a mount namespace"
"$PEEKPUSH" --version | grep -q '(bpf)' || skip_all "built without BPF"
"$PEEKPUSH" list bpf 2>/dev/null | grep -q $'^raw tracepoint programs\tyes' ||
	skip_all "no BPF programs may be loaded here"
PATH=$PATH:/usr/sbin:/sbin

pins=$tmp/pins
mkdir "$tmp/bpf.d" "$pins"
common=(--set "ebpf.pins=$pins" --set "ebpf.objects=$tmp/bpf.d")

p()
{
	"$PEEKPUSH" "${common[@]}" --set "ebpf.programs=$programs" "$@" 2>"$tmp/said"
}

# load NAME...: these programs and no others.
load()
{
	local IFS=,

	programs=$*
	p bpf load >"$tmp/loaded"
}

# sample FILE
sample()
{
	p collect --collectors ebpf >"$1"
}

# sum FILE NAME [LABEL...]: of all series of ebpf_exporter_NAME with these labels ('a="b"').
sum()
{
	local file=$1 name=$2

	shift 2
	awk -v name="ebpf_exporter_$name" -v labels="$(printf '%s\n' "$@")" '
	BEGIN { n = split(labels, want, "\n") }
	{
		at = match($0, /[{ ]/)
		if (substr($0, 1, at - 1) != name) next
		for (i = 1; i <= n; i++) if (want[i] != "" && !index($0, want[i])) next
		total += $NF
	}
	END { printf "%.9g\n", total }' "$file"
}

# grown_from NAME NAME METRIC [LABEL...]: between these two samples.
grown_from()
{
	calculate "$(sum "$tmp/$2" "${@:3}") - $(sum "$tmp/$1" "${@:3}")"
}

grown()
{
	grown_from before after "$@"
}

# calculate EXPRESSION
calculate()
{
	awk "BEGIN { printf \"%.9g\\n\", $1 }"
}

# measure COMMAND...: runs it between two samples; its output is in $tmp/out.
measure()
{
	sample "$tmp/before"
	"$@" >"$tmp/out" 2>&1
	sample "$tmp/after"
}
