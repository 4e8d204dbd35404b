#!/usr/bin/env bash
# TIMIT by words (WER), spelled in characters: the same speech as run.sh. Results: RESULTS.md
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
    --expdir exp/words \
    --model_size base \
    --asr_config conf/train_bljust.yaml \
    "$@"
