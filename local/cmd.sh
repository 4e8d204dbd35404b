#!/usr/bin/env bash
# Sourced by a recipe's cmd.sh: $launcher for $cmd_backend, $jobs_run_here: whether its jobs share this machine,
# and $stoppable: options for trainings, which go on in a new job after 85 (docs/cluster.md).
# shellcheck disable=SC2034,SC2154  # set here and read by local/run_stage.sh; set in the recipe's cmd.sh

jobs_run_here=false stoppable=""
case $cmd_backend in
    local) launcher=run.py jobs_run_here=true ;;
    slurm) launcher=slurm.py stoppable="--requeue true --signal B:USR1@300" ;;  # 300 s before the time limit
    *) launcher=$cmd_backend ;;
esac
[ "${launcher##*/}" != run.pl ] || jobs_run_here=true
command -v "$launcher" >/dev/null || {
    echo "cmd.sh: cmd_backend=$cmd_backend is neither local, nor slurm, nor a launcher on the PATH" \
        "(run.pl, slurm.pl, queue.pl, ...). Set it right, or export KALDI_ROOT." >&2
    exit 1
}
