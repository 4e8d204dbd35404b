#!/usr/bin/env bash
# TED-LIUM release 2: 207 h of talks, labelled; --labels 10h keeps the text of ten. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh \
    --lang en \
    --train_set train \
    --valid_set dev \
    --test_sets test \
    --eval_valid_set true \
    --token_type bpe \
    --nbpe 500 \
    --bpe_nlsyms "<unk>" \
    --model_size base \
    --asr_config conf/train_bljust.yaml \
    "$@"
