#!/usr/bin/env bash
# Sourced by a recipe's path.sh: makes the environment when it is missing or stale, and puts it on the PATH.
# OMP_NUM_THREADS is left to the launcher, which shares the cores among its jobs; a value that you export stands.
# KALDI_ROOT, where exported, puts Kaldi's utils/ (slurm.pl, queue.pl, ...) behind ours.

BLJUST_ROOT=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$BLJUST_ROOT/setup.sh" --quiet >&2 || exit 1

export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}  # threads that wait sleep: spinning ones cost a shared machine many times a step
# of two clones with one .venv each imports its own package; a colon would part the name
case $BLJUST_ROOT in *:*) ;; *) export PYTHONPATH=$BLJUST_ROOT${PYTHONPATH:+:$PYTHONPATH} ;; esac
export PYTHONSAFEPATH=1     # a queue.py or random.py in the recipe's folder is not Python's
export MPLBACKEND=Agg       # pictures are files; that of a notebook fails here
export LC_ALL=C             # one order of sorting everywhere
export PYTHONIOENCODING=UTF-8
export PYTHONUTF8=1
export PATH=$BLJUST_ROOT/.venv/bin:$BLJUST_ROOT/local/launch:$PATH
for bljust_folder in "${KALDI_ROOT:+$KALDI_ROOT/egs/wsj/s5/utils}" "${KALDI_ROOT:+$KALDI_ROOT/egs/wsj/s5/utils/parallel}" \
    /usr/lib/sctk/bin; do
    [ ! -d "$bljust_folder" ] || PATH=$PATH:$bljust_folder
done
unset bljust_folder
