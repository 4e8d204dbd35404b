#!/usr/bin/env bash
# Your own corpus:  ./run.sh --labelled /folder --unlabelled /folder --lang xx     (docs/your_corpus.md). Results: RESULTS.md
set -euo pipefail
from=$PWD
CDPATH="" cd "$(dirname "$0")"
lang="noinfo"
# shellcheck disable=SC2034  # read by name
labelled=""                # audio with transcripts: folder, Kaldi directory or table; that of db.sh when empty
# shellcheck disable=SC2034  # read by name
unlabelled=""              # audio without, likewise
local_data_opts=""
# shellcheck source=local/own_options.sh
. ../../../local/own_options.sh "lang labelled unlabelled local_data_opts" "$@"
quote="'\\''"  # of a quotation mark inside quotes
for name in labelled unlabelled; do
    [ -n "${!name}" ] || continue
    folder=$(cd "$from" && realpath --canonicalize-missing -- "${!name}")
    local_data_opts="--$name '${folder//\'/$quote}' $local_data_opts"
done
../../../local/bljust.sh \
    --lang "$lang" \
    --train_set train \
    --unlabelled_sets unlabelled \
    --valid_set dev \
    --test_sets test \
    --eval_valid_set true \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --token_type char \
    --model_size small \
    --asr_config conf/train_bljust.yaml \
    --local_data_opts "--lang $lang $local_data_opts" \
    "${others[@]}"
