#!/usr/bin/env bash
# Sourced by a recipe's cmd.sh. Sets, for $cmd_backend, $launcher, $training_launcher and $jobs_run_here: whether jobs
# share this machine. Launchers of our own take any words; for others brought.py sees to it that no shell misreads one.
# shellcheck disable=SC2034,SC2154  # read by run_stage.sh, compare.sh and the recipe's cmd.sh; set there

jobs_run_here=false training_launcher=""
case $cmd_backend in
    local) launcher=run.py jobs_run_here=true ;;
    slurm)
        launcher=slurm.py
        # told 300 s before its time limit, a training writes its checkpoint and goes on in a new turn
        training_launcher="slurm.py --requeue true --signal B:USR1@300"
        ;;
    *) launcher=$cmd_backend ;;
esac
training_launcher=${training_launcher:-$launcher}
[ "${launcher##*/}" != run.pl ] || jobs_run_here=true
command -v "$launcher" >/dev/null || {
    echo "cmd.sh: cmd_backend=$cmd_backend is neither local, nor slurm, nor a launcher on the PATH" \
        "(run.pl, slurm.pl, queue.pl, ...). Set it right, or export KALDI_ROOT." >&2
    exit 1
}

calling() {  # launcher, with options of its own: sets `call_words`, the first words of a call of it
    read -ra call_words <<<"$1"
    case ${call_words[0]##*/} in
        run.py | slurm.py) ;;
        *) call_words=(python3 "${BASH_SOURCE[0]%/*}/launch/brought.py" call "${call_words[@]}" --) ;;
    esac
}
