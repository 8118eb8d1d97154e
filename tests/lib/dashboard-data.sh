# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Really pushed data for every panel: this host with all that its kernel tells, with containers of a
# dockerd of its own and with sensors that count; hosts of fixtures for hardware that is not at hand;
# and jobs. Sourced after lib.sh and containers.sh, in a mount namespace of the test's own, when a
# gateway runs. A dashboard's names are those that a collector, a BPF object or a job gives: but for
# one, nothing here writes a metric of peekpush's by hand.

PATH=$PATH:/usr/sbin:/sbin

# The same for each of them.
agent_options=(--set push.interval=4s --set push.timeout=3600ms --set push.splay=0
	--set energy.carbon.grams_per_kwh=360 --set energy.cost_per_kwh=0.3)

# start_agent INSTANCE [OPTION...]: pushes each four seconds; its log is $tmp/INSTANCE.log.
start_agent()
{
	local instance=$1

	shift
	mkdir -p "$tmp/$instance.state"
	spawn "$tmp/$instance.log" env LD_LIBRARY_PATH="$tmp/nvml" "$PEEKPUSH" --url "$gateway" \
		--state-dir "$tmp/$instance.state" "${agent_options[@]}" "$@" --instance "$instance" agent
}

# start_prometheus_with_rules: scrapes `gateway` each eight seconds, which leaves time to a busy machine.
# The shipped rules say what they say of it. Sets `prometheus`.
start_prometheus_with_rules()
{
	# What fires without waiting; of the shipped ones it depends on the machine.
	cat >"$tmp/rules.yml" <<-'END'
		groups:
		  - name: test
		    rules:
		      - { alert: Running, expr: peekpush_running == 1, labels: { severity: info } }
	END
	cat >"$tmp/prometheus.yml" <<-END
		global: { scrape_interval: 8s, evaluation_interval: 1s }
		rule_files: [ "$top/conf/prometheus/rules/*.yml", "$tmp/rules.yml" ]
		scrape_configs:
		  - job_name: pushgateway
		    honor_labels: true
		    static_configs: [ { targets: [ "${gateway#http://}" ] } ]
	END
	start_server prometheus /-/ready prometheus --config.file="$tmp/prometheus.yml" \
		--storage.tsdb.path="$tmp/prometheus"
	prometheus=$url
}

# --- sensors that count

# The machine's own /sys, with counters of energy in it. power_of: what they show next.
make_sensors()
{
	local entry

	sensors=$tmp/sensors
	mkdir -p "$sensors/sys/class/powercap" "$tmp/nvml" "$sensors/dev" "$sensors/run"
	for entry in /sys/* /sys/class/*; do
		[[ $entry == /sys/class || $entry == /sys/class/powercap ]] ||
			ln -s "$entry" "$sensors$entry"
	done
	python3 "$top/tests/lib/untree" "$sensors" /dev/stdin <<-END
		=== FILE sys/class/powercap/intel-rapl:0/name
		package-0
		=== FILE sys/class/powercap/intel-rapl:0/energy_uj
		000001000000
		=== FILE sys/class/powercap/intel-rapl:0/max_energy_range_uj
		262143328850
		=== FILE sys/class/powercap/intel-rapl:0:0/name
		dram
		=== FILE sys/class/powercap/intel-rapl:0:0/energy_uj
		000000500000
		=== FILE sys/class/powercap/intel-rapl:0:0/max_energy_range_uj
		65712999613
	END
	: >"$sensors/dev/nvidiactl"
	cc -O1 -fPIC -shared -Wl,-soname,libnvidia-ml.so.1 -o "$tmp/nvml/libnvidia-ml.so.1" \
		"$top"/tests/standin/*.c || return
	export NVML_STANDIN=$tmp/gpus
	count_energy 0
	count_on >"$tmp/energy.log" 2>&1 </dev/null &
	pids+=("$!")
}

count_on()
{
	local step

	for ((step = 1; ; step++)); do
		sleep 0.25
		count_energy $step || return
	done
}

# count_energy STEP: the counters after so many quarters of a second; busy and idle in turn. This
# shell works on a GPU. Written over, so that nobody finds a counter empty.
count_energy()
{
	local zone=$sensors/sys/class/powercap/intel-rapl:0
	local busy=$(($1 / 8 * 4 + ($1 % 8 < 4 ? $1 % 8 : 4)))

	printf '%012d\n' $((1000000 + $1 * 2500000 + busy * 7500000)) 1<>"$zone/energy_uj"
	printf '%012d\n' $((500000 + $1 * 250000 + busy * 750000)) 1<>"$zone:0/energy_uj"
	cat >"$tmp/gpus.new" <<-END
		driver 535.129.03
		nvml 12.535.129.03
		cuda 12020
		count 2
		0 Name NVIDIA H100 80GB HBM3
		0 UUID GPU-1b5a7fd0-0c0e-8f53-9d06-2d3a4b5c6d7e
		0 PciInfo 00000000:3B:00.0
		0 ClockInfo.1 1980
		0 ClockInfo.2 2619
		0 Temperature.0 41
		0 FieldValue.82 47
		0 TemperatureThreshold.0 92
		0 TemperatureThreshold.1 89
		0 PowerUsage 71234
		0 EnforcedPowerLimit 700000
		0 TotalEnergyConsumption $((123456000 + $1 * 12500 + busy * 62500))
		0 UtilizationRates 63 20
		0 EncoderUtilization 5
		0 DecoderUtilization 6
		0 FanSpeed 30
		0 MemoryInfo_v2 85899345920 75161927680 10200547328 536870912
		0 PcieReplayCounter 2
		0 PerformanceState 0
		0 CurrentClocksThrottleReasons 4
		0 TotalEccErrors.0.0 7
		0 TotalEccErrors.1.0 1
		0 ViolationStatus.0 5000000001
		0 ViolationStatus.1 1001
		0 RemappedRows 3 1 1 0
		0 ProcessUtilization 1
		0 compute $$ 9663676416
		0 sample $$ 60 15 0 0
		1 Name Tesla P100-PCIE-16GB
		1 UUID GPU-00000000-1111-2222-3333-444444444444
		1 PowerUsage 30000
		1 Temperature.0 38
		1 UtilizationRates 10 2
		1 MemoryInfo 17179869184 17000000000 179869184
	END
	mv "$tmp/gpus.new" "$tmp/gpus"
}

# --- BPF programs

# stand_in NAME SED-SCRIPT: the built-in object of that name with other hooks, for a kernel or a
# processor that has not those it wants. Its metrics, labels and decoders are its own.
stand_in()
{
	local dir=$tmp/stand-in/$1

	mkdir -p "$dir"
	cp "$top"/bpf/*.h "$top/bpf/$1.bpf.c" "$dir"
	sed -i "$2" "$dir"/calls.h "$dir/$1.bpf.c"
	clang -target bpf -D__TARGET_ARCH_"$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')" \
		-O2 -g -mcpu=v3 -I"/usr/include/$(cc -print-multiarch)" -I"$dir" \
		-c "$dir/$1.bpf.c" -o "$tmp/bpf.d/$1.bpf.o"
}

# Entry and exit of whatever system call stand for those of a function.
calls='s,fentry/" #function,tp_btf/sys_enter",; s,fexit/" #function,tp_btf/sys_exit",'

load_programs()
{
	local name

	mkdir -p "$tmp/pins" "$tmp/bpf.d"
	bpf=(--set "ebpf.pins=$tmp/pins" --set "ebpf.objects=$tmp/bpf.d" --set ebpf.programs=all)
	"$PEEKPUSH" "${bpf[@]}" bpf load >"$tmp/programs" 2>"$tmp/programs.err"
	for name in $(awk -F '\t' '$2 == "absent" { print $1 }' "$tmp/programs"); do
		case $name in
		llc) stand_in llc 's,hardware:cache-references,software:context-switches,
			s,hardware:cache-misses,software:page-faults,' ;;
		ext4 | xfs) stand_in "$name" "$calls" ;;
		throttling) stand_in throttling 's,fentry/unthrottle_cfs_rq,tp_btf/sys_enter,
			s|since = .*;|since = 1, now = 1000001;|
			s|key = { .* }|key = { bpf_get_current_cgroup_id() }|' ;;
		esac || return
	done
	"$PEEKPUSH" "${bpf[@]}" bpf load >"$tmp/programs" 2>"$tmp/programs.err"
	grep -q $'^throttling\tabsent' "$tmp/programs" && note "$(cat "$tmp/programs" "$tmp/programs.err")"
	for name in syscalls llc ext4 xfs throttling; do
		grep -qP "^$name\t(loaded|kept)" "$tmp/programs" || return
	done
}

# What is rare on a machine that is well: datagrams without room, memory that is compacted.
disturb()
{
	python3 - <<-'END'
		import socket
		full = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
		full.bind(("127.0.0.1", 0))
		for _ in range(200):
		    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(999), full.getsockname())
	END
	echo 1 >/proc/sys/vm/compact_memory
	docker exec victim sh -c 'echo 1000 >/proc/self/oom_score_adj
		head -c 64000000 /dev/zero | tail -c 64000000' >/dev/null 2>&1
	return 0
}

# --- containers

# run_container NAME OPTION...: with all that a container can have: limits, a health check, work, more
# files than it may cache, and what it writes.
run_container()
{
	docker run -d --name "$1" -m 24m --cpus 0.2 --health-cmd true --health-interval 1s "${@:2}" \
		local/tiny:1 sh -c 'while :; do
			i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done
			dd if=/dev/zero of=/tmp/x bs=1M count=32 conv=fsync 2>/dev/null
			sleep 3
		done' >/dev/null
}

# One as Kubernetes would start it, one within what looks like a unit of systemd, which cannot run
# here, and one in which somebody asks for too much memory.
start_containers()
{
	unit=peekpush-test-$$.service
	run_container pod -l io.kubernetes.pod.name=web-0 -l io.kubernetes.pod.namespace=shop \
		-l io.kubernetes.container.name=nginx &&
		run_container store --cgroup-parent "/system.slice/$unit" &&
		docker run -d --name victim -m 16m --memory-swap 16m local/tiny:1 sleep 10000 >/dev/null
}

# The group of that unit, when the containers are gone.
remove_unit()
{
	[[ -n ${unit-} ]] || return 0
	find /sys/fs/cgroup -depth -type d -path "*/system.slice/$unit*" -exec rmdir {} + 2>/dev/null
	# Where systemd does not run nobody else has made this one; who is not alone in it keeps it.
	find /sys/fs/cgroup -maxdepth 2 -type d -name system.slice -exec rmdir {} + 2>/dev/null
	return 0
}

# --- a systemd that answers

# start_systemd ROOT: where an agent with that --rootfs finds it.
start_systemd()
{
	mkdir -p "$1/run/systemd/system"
	cc -O1 -o "$tmp/manager" "$top/tests/standin/systemd/manager.c" -lsystemd || return
	# A socket's path has no room for all of this one.
	spawn "$tmp/systemd.log" env -C "$1/run/systemd" "$tmp/manager" private
	wait_for 60 grep -qs ready "$tmp/systemd.log"
}

# --- hosts

# name_container TREE GROUP LABELS: the file in which Docker says who that is.
name_container()
{
	local id=${2##*docker-}

	id=${id%.scope}
	mkdir -p "$1/root/var/lib/docker/containers/$id"
	sed "s/044049f0030a89ae2bd6a89e558d813bafda78a809464b64b1b91db7fd12ee5d/$id/g
		s/\"Labels\": {/&${3//$'\n'/}/" "$top/tests/fixtures/runtimes/docker-config.v2.json" \
		>"$1/root/var/lib/docker/containers/$id/config.v2.json"
}

start_hosts()
{
	local tree=$tmp/tree group

	# This host. What its textfile says comes with it.
	mkdir "$tmp/textfile" "$tmp/box"
	echo 'example_textfile_value 1' >"$tmp/textfile/example.prom"
	start_agent live "${bpf[@]}" --collectors all --sysfs "$sensors/sys" \
		--set "collectors.cgroup.sockets=${docker_socket-/none}" \
		--set collectors.cgroup.timeout=800ms --set "textfile.directory=$tmp/textfile" \
		--set "dropbox.directory=$tmp/box" --set energy.scaphandre=true --set energy.pids=true \
		--set collectors.cgroup.processes=true --set collectors.process.top=5 \
		--set collectors.cgroup.disk_usage=2s
	# GPUs are asked for below --rootfs, which nothing else may be here.
	start_agent gpu --rootfs "$sensors" --sysfs "$sensors/sys" --collectors energy,nvidia,cgroup,self
	# Hardware of fixtures: sensors, RAID, batteries, memory with ECC; cgroup v2, with a container
	# that has done I/O, which no kernel with cgroup v1 tells; and systemd.
	"$top/tests/lib/untree" "$tree" "$top"/tests/fixtures/{cgroup,filesystem}.tree || return
	rm -rf "$tree/proc"
	"$top/tests/lib/untree" "$tree" "$top/tests/differential/host.tree" || return
	group=("$tree"/sys/fs/cgroup/system.slice/docker-*.scope)
	name_container "$tree" "${group[0]}" ""
	cp -r "${group[0]}" "${group[0]%????.scope}beef.scope"
	name_container "$tree" "${group[0]%????.scope}beef.scope" '"io.kubernetes.pod.name": "db-0",
		"io.kubernetes.pod.namespace": "shop", "io.kubernetes.container.name": "db",'
	start_systemd "$tree/root" || return
	start_agent tree --procfs "$tree/proc" --sysfs "$tree/sys" --rootfs "$tree/root" \
		--udev "$tree/udev" --collectors default,drm --set collectors.systemd.units=true \
		--set collectors.systemd.task_metrics=true \
		--set collectors.systemd.restarts_metrics=true \
		--set collectors.systemd.start_time_metrics=true
}

# --- jobs

# as_job JOB [OPTION...] -- CMD...: sets `job`, the command that wraps CMD; with energy, and on the host of
# the agent, which has learnt what that consumes idle.
as_job()
{
	job=("$PEEKPUSH" run --url "$gateway" --instance live --state-dir "$tmp/live.state"
		--sysfs "$sensors/sys" --heartbeat 3s --set energy.carbon.grams_per_kwh=360
		--set energy.cost_per_kwh=0.3 --job "$@")
}

# job JOB [OPTION...] -- CMD...
job()
{
	local job

	as_job "$@"
	"${job[@]}"
}

# Connects where nobody listens, too: on a quiet machine nothing else is reset.
ticking()
{
	while :; do
		(: >/dev/tcp/127.0.0.1/1) 2>/dev/null
		job tick --stage beat --every 1m --max-duration 1h -- sh -c 'for pass in 1 2 3 4; do
			i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 0.2; done'
	done
}

# One that succeeds again and again, one that fails, one that is at work, and a pipeline with metrics
# from inside.
start_jobs()
{
	local i job

	for i in 1 2 3; do
		job backup --every 1d --max-duration 1h -- sleep 0.1
	done
	job report --every 1h -- sh -c 'exit 3' 2>/dev/null
	job flaky --retries 1 --retry-delay 0 -- false 2>/dev/null
	ticking >"$tmp/tick.log" 2>&1 </dev/null &
	pids+=("$!")
	as_job etl --stage load --every 1h --max-duration 2h -- sh -c 'while :; do
		i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 0.2; done'
	# Not in a shell of its own, which would be all that is ended.
	spawn "$tmp/etl.log" "${job[@]}"
	mkdir "$tmp/ml"
	spawn "$tmp/ml.log" env PEEKPUSH_URL="$gateway" PEEKPUSH="$PEEKPUSH" PEEKPUSH_INSTANCE=live \
		PYTHON=/usr/bin/python3 PYTHONDONTWRITEBYTECODE=1 ML_PAUSE=0.1 ML_HEARTBEAT=1s \
		"$top/contrib/examples/ml-pipeline/run.sh" "$tmp/ml"
}

# The one metric that is written by hand: what was killed in a job's cgroup only cgroup v2 with memory
# tells, which this host may not have. The name is the source's.
tell_kills()
{
	grep -q '"peekpush_job_oom_kills"' "$top/src/job/metrics.c" &&
		printf '# TYPE %s gauge\n%s 1\n' peekpush_job_oom_kills{,} peekpush_job_running{,} |
		curl -sf --data-binary @- "$gateway/metrics/job/hungry/instance/live/stage/eat"
}

# What a gateway refuses, so that it has refused something.
push_nonsense()
{
	curl -s -o /dev/null --data-binary 'no exposition' "$gateway/metrics/job/nonsense"
}
