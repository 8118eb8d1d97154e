# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The containers of contrib/kubernetes, as a node would run them. Sourced by tests/e2e/kubernetes.test.

run_image=$tmp/image
run_volumes=$tmp/volumes

# An image with this binary, its libraries and what the probe needs; and one with nothing.
make_images()
{
	local file

	mkdir -p "$run_image"/{bin,dev,etc/peekpush/conf.d,etc/peekpush/login,host/proc,host/sys,host/root,lib,lib64} \
		"$run_image"/{peekpush,proc,run,sys,tmp,unpack,usr/bin,usr/lib,var/lib/peekpush,var/spool}
	cp "$PEEKPUSH" "$run_image/usr/bin/peekpush"
	cp "$top/conf/peekpush.conf" "$run_image/etc/peekpush/"
	for file in cat cp dash find grep head ldconfig ldd ls mkdir sed; do
		cp "$(type -P "$file")" "$run_image/usr/bin/" || return 1
	done
	ln -s dash "$run_image/usr/bin/sh"
	ln -s ../usr/bin/dash "$run_image/bin/sh"
	ln -s ../usr/bin/bash "$run_image/bin/bash"
	cp "$BASH" "$run_image/usr/bin/bash"
	cp -L /etc/ld.so.cache "$run_image/etc/"
	for file in "$run_image"/usr/bin/*; do
		ldd "$file" 2>/dev/null
	done >"$tmp/needs"
	for file in libbpf.so.1 libcurl.so.4 libjansson.so.4 libsystemd.so.0; do
		file=$(ldconfig -p | awk -v name="$file" '$1 == name { print $NF; exit }')
		[[ -n $file ]] && echo " $file " && ldd "$file"
	done >>"$tmp/needs"
	grep -oE ' ?/[^ ]*\.so[^ ]*|/lib64/[^ ]*' "$tmp/needs" | tr -d ' ' | sort -u |
		while IFS= read -r file; do
			mkdir -p "$run_image${file%/*}"
			cp -L "$file" "$run_image$file"
		done
	printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' |
		tee "$run_image/etc/passwd" >/dev/null
	printf 'root:x:0:\n' >"$run_image/etc/group"

	mkdir -p "$tmp/busybox"
	tiny_root | tar -C "$tmp/busybox" -xf -
	cp "$run_image"/etc/{passwd,group} "$tmp/busybox/etc/"
	mkdir -p "$tmp/busybox"/{peekpush,var/lib/peekpush}
}

# in_pod [PODMAN-OPTION...] -- FILE KIND NAME CONTAINER ROOTFS [FIELD=VALUE...]: what it prints goes
# to $tmp/said, too.
in_pod()
{
	local options=() words

	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	/usr/bin/python3 "$top/tests/lib/kubernetes-pod.py" "${@:1:5}" "$run_volumes/$3" "${@:6}" \
		>"$tmp/words" || return
	mapfile -d '' -t words <"$tmp/words"
	own_podman run --network host --uts private --ulimit nofile=1024:1024 \
		--ulimit nproc=1000:1000 "${options[@]}" "${words[@]}"
}

# What the gateway has of an instance, as an exposition without the grouping labels.
of_instance()
{
	"${inside[@]}" curl -fsS "$gateway/metrics" | grep "instance=\"$1\"" |
		sed -E 's/(,)?(instance|job)="[^"]*"/\1/g; s/,,+/,/g; s/\{,/{/; s/,\}/}/; s/\{\}//'
}

# Names and labels, without what comes and goes, and what netlink tells of the own network only.
shape()
{
	sed -E 's/ [^ ]*$//; s/\{le=.*//' | grep '^node_\|^machine_' |
		grep -v -e node_scrape_collector -e peekpush_collector -e node_network_address -e node_network_receive_nohandler -e '^node_arp' -e veth | sort -u
}

failing()
{
	grep '_collector_success.* 0$' | sort
}

run_agent()
{
	mkdir -p "$run_volumes/peekpush/state"
	before=$(cat /proc/net/dev)
	in_pod -d --name agent --hostname peekpush-x7k2p -- "$tmp/base.yaml" DaemonSet peekpush peekpush \
		"$run_image" spec.nodeName=node-17 PEEKPUSH_URL="$gateway" \
		PEEKPUSH_CONFIG=/etc/peekpush/peekpush.conf >"$tmp/said" 2>&1 || return 1
	wait_for 60 arrived 'peekpush_running{instance="node-17",job="peekpush"} 1'
}

arrived()
{
	"${inside[@]}" curl -fsS "$gateway/metrics" 2>/dev/null | grep -qF "$1"
}

run_probe()
{
	local command

	mapfile -t command < <(manifests get "$tmp/base.yaml" DaemonSet peekpush spec template spec \
		containers 0 livenessProbe exec command | jq -r '.[]')
	own_podman exec agent "${command[@]}"
}

# Both at the same time: mounts and devices come and go on a machine that does other things, too.
same_things()
{
	own_podman exec agent /usr/bin/peekpush "${options[@]}" collect >"$tmp/within" 2>/dev/null
	"$PEEKPUSH" collect >"$tmp/without" 2>/dev/null
	diff <(shape <"$tmp/without") <(shape <"$tmp/within") | grep '^[<>]' | head -20
	diff <(failing <"$tmp/without") <(failing <"$tmp/within")
}

traffic()
{
	sed 's/:/ /' | awk -v device="$1" '$1 == device { print $2 }'
}

check_agent()
{
	local device options

	of_instance node-17 >"$tmp/agent"
	"$PEEKPUSH" collect >"$tmp/native" 2>/dev/null
	mapfile -t options < <(manifests get "$tmp/base.yaml" DaemonSet peekpush spec template spec \
		containers 0 args | jq -r '.[:-1][]')
	agrees "peekpush in the pod tells of the same things as on the host" same_things
	check "the agent has told all of it" awk 'END { exit NR < 100 }' <(shape <"$tmp/agent")
	[[ -s /etc/hostname ]] && like "$(grep '^node_uname_info' "$tmp/agent")" "nodename=\"$(head -n 1 /etc/hostname)\"" \
		"it tells the host's name, and not its pod's"
	device=$(sed 's/:/ /' /proc/net/dev | awk 'NR > 2 && $1 !~ /^(azv|cali|cilium|eni|lxc|veth)/ &&
		$2 >= most { most = $2; name = $1 } END { print name }')
	between "$(traffic "$device" <<<"$before")" \
		"$(value "$tmp/agent" node_network_receive_bytes_total "device=\"$device\"")" \
		"$(traffic "$device" </proc/net/dev)" \
		"the host's traffic is told, not the pod's ($device)"
	is "$(value "$tmp/agent" node_memory_MemTotal_bytes)" \
		"$(value "$tmp/native" node_memory_MemTotal_bytes)" "and its memory"
	wait_for 60 run_probe >/dev/null 2>&1
	check "its probe succeeds" run_probe
	like "$(own_podman exec agent grep -E 'Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status |
		tr -s '\n\t ' ' ')" 'NoNewPrivs: 1 Seccomp: 2' "it cannot become more, and is filtered"
	like "$(own_podman exec agent sh -c 'echo >/host/root/var/tmp/x; echo >/usr/bin/x
		echo >/host/proc/sys/vm/drop_caches' 2>&1 | grep -c 'Read-only')" 3 \
		"it can write neither to the host nor to its image"
	own_podman stop -t 15 agent >/dev/null 2>&1
	check "an orderly end is told" wait_for 60 arrived \
		'peekpush_running{instance="node-17",job="peekpush"} 0'
	is "$(own_podman logs agent 2>&1 | grep -v ': delivering again$')" "" "it has nothing to complain of"
	is "$(find "$run_volumes/peekpush/state" -name 'host.state.?' | wc -l | sed 's/[12]/some/')" some \
		"its state outlives it"
	touch -d '10 minutes ago' "$run_volumes"/peekpush/state/host.state.?
	own_podman rm -f -t 0 agent >/dev/null 2>&1
}

# series JOB LABEL...: of that group.
series()
{
	"${inside[@]}" curl -fsS "$gateway/metrics" | grep "[{,]job=\"$1\"" >"$tmp/series"
}

check_jobs()
{
	local index

	in_pod --rm -- "$tmp/jobs.yaml" CronJob nightly-report peekpush "$run_image" >"$tmp/said" 2>&1
	is "$? $(cat "$tmp/said")" "0 " "the init container unpacks peekpush"
	is "$(cd "$run_volumes/nightly-report/peekpush" && echo *)" \
		"$( ([[ -e $run_image/etc/ssl/certs/ca-certificates.crt ]] && echo ca.crt; echo ld.so lib peekpush) |
			xargs)" "with its libraries and their loader"
	in_pod --rm -- "$tmp/jobs.yaml" CronJob nightly-report report "$tmp/busybox" \
		metadata.namespace=batch PEEKPUSH_URL="$gateway" PEEKPUSH_CONFIG=/dev/null \
		>"$tmp/said" 2>&1
	is "$? $(cat "$tmp/said")" "0 " "the CronJob's container ends well, in an image with nothing but busybox"
	series nightly-report
	is "$(sed -n 's/^push_time_seconds\({.*}\) .*/\1/p' "$tmp/series")" \
		'{instance="",job="nightly-report",namespace="batch"}' \
		"its group has the names that come again, and no pod's"
	is "$(value "$tmp/series" peekpush_job_success) $(value "$tmp/series" report_rows)" "1 2" \
		"its result arrives, and what it has told"
	is "$(value "$tmp/series" peekpush_job_expected_interval_seconds)" 86400 "and when the next is due"
	in_pod --rm -- "$tmp/jobs.yaml" CronJob nightly-report report "$tmp/busybox" \
		metadata.namespace=batch PEEKPUSH_URL="$gateway" PEEKPUSH_CONFIG=/dev/null >/dev/null 2>&1
	series nightly-report
	is "$(value "$tmp/series" peekpush_job_runs_total 'result="success"')" 2 \
		"the volume remembers the run before"

	in_pod --rm -- "$tmp/jobs.yaml" Job train peekpush "$run_image" >/dev/null 2>&1
	for index in 0 2; do
		in_pod --rm -- "$tmp/jobs.yaml" Job train train "$tmp/busybox" \
			metadata.namespace=batch PEEKPUSH_URL="$gateway" PEEKPUSH_CONFIG=/dev/null \
			"metadata.annotations['batch.kubernetes.io/job-completion-index']=$index" \
			>"$tmp/said" 2>&1
		is "$? $(cat "$tmp/said")" "0 " "the Job's container ends well, index $index"
	done
	series train
	is "$(sed -n 's/^peekpush_job_success{\(.*\)} 1$/\1/p' "$tmp/series" | sort | xargs)" \
		"$(printf 'instance=,job=train,namespace=batch,shard=%s ' 0 2 | xargs)" \
		"each index is a group"
	is "$(value "$tmp/series" ml_epoch 'shard="2"')" 3 "its epochs arrive"

	# As PID 1 of its namespace it has to pass on what ends the pod, and to reap.
	sed 's/for epoch in 1 2 3/for epoch in $(seq 600)/' "$tmp/jobs.yaml" >"$tmp/long.yaml"
	in_pod -d --name long -- "$tmp/long.yaml" Job train train "$tmp/busybox" \
		metadata.namespace=batch PEEKPUSH_URL="$gateway" PEEKPUSH_CONFIG=/dev/null \
		"metadata.annotations['batch.kubernetes.io/job-completion-index']=1" >"$tmp/said" 2>&1
	wait_for 60 arrived 'peekpush_job_running{instance="",job="train",namespace="batch",shard="1"} 1'
	own_podman stop -t 30 long >/dev/null 2>&1
	is "$(own_podman inspect -f '{{.State.ExitCode}}' long)" 143 "a pod that is ended ends by the signal"
	series train
	is "$(value "$tmp/series" peekpush_job_success 'shard="1"') $(value "$tmp/series" \
		peekpush_job_signal 'shard="1"')" "0 15" "and that is told"
}

# Debian 12's profile is older than CAP_BPF; those of containerd and CRI-O have these two.
newer_seccomp()
{
	jq '.syscalls += [{ names: [ "bpf" ], action: "SCMP_ACT_ALLOW", args: [],
			includes: { caps: [ "CAP_BPF" ] }, excludes: {} },
		{ names: [ "perf_event_open" ], action: "SCMP_ACT_ALLOW", args: [],
			includes: { caps: [ "CAP_PERFMON" ] }, excludes: {} }] |
		.syscalls |= map(select(.action == "SCMP_ACT_ALLOW" or
			(.names | index("bpf") | not) and (.names | index("perf_event_open") | not)))' \
		/usr/share/containers/seccomp.json
}

# The agent with all components, against a gateway behind TLS with the Secret's own files.
check_everything()
{
	local options=()

	spawn "$tmp/secure.log" "${inside[@]}" prometheus-pushgateway --persistence.file= \
		--web.listen-address=127.0.0.1:0 \
		--web.config.file="$kubernetes/components/tls/secrets/web.yml"
	wait_for 60 listening "$tmp/secure.log" || not_ok "the gateway starts" "$(cat "$tmp/secure.log")"
	gateway=https://$address
	run_volumes=$tmp/everything
	mkdir -p "$run_volumes"/peekpush/{state,bpf}
	mount -t bpf bpf "$run_volumes/peekpush/bpf" 2>"$tmp/said" || options=(none)
	mountpoint -q /sys/kernel/tracing ||
		mount -t tracefs tracefs /sys/kernel/tracing 2>"$tmp/said" || options=(none)
	newer_seccomp >"$tmp/seccomp.json" || options=(none)
	if [[ ${#options[@]} != 0 ]] || ! "$PEEKPUSH" --version | grep -q '(bpf)' ||
		! "$PEEKPUSH" list bpf 2>/dev/null | grep -q $'^raw tracepoint programs\tyes'; then
		skip "the agent with all components" "no BPF programs can be loaded here"
		return
	fi
	in_pod -d --name everything --security-opt "seccomp=$tmp/seccomp.json" -- \
		"$tmp/everything.yaml" DaemonSet peekpush peekpush "$run_image" spec.nodeName=node-18 \
		PEEKPUSH_URL="$gateway" PEEKPUSH_CONFIG=/etc/peekpush/peekpush.conf >"$tmp/said" 2>&1
	check "the agent is let in by a gateway with TLS and password" wait_for 60 arrived_securely \
		'peekpush_running{instance="node-18",job="peekpush"} 1'
	check "what it counts in the kernel arrives" wait_for 60 arrived_securely \
		'ebpf_exporter_syscalls_total{instance="node-18"'
	own_podman stop -t 15 everything >/dev/null 2>&1
	is "$(own_podman logs everything 2>&1 | grep -v -e ': delivering again$' -e ' BPF program')" "" \
		"it has nothing to complain of, either"
	like "$(ls "$run_volumes/peekpush/bpf/peekpush")" syscalls "its programs outlive it"
	rm -rf "$run_volumes/peekpush/bpf/peekpush"
}

arrived_securely()
{
	"${inside[@]}" curl -fsS --cacert "$kubernetes/components/tls/secrets/ca.crt" \
		--user "peekpush:$(<"$kubernetes/components/tls/secrets/password")" "$gateway/metrics" \
		2>/dev/null | grep -qF "$1"
}

check_run()
{
	mount --make-rshared / 2>/dev/null
	mkdir -p "$tmp/podman" "$run_volumes"
	chmod 711 "$tmp"
	make_images || { skip "containers of the manifests" "no image can be made"; return; }
	if ! own_podman run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 \
		--rootfs "$tmp/busybox" sleep 0 >"$tmp/podman/log" 2>&1; then
		note "$(tail -3 "$tmp/podman/log")"
		skip "containers of the manifests" "podman runs no containers here"
		return
	fi
	spawn "$tmp/gateway.log" "${inside[@]}" prometheus-pushgateway --persistence.file= \
		--web.listen-address=127.0.0.1:0
	wait_for 60 listening "$tmp/gateway.log" || not_ok "the gateway starts" "$(cat "$tmp/gateway.log")"
	gateway=http://$address
	if run_agent; then
		ok "the agent's container starts and pushes"
		check_agent
	else
		not_ok "the agent's container starts and pushes" "$(cat "$tmp/said")" \
			"$(own_podman logs agent 2>&1)"
	fi
	check_jobs
	check_everything
}

if [[ -z ${CONTAINER_TEST_NAMESPACE-} ]]; then
	skip "containers of the manifests" "needs root and a mount namespace"
elif ! own_network; then
	skip "containers of the manifests" "needs network namespaces"
else
	trap 'stop_containers; cleanup' EXIT
	check_run
fi
