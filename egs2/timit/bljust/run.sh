#!/usr/bin/env bash
# TIMIT by phones: 3.1 h; trained on 48 phones, scored on 39 (PER). By words: run_words.sh. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh \
    --lang en \
    --train_set train_phn \
    --valid_set dev_phn \
    --test_sets test_phn \
    --eval_valid_set true \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --token_type phn \
    --fold_tokens conf/phones_48_to_39.txt \
    --model_size base \
    --asr_config conf/train_bljust.yaml \
    "$@"
