#!/usr/bin/env bash
# Common Voice with CoVoST 2's splits, one language: --lang nl (2 h of labels), mn (3 h), ar (2 h) or another, with all
# labels. The rest of the language is the unlabelled pool. Results: RESULTS.md
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
lang="nl"                  # language of Common Voice, by its code
local_data_opts=""
# shellcheck source=local/own_options.sh
. ../../../local/own_options.sh "lang local_data_opts" "$@"
case $lang in
    nl | ar) labels=data/train_$lang/${lang}_2h.txt ;;
    mn) labels=data/train_mn/mn_3h.txt ;;
    *) labels=all ;;
esac
../../../local/bljust.sh \
    --lang "$lang" \
    --train_set "train_$lang" \
    --unlabelled_sets "unlabelled_$lang" \
    --valid_set "dev_$lang" \
    --test_sets "test_$lang" \
    --eval_valid_set true \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --labels "$labels" \
    --token_type char \
    --expdir "exp/$lang" \
    --asr_config conf/train_bljust.yaml \
    --local_data_opts "--lang $lang $local_data_opts" \
    "${others[@]}"
