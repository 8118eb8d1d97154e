#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The pipeline: each stage is one run of the job ml-demo, and one group at the gateway.
#
# usage: run.sh [DIRECTORY]
#
# Environment: PEEKPUSH_URL (the gateway), PEEKPUSH, PYTHON (the programs), ML_HEARTBEAT, ML_PAUSE
# (seconds between two epochs, to watch them fall), ML_LEAST (the accuracy to reach).

set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PEEKPUSH="${PEEKPUSH:-peekpush}"
python=${PYTHON:-python3}
if [ $# -gt 0 ]; then
	dir=$1
else
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
fi

# stage NAME COMMAND...: a stage that fails ends the pipeline with its status.
stage()
{
	name=$1
	shift
	"$PEEKPUSH" run --job ml-demo --stage "$name" --every 1d --max-duration 10m --timeout 1h \
		--heartbeat "${ML_HEARTBEAT:-5s}" -- "$@"
}

stage prepare "$python" "$here/prepare.py" "$dir"
stage train "$python" "$here/train.py" "$dir" --pause "${ML_PAUSE:-0}"
stage evaluate "$python" "$here/evaluate.py" "$dir" --least "${ML_LEAST:-0.9}"
