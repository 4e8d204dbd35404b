#!/usr/bin/env bash
# mini: spoken digits synthesised on the spot; 14 min labelled, 59 min unlabelled. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh \
    --lang en \
    --train_set train \
    --unlabelled_sets unlabelled \
    --valid_set dev \
    --test_sets test \
    --eval_valid_set true \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --token_type char \
    --model_size conformer_small \
    --num_workers 0 \
    --nbest_average 3 \
    --asr_config conf/train_bljust.yaml \
    "$@"
