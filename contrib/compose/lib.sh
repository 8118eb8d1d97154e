# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What `up`, `purge` and `certificates` share. Settings are those of .env, and of the environment
# before it, as Compose has it; .env is read and never run.

set -u
umask 022
cd "${BASH_SOURCE[0]%/*}" || exit 1
here=$PWD

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# setting NAME: its value.
setting()
{
	if [[ -n ${!1+set} ]]; then
		printf '%s' "${!1}"
	elif [[ -e $here/.env ]]; then
		sed -n "s/^$1=//p" "$here/.env" | tail -n 1
	fi
}

# keep NAME VALUE: writes it to .env, which stays readable to its owner alone.
keep()
{
	local new line found=

	new=$(mktemp "$here/.env.XXXXXX") || exit 1
	while IFS= read -r line || [[ -n $line ]]; do
		[[ $line == "$1="* ]] && line="$1=$2" found=1
		printf '%s\n' "$line"
	done <"$here/.env" >"$new"
	[[ $found ]] || printf '%s\n' "$1=$2" >>"$new"
	mv "$new" "$here/.env"
}

# in_list WORD LIST: whether it is one of those with commas or colons in between.
in_list()
{
	[[ ${2//:/,} =~ (^|,)"$1"($|,) ]]
}

# of_stack KIND [SERVICE]: containers (running or not), networks or volumes of this stack. Docker is
# asked and not Compose, which takes its time.
of_stack()
{
	local label=label=com.docker.compose filter=()

	filter=(--filter "$label.project=$(setting COMPOSE_PROJECT_NAME)")
	[[ -z ${2-} ]] || filter+=(--filter "$label.service=$2")
	case $1 in
	container) docker ps -aq --no-trunc "${filter[@]}" ;;
	network) docker network ls -q "${filter[@]}" ;;
	volume) docker volume ls -q "${filter[@]}" ;;
	esac
}

# other_stack: the folder of another stack that has this one's name, if there is one.
other_stack()
{
	local ids dir

	mapfile -t ids < <(of_stack container)
	((${#ids[@]})) || return 0
	docker inspect -f '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' \
		"${ids[@]}" 2>/dev/null | sort -u | while IFS= read -r dir; do
		[[ -d $dir && ! $dir -ef $here ]] && printf '%s\n' "$dir"
	done | head -n 1
}

runs_here()
{
	in_list "$1" "$(setting COMPOSE_PROFILES)"
}

secure()
{
	in_list compose.secure.yaml "$(setting COMPOSE_FILE)"
}

# find_compose: sets `compose`, the plugin before the program of old.
find_compose()
{
	command -v docker >/dev/null || die "docker is missing: https://docs.docker.com/engine/install/"
	docker info >/dev/null 2>&1 ||
		die "Docker does not answer. Does it run, and may you use it? (docker info)"
	if docker compose version >/dev/null 2>&1; then
		compose=(docker compose)
	elif command -v docker-compose >/dev/null; then
		compose=(docker-compose)
		[[ $(docker-compose version --short 2>/dev/null) =~ ^v?([2-9]|1\.(2[89]|[3-9][0-9])) ]] ||
			die "docker-compose is too old: 1.28 or later is needed"
	else
		die "Compose is missing: the plugin docker-compose-plugin, or the package docker-compose"
	fi
}
