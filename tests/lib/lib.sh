# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the end-to-end tests share: TAP, servers on free loopback ports, and the promise that
# whatever a test started or wrote is gone when it ends, also when it fails or is stopped.
# A test sources this first and calls `finish` last; without `finish` there is no plan, and
# the runner counts the test as failed.
#
#	PEEKPUSH  the binary under test, absolute
#	tmp       a directory of this test's own, removed at its end
#	top       the root of the source tree
#
# $tmp/peekpush.conf and $tmp/state are this test's configuration and state. No agent of a test loads
# BPF programs by itself, which would stay in the machine's kernel, and none sees those that are there;
# nor does one see the machine's text files, or make a drop-box where users would find it.

set -u
export LC_ALL=C TZ=UTC
# Another than the installed one is for trying out by hand.
node_exporter_program=${PEEKPUSH_NODE_EXPORTER:-prometheus-node-exporter}
# The machine's own settings must not decide what a test sees.
unset "${!PEEKPUSH_@}" http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${PEEKPUSH:?the path of the binary under test, absolute}"

tap_count=0
tap_failed=0
pids=()
tmp=$(mktemp -d "${TMPDIR:-/tmp}/e2e.XXXXXX") || exit 1
mkdir "$tmp/state" "$tmp/no-text"
# For tests that write one of their own.
apart="ebpf: { load = false; pins = \"$tmp/no-pins\"; }; dropbox: { directory = \"$tmp/no-box\"; };"
cat >"$tmp/peekpush.conf" <<END
$apart
textfile: { directory = "$tmp/no-text"; };
END
export PEEKPUSH_CONFIG=$tmp/peekpush.conf PEEKPUSH_STATE_DIR=$tmp/state

# still_ours PID: whether that is a process of this test; the kernel gives the numbers of those that
# have ended to others, of which a busy machine has hundreds a second.
still_ours()
{
	local stat

	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	# shellcheck disable=SC2086
	set -- "$1" ${stat##*) }
	[[ ${3-} == "$$" ]] || grep -qsaF "$tmp" "/proc/$1/environ"
}

# Ends every process of this test, politely at first, and removes its directory, and those in /run
# of runs that were killed, which nobody else could find without the records of them.
cleanup()
{
	local pid i dir

	# bash runs the trap in a subshell too, when a signal hits that early.
	((BASHPID == $$)) || return 0
	for pid in "${pids[@]}"; do
		still_ours "$pid" && kill "$pid" 2>/dev/null
	done
	for ((i = 0; i < 50; i++)); do
		for pid in "${pids[@]}"; do
			still_ours "$pid" && sleep 0.1 && continue 2
		done
		break
	done
	for pid in "${pids[@]}"; do
		still_ours "$pid" && kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	while IFS= read -r dir; do
		rm -rf "${dir#*=}"
	done < <(grep -rhao --include='*.run.*' 'inside_dir=/run/peekpush/peekpush-......' "$tmp" 2>/dev/null)
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 143' HUP INT TERM

# --- TAP -----------------------------------------------------------------------------------

note()
{
	local line

	while IFS= read -r line; do
		printf '# %s\n' "$line"
	done <<<"$*"
}

ok()
{
	printf 'ok %d - %s\n' $((++tap_count)) "$1"
}

# not_ok NAME [DIAGNOSTIC...]
not_ok()
{
	printf 'not ok %d - %s\n' $((++tap_count)) "$1"
	((++tap_failed))
	shift
	(($#)) && note "$@"
	return 0
}

# is GOT WANT NAME
is()
{
	if [[ $1 == "$2" ]]; then
		ok "$3"
	else
		not_ok "$3" "got:  $1"$'\n'"want: $2"
	fi
}

# like GOT REGEX NAME
like()
{
	if [[ $1 =~ $2 ]]; then
		ok "$3"
	else
		not_ok "$3" "got: $1"$'\n'"does not match: $2"
	fi
}

# check NAME COMMAND...: passes when COMMAND does; what it said explains a failure.
check()
{
	local name=$1 output status

	shift
	output=$("$@" 2>&1)
	status=$?
	if ((status == 0)); then
		ok "$name"
	else
		not_ok "$name" "$* ended with $status"$'\n'"$output"
	fi
}

# agrees NAME FUNCTION: passes when it says nothing, at the sixth time at the latest. It measures a
# machine that does other things, too: what is wrong is so each time, what disturbs it is not.
agrees()
{
	local said pause

	for pause in 0 0 1 2 4 8; do
		sleep $pause
		said=$("$2" 2>&1)
		[[ -z $said ]] && break
		note "$1: $said"
	done
	is "$said" "" "$1"
}

# differs WHAT GOT WANT, outside WHAT GOT LEAST MOST: say so when it is.
differs()
{
	[[ $2 == "$3" ]] || echo "$1: $2, not $3"
}

outside()
{
	awk -v v="$2" -v a="$3" -v b="$4" 'BEGIN { exit !(v + 0 < a + 0 || v + 0 > b + 0) }' &&
		echo "$1: $2, not within $3 and $4"
	return 0
}

# absorb COMMAND...: takes another program's TAP for this test's own.
absorb()
{
	local line status output seen=$tap_count

	output=$("$@" 2>&1)
	status=$?
	while IFS= read -r line; do
		if [[ $line =~ ^(not )?ok\ [0-9]+\ -\ (.*) ]]; then
			[[ -n ${BASH_REMATCH[1]} ]] && ((++tap_failed)) && status=0
			printf '%sok %d - %s\n' "${BASH_REMATCH[1]}" $((++tap_count)) \
				"${BASH_REMATCH[2]}"
		elif [[ ! $line =~ ^1\.\.[0-9]+$ ]]; then
			printf '# %s\n' "${line#\# }"
		fi
	done <<<"$output"
	((status == 0 && tap_count > seen)) || not_ok "$1 ends well" "status $status"
}

# skip NAME REASON
skip()
{
	printf 'ok %d - %s # SKIP %s\n' $((++tap_count)) "$1" "$2"
}

# Skips the whole test.
skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

finish()
{
	echo "1..$tap_count"
	exit $((tap_failed != 0))
}

# The collectors that node_exporter has too, and the comparison with it or with ourselves.
node_collectors="arp bcache bonding btrfs conntrack cpu cpufreq diskstats dmi edac entropy
	fibrechannel filefd filesystem hwmon infiniband ipvs loadavg mdadm meminfo netclass netdev
	netstat nfs nfsd nvme os powersupplyclass pressure rapl schedstat selinux sockstat softnet stat
	tapestats textfile thermal_zone time timex udp_queues uname vmstat xfs zfs"

# compare [OPTION...] ROUND...: see tests/lib/compare-exposition.py.
compare()
{
	local options=()

	while [[ $1 == -* ]]; do
		options+=("$1")
		shift
	done
	# shellcheck disable=SC2086
	python3 "$top/tests/lib/compare-exposition.py" "${options[@]}" \
		"$(printf '%s,' $node_collectors | sed 's/,$//')" "$@"
}

# Whether the binary is built with sanitizers: slower, larger, and no host for LD_PRELOAD.
sanitized()
{
	grep -qa __asan_init "$PEEKPUSH"
}

# --- processes -----------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: tries it until it succeeds.
wait_for()
{
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))

	shift
	until "$@"; do
		((${EPOCHREALTIME/./} < deadline)) || return 1
		sleep 0.05
	done
}

# spawn LOG COMMAND...: starts it in the background; its pid is in `spawned`.
spawn()
{
	local log=$1

	shift
	"$@" >"$log" 2>&1 </dev/null &
	spawned=$!
	pids+=("$spawned")
}

# stop PID: ends a spawned process; its status is the result.
stop()
{
	kill "$1" 2>/dev/null
	wait "$1"
}

# closed_port: sets `port` to one where connections are refused as long as this test runs: somebody
# has it, and does not listen.
closed_port()
{
	rm -f "$tmp/closed"
	spawn "$tmp/closed" python3 -c 'import signal, socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
signal.pause()'
	if ! wait_for 60 test -s "$tmp/closed"; then
		not_ok "a port is held" "$(cat "$tmp/closed")"
		finish
	fi
	port=$(<"$tmp/closed")
}

# --- servers -------------------------------------------------------------------------------

# fetch URL [CURL OPTION...]
fetch()
{
	curl -fsS --max-time 20 "$@"
}

fetch_quietly()
{
	fetch "$@" >/dev/null 2>&1
}

# The address a Prometheus program chose for port 0, out of its log.
listening()
{
	address=$(sed -n 's/.*msg="Listening on" .*address=\([0-9.:]*\)$/\1/p' "$1" 2>/dev/null)
	[[ -n $address ]]
}

# start_server NAME READY-PATH COMMAND...: sets `url` and `spawned`.
start_server()
{
	local name=$1 path=$2 log address

	shift 2
	log=$tmp/$name.log
	# Of the server before this one under the same name, where there was one.
	rm -f "$log"
	spawn "$log" "$@" --web.listen-address=127.0.0.1:0
	if ! wait_for 60 listening "$log"; then
		not_ok "$name starts" "$(tail -5 "$log")"
		finish
	fi
	url=http://$address
	if ! wait_for 60 fetch_quietly "$url$path"; then
		not_ok "$name is ready" "$(tail -5 "$log")"
		finish
	fi
}

# start_pushgateway [FLAG...]: sets `gateway` and `gateway_pid`.
start_pushgateway()
{
	start_server pushgateway /-/ready prometheus-pushgateway --persistence.file= "$@"
	gateway=$url gateway_pid=$spawned
}

# start_liar [FLAG...]: tests/lib/lying-gateway.py; sets `liar`. It lives as long as fd 7.
start_liar()
{
	mkfifo "$tmp/leash"
	python3 "$top/tests/lib/lying-gateway.py" "$@" <"$tmp/leash" >"$tmp/liar.port" \
		2>"$tmp/liar.log" &
	pids+=($!)
	exec 7>"$tmp/leash"
	if ! wait_for 60 test -s "$tmp/liar.port"; then
		not_ok "the lying gateway starts" "$(cat "$tmp/liar.log")"
		finish
	fi
	liar=http://127.0.0.1:$(<"$tmp/liar.port")
}

# Scrapes `gateway` once a second; sets `prometheus` and `prometheus_pid`.
start_prometheus()
{
	cat >"$tmp/prometheus.yml" <<-END
		global: { scrape_interval: 1s }
		scrape_configs:
		  - job_name: pushgateway
		    honor_labels: true
		    static_configs: [ { targets: [ "${gateway#http://}" ] } ]
	END
	start_server prometheus /-/ready prometheus --config.file="$tmp/prometheus.yml" \
		--storage.tsdb.path="$tmp/prometheus" "$@"
	prometheus=$url prometheus_pid=$spawned
}

# What Debian's defaults leave out and node_exporter's own, newest ones do not: more mount points,
# and the device lo. zram is left out since 1.6.
node_exporter_defaults=(
	--collector.netdev.device-exclude='^$'
	--collector.filesystem.mount-points-exclude="^/(dev|proc|run/credentials/.+|sys|\
var/lib/docker/.+|var/lib/containers/storage/.+)(\$|/)"
	--collector.diskstats.device-exclude="^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|\
nvme\\d+n\\d+p)\\d+\$"
)

# 1.11.1, say.
node_exporter_version()
{
	"$node_exporter_program" --version 2>&1 | sed -n 's/^node_exporter, version \([0-9.]*\).*/\1/p'
}

# start_node_exporter COLLECTOR [FLAG...]: COLLECTOR is a list with blanks; sets
# `node_exporter` and `node_exporter_pid`.
start_node_exporter()
{
	local names=$1 flags=() name

	shift
	for name in $names; do
		flags+=("--collector.$name")
	done
	start_server node_exporter / "$node_exporter_program" --collector.disable-defaults \
		"${flags[@]}" "$@"
	node_exporter=$url node_exporter_pid=$spawned
}

# prom_query EXPRESSION: one line a series, "VALUE {labels as JSON}".
prom_query()
{
	fetch -G --data-urlencode "query=$1" "$prometheus/api/v1/query" |
		jq -r '.data.result[] | "\(.value[1]) \(.metric | tojson)"'
}

prom_has()
{
	[[ -n $(prom_query "$1") ]]
}

# job_value JOB NAME [LABEL]: of the first series of peekpush_job_NAME at `gateway`; empty when there is none.
job_value()
{
	fetch "$gateway/metrics" | JOB="job=\"$1\"" NAME="peekpush_job_$2{" LABEL=${3-} awk '
		index($0, ENVIRON["NAME"]) == 1 && index($0, ENVIRON["JOB"]) &&
			(ENVIRON["LABEL"] == "" || index($0, ENVIRON["LABEL"])) && !seen++ { print $NF }'
}

# With this test's own configuration and state, by the environment set above.
peekpush()
{
	"$PEEKPUSH" "$@"
}
