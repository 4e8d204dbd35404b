#!/usr/bin/env bash
# AN4 (CMU census database): 0.63 h labelled; the pool is the same speech, and what db.sh names. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh \
    --lang en \
    --train_set train \
    --valid_set dev \
    --test_sets test \
    --eval_valid_set true \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --token_type char \
    --model_size tiny \
    --asr_config conf/train_bljust.yaml \
    "$@"
