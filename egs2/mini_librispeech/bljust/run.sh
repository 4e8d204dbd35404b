#!/usr/bin/env bash
# Mini LibriSpeech: 5.4 h labelled, the pool is the same speech. Results: RESULTS.md
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
    --model_size small \
    --max_wav_duration 36 \
    --asr_config conf/train_bljust.yaml \
    "$@"
