#!/usr/bin/env bash
# RAVDESS: which of 8 emotions an actor speaks with, by the same trunk and the same bilevel step. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh \
    --lang en \
    --train_set train \
    --valid_set dev \
    --test_sets test \
    --eval_valid_set true \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --mixdown true \
    --task classification \
    --token_type word \
    --asr_config conf/train_bljust.yaml \
    "$@"
