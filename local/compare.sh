#!/usr/bin/env bash
# Arms x seeds of one description: makes the data, trains what is missing, then writes one table and one figure.
# In a recipe's folder: ../../../local/compare.sh [--config conf/compare.yaml] [--name value ...]
set -euo pipefail

config=conf/compare.yaml  # arms, seeds, reference arm and test set of the comparison
expdir=exp                # results go to <expdir>/<name of the comparison>; not empty
dumpdir=dump              # folder of the formatted audio, not empty
ngpu=1                    # GPUs of each run; 0, or none found, trains on the CPU
nj=2                      # runs at once, at least 1; on this machine no more than cores or GPUs
arms=""                   # only these of the description and its reference, as "bljust ptft"
run_args=""               # more options of run.sh for every run, as "--num_workers 0"
score=wer                 # what the table is of: wer, or cer or ter, whose table is COMPARISON_<score>.md
draws=10000               # of the bootstrap, at least 1
pretrain_updates=""       # with `pretraining` in the description: fine-tune from its weights after these, as "50k 100k"
report_only=false         # table and figure of what is there
dry_run=false             # show each call of run.sh; change nothing

here=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/parse_options.sh
. "$here/parse_options.sh" "$here/compare.sh" "$@"
# shellcheck disable=SC1091  # the recipe's own
. ./path.sh
# shellcheck disable=SC1091  # the recipe's own
. ./cmd.sh

words=(python3 -m espnet_bljust.bin.compare --config "$config" --expdir "$expdir" --dumpdir "$dumpdir" --ngpu "$ngpu"
    --arms "$arms" --run_args "$run_args" --score "$score" --draws "$draws" --pretrain_updates "$pretrain_updates"
    --dry_run "$dry_run"
    --action)
read -r name num_runs num_data <<<"$("${words[@]}" check)"
[ -n "$name" ] || exit 1
if [ "$dry_run" = true ]; then
    for ((number = 1; number <= num_data; number++)); do "${words[@]}" data --number "$number"; done
    "${words[@]}" pretrain
    for ((number = 1; number <= num_runs; number++)); do "${words[@]}" run --number "$number"; done
    exit
fi
status=0
if [ "$report_only" = false ]; then
    for ((number = 1; number <= num_data; number++)); do "${words[@]}" data --number "$number"; done
    "${words[@]}" pretrain
    call_words=()
    # shellcheck disable=SC2154  # of cmd.sh
    calling "$cuda_cmd"  # sets call_words
    "${call_words[@]}" --gpu "$ngpu" --max-jobs-run "$nj" JOB=1:"$num_runs" "$expdir/$name/logs/run.JOB.log" \
        "${words[@]}" run --number JOB || status=$?
fi
"${words[@]}" report
exit "$status"
