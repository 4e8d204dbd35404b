#!/usr/bin/env bash
# speechocean762 (OpenSLR 101): English read by Mandarin speakers, half of them children; 5.6 h labelled. Results: RESULTS.md
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
    --model_size conformer_tiny \
    --asr_config conf/train_bljust.yaml \
    "$@"
