#!/usr/bin/env bash
# AISHELL (Mandarin): AISHELL-2 without labels, AISHELL-1 with them. Results: RESULTS.md
#   ./run.sh --pretrain_updates "50k 85k 130k 250k 315k 376k"    # CER by updates of one pre-training: compare.sh's options
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
[[ " $* " != *" --pretrain_updates "* ]] || exec ../../../local/compare.sh --config conf/compare_updates.yaml "$@"
../../../local/bljust.sh \
    --lang zh \
    --train_set train \
    --unlabelled_sets pretrain \
    --unlabelled_valid_set pretrain_valid \
    --ssl_on_labelled false \
    --valid_set dev \
    --test_sets test \
    --eval_valid_set true \
    --max_wav_duration 60 \
    --token_type char \
    --average_mode last \
    --nbest_average 10 \
    --asr_config conf/train_bljust.yaml \
    "$@"
