#!/usr/bin/env bash
# Where jobs run. Any launcher of Kaldi's contract will do: $cmd [--gpu N] [--mem X] JOB=1:N log/x.JOB.log command...
# shellcheck disable=SC2034  # read by local/stages.sh
cmd_backend=${cmd_backend:-local}  # local: this machine. slurm, queue: Kaldi's slurm.pl, queue.pl, which you bring (export KALDI_ROOT)

case $cmd_backend in
    local) launcher=run.py ;;
    slurm | queue) launcher=$cmd_backend.pl ;;
    *) echo "cmd.sh: cmd_backend=$cmd_backend is none of local, slurm, queue." >&2; exit 1 ;;
esac
export train_cmd="$launcher"              # data preparation
export cuda_cmd="$launcher"               # training
export decode_cmd="$launcher --mem 4G"    # decoding
