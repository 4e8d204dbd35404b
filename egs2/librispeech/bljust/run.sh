#!/usr/bin/env bash
# LibriSpeech: 100 h labelled, 860 h unlabelled; --local_data_opts chooses other parts. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh \
    --lang en \
    --train_set train \
    --unlabelled_sets unlabelled \
    --valid_set dev_other \
    --test_sets "dev_clean test_clean test_other" \
    --eval_valid_set true \
    --token_type char \
    --model_size base \
    --max_wav_duration 36 \
    --asr_config conf/train_bljust.yaml \
    "$@"
