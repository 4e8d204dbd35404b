#!/usr/bin/env bash
# Where jobs run: docs/cluster.md. Any launcher of Kaldi's contract will do, and options for it may follow its name:
# $cmd [--gpu N] [--mem X] [--time T] [--partition P] JOB=1:N log/x.JOB.log command...
# shellcheck disable=SC2034,SC2154  # read by local/stages.sh; both launchers are set by local/cmd.sh
cmd_backend=${cmd_backend:-local}  # local: this machine; slurm: sbatch; or the name of a run.pl, slurm.pl, queue.pl of yours
# shellcheck source=local/cmd.sh
. ../../../local/cmd.sh
export train_cmd="$launcher"              # data preparation
export cuda_cmd="$training_launcher"      # training
export decode_cmd="$launcher --mem 4G"    # decoding
