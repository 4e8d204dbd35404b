#!/usr/bin/env bash
# Mboshi (Bantu C25): 3.8 h labelled, three speakers; the pool is the same speech. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh \
    --lang mdw \
    --train_set train \
    --valid_set dev \
    --test_sets test \
    --eval_valid_set true \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --max_missing "0.1 0.05" \
    --token_type char \
    --fold_marks true \
    --model_size conformer_small \
    --asr_config conf/train_bljust.yaml \
    "$@"
