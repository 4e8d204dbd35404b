#!/usr/bin/env bash
# Sourced by bljust.sh: every name that follows from the options, and what no name may be.
# shellcheck disable=SC2034,SC2154  # names are set here and in bljust.sh, and read in stages.sh and run_stage.sh

# shellcheck source=local/asr_args.sh
. "$here/asr_args.sh"

name_things() {  # every derived name, once
    local word late=70  # NFS's 60 s and a few, see espnet_bljust/disk/late.py
    [ "$jobs_run_here" = false ] || late=0
    export BLJUST_LATE_SECONDS=${BLJUST_LATE_SECONDS:-$late}
    [ "$stage" -le "$stop_stage" ] ||
        { echo "bljust.sh: --stage $stage is above --stop_stage $stop_stage: no stage is left to run." >&2; exit 1; }
    command -v "$python" >/dev/null ||
        { echo "bljust.sh: --python $python: no such program. Leave the option out for that of .venv." >&2; exit 1; }
    for word in "$dumpdir" "$expdir" "$unlabelled_sets" "$test_sets" "$unlabelled_valid_set" "$asr_args" \
        "$inference_args"; do
        case $word in *$'\n'* | -[!-]* | *JOB*)  # JOB: launchers put a number in its place
            echo "bljust.sh: ${word@Q}: a line break, a dash in front or the word JOB cannot stand there." >&2
            exit 1 ;;
        esac
    done
    as_pairs
    read -ra unlabelled <<<"$unlabelled_sets"
    read -ra tests <<<"$test_sets"
    read -ra valid_pool <<<"$unlabelled_valid_set"
    evaluated=("$valid_set")
    for word in "${tests[@]}"; do  # a search for options may test on the dev set
        [ "$word" = "$valid_set" ] || evaluated+=("$word")
    done
    corpus_sets=("$train_set" "${unlabelled[@]}" "${valid_pool[@]}" "${evaluated[@]}")
    originals=("$train_set" "${unlabelled[@]}")  # what training hears; at several speeds: the copies too
    heard=("${originals[@]}")
    [ -z "$speed_perturb_factors" ] || heard=("${originals[@]/%/_sp}")
    perturbed=${heard[0]}
    all_sets=("${heard[@]}" "${valid_pool[@]}" "${evaluated[@]}")
    decode_sets=("${tests[@]}")
    [ "$eval_valid_set" = false ] || decode_sets=("${evaluated[@]}")
    for word in "${evaluated[@]}"; do
        [ "$word" != "$train_set" ] || { echo "bljust.sh: $word is both trained on and tested on." >&2; exit 1; }
    done
    raw=$dumpdir/raw
    name_labels
    labelled=$raw/${perturbed}_labelled$part
    pool=$raw/${perturbed}_pool$part
    tokens=$token_type
    [ "$token_type" != bpe ] || tokens=bpe_$bpemode$nbpe
    tokens=data/${lang}_token_list/$tokens$part
    token_options=(--token_type "$token_type" --token_list "$tokens/tokens.txt")
    [ "$token_type" != bpe ] || token_options+=(--bpe_model "$tokens/bpe.model")
    size_config=conf/size/$model_size.yaml
    [ -e "$size_config" ] || size_config=../../../$size_config
    initial=()
    [ -z "$init_from" ] || initial=("$init_from")
    name_experiment
    name_decoding
    for word in "$lang" "${corpus_sets[@]}"; do plain_name "lang, or the name of a set" "$word"; done
    plain_name asr_tag "$asr_tag"
    plain_name decode_name "$decode_name"
    skipped=$(stages_of "$skip_stages")
    [ "$skip_data_prep" = false ] || skipped+=" 1 2 3 4 5 6"
    [ "$skip_train" = false ] || skipped+=" 7 8 9 10 11"
    [ "$skip_eval" = false ] || skipped+=" 12 13"
    [ "$skip_packing" = false ] || skipped+=" 14"
    [ "$skip_upload_hf" = false ] || skipped+=" 15"
    ! none_left || exit 1
    [ "$num_nodes" -eq 1 ] || [ "$jobs_run_here" = false ] ||
        { echo "bljust.sh: --num_nodes $num_nodes: this is one machine. Set cmd_backend=slurm, see docs/cluster.md." >&2; exit 1; }
    if [ "$ngpu" -gt 0 ] && [ "$jobs_run_here" = true ] && ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
        ngpu=0
    fi
}

stages_of() {  # "2 6", "1-6" or "1,3-5": every number
    local word
    for word in ${1//,/ }; do
        if ! [[ $word =~ ^([0-9]{1,2})(-([0-9]{1,2}))?$ ]] || ((10#${BASH_REMATCH[1]} > 10#${BASH_REMATCH[3]:-99})); then
            echo "bljust.sh: --skip_stages ${1@Q}: $word is no stage. Write numbers or ranges, as \"2 4-6\"." >&2
            return 1
        fi
        seq -s ' ' $((10#${BASH_REMATCH[1]})) $((10#${BASH_REMATCH[3]:-${BASH_REMATCH[1]}}))
    done | tr '\n' ' '
}

none_left() {  # whether all that stage and stop_stage ask for is left out; says by what
    local number last=$stop_stage why="--skip_stages"
    [ "$last" -le 15 ] || last=15
    for ((number = stage; number <= last; number++)); do
        case " $skipped " in *" $number "*) ;; *) return 1 ;; esac
    done
    case " $(stages_of "$skip_stages") :$stage" in
        *" $stage "*) ;;
        *:[1-6]) why="--skip_data_prep true" ;;
        *:[7-9] | *:1[01]) why="--skip_train true" ;;
        *:12 | *:13) why="--skip_eval true" ;;
        *:14) why="--skip_packing true, the default. Give --skip_packing false" ;;
        *:15) why="--skip_upload_hf true, the default. Give --skip_upload_hf false" ;;
    esac
    echo "bljust.sh: no stage is left to run: stage $stage is left out by $why." >&2
}

name_labels() {  # of the part of train_set that keeps its text: a choice of utterances has folders of its own
    labels_seed=${labels_seed:-$seed}
    [ "$labels" != all ] || labels_seed=0  # nothing to choose
    part="" labels_word=${labels##*/}
    [ ! -f "$labels" ] || labels_word=${labels_word%.*}
    [ "$labels" = all ] || part=_${labels_word}_seed$labels_seed
    plain_name labels "$labels_word"
}

name_experiment() {  # asr_tag: what differs from one training to another, in ESPnet's order
    local words old sp=$speed_perturb_factors
    words=${asr_config##*/}
    words=${words%.*}_${method}_${model_size}_raw${fs%16k}_${lang}_$token_type
    [ "$token_type" != bpe ] || words+=$nbpe
    [ "$labels" = all ] || words+=_$labels_word
    [ -z "$sp" ] || words+=_sp
    case $sp in "" | "0.9 1.0 1.1") ;; *) words+=${sp// /_} ;; esac
    words+=_seed$seed
    [ -z "$init_from" ] || words+=_init_${init_from##*/}
    [ -z "$asr_args" ] || words+=_$asr_args
    words=$(tr -cs '[:alnum:]._+\n-' _ <<<"$words")
    words=${words%_}
    [ ${#words} -le 120 ] || words=${words:0:110}_$(cksum <<<"$words" | cut -d' ' -f1)
    old=${labels##*/}
    old=${method}_${model_size}_${old%.*}_seed$seed${init_from:+_init}
    if [ -z "$asr_tag" ] && [ -d "$expdir/$old" ] && [ ! -d "$expdir/$words" ]; then
        echo "bljust.sh: $expdir/$old has a name as earlier versions gave it; --asr_tag $old goes on with it." \
            "This run is $expdir/$words." >&2
    fi
    asr_tag=${asr_tag:-$words}
    asr_exp=$expdir/$asr_tag
}

plain_name() {  # option value: it names a file or folder of ours, and cannot lead elsewhere or be taken for an option
    case $2 in
        "" | [.-]* | *JOB* | *[[:space:][:cntrl:]/\\\'\"\`\$\&\;\|\<\>\*\?\!\(\)\[\]\{\}\#\~]*)
            echo "bljust.sh: --$1 ${2@Q}: no plain name. Use letters, digits and . _ - inside." >&2
            exit 1 ;;
    esac
}

name_decoding() {  # the language model, and how stage 12 searches: greedily, and as the options say
    local word=${ngram_unit#auto}
    if [ "$task" = classification ] || [ "${inference_config##*/}" = decode_greedy.yaml ]; then use_ngram=false; fi
    ngram=data/${lang}_ngram/${tokens#*_token_list/}/${ngram_num}gram${word:+_$word}.arpa
    [ "$use_ngram" = false ] || inference_ngram=${inference_ngram:-$ngram}
    model_word=${inference_asr_model##*/}
    model_word=${model_word%.*}
    decodings=(asked)
    case $inference_ngram:${inference_config##*/} in
        : | :decode_greedy.yaml) inference_config=${inference_config:-conf/decode_greedy.yaml} ;;
        *) inference_config=${inference_config:-conf/decode_beam.yaml} decodings=(greedy asked) ;;
    esac
    asked_name=$decode_name
    if [ -z "$asked_name" ]; then
        asked_name=${inference_config##*/}
        asked_name=${asked_name%.*}
        asked_name=${asked_name#decode_}
        word=${inference_ngram##*/}
        [ -z "$word" ] || asked_name+=_${word%.*}
        asked_name+=_$model_word
        [ -z "$inference_args" ] || asked_name+=_$(tr -cs '[:alnum:].\n' _ <<<"${inference_args//--/}")
        asked_name=${asked_name%_}
    fi
    search_by asked
}

search_by() {  # greedy|asked: the search of the next stage, and the folder that tells one decoding from another
    search_config=conf/decode_greedy.yaml search_ngram="" search_args=() decode_name=greedy_$model_word
    if [ "$1" = asked ]; then
        search_config=$inference_config search_ngram=$inference_ngram decode_name=$asked_name
        read -ra search_args <<<"$inference_args"
    fi
    [ -e "$search_config" ] || [ ! -e "../../../$search_config" ] || search_config=../../../$search_config
    decoded=$asr_exp/decode_$decode_name
}
