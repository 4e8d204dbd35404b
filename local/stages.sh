#!/usr/bin/env bash
# Sourced by bljust.sh: one function a stage, in the words of run_stage.sh.
# shellcheck disable=SC2034,SC2154  # names are set in names.sh and bljust.sh

stage_data() {
    local set words=()
    uses local_data_opts
    reads local '?db.sh'
    for set in "${corpus_sets[@]}"; do makes "~data/$set"; done  # users mend them
    due || return 0
    mapfile -d '' -t words < <("$python" -m espnet_bljust.shell.words -- local_data_opts "$local_data_opts")
    wait "$!"  # for its status
    call "$python" -m espnet_bljust.shell.recipe_script local/data.py "${words[@]}"
    for set in "${corpus_sets[@]}"; do bin check_data "data/$set" --allow_pipes "$allow_pipes"; done
    echo "${#corpus_sets[@]} sets in data: ${corpus_sets[*]}"
}

stage_perturb() {
    [ -n "$speed_perturb_factors" ] || { echo "not asked for: speed_perturb_factors is empty"; return; }
    local index
    uses speed_perturb_factors
    for index in "${!heard[@]}"; do reads "data/${originals[index]}"; makes "data/${heard[index]}"; done
    due || return 0
    for index in "${!heard[@]}"; do
        bin perturb_data --data_dir "data/${originals[index]}" --factors "$speed_perturb_factors" \
            --out_dir "data/${heard[index]}"
    done
}

stage_format() {
    local set jobs words
    uses audio_format fs mixdown skip_broken max_missing
    for set in "${all_sets[@]}"; do
        reads "data/$set" "@data/$set/wav.scp"
        makes "$raw/org/$set" "@$raw/org/$set/wav.scp"
    done
    due || return 0
    for set in "${all_sets[@]}"; do
        formatted "$set" && continue
        jobs=$(parts "$nj" "data/$set/wav.scp")
        words=(--data_dir "data/$set" --out_dir "$raw/org/$set" --num_jobs "$jobs"
            --audio_format "$audio_format" --fs "$fs" --mixdown "$mixdown" --allow_pipes "$allow_pipes"
            --max_missing "$max_missing")
        launch "$train_cmd" JOB=1:"$jobs" "$raw/logs/format_$set.JOB.log" \
            "$python" -m espnet_bljust.bin.format_audio "${words[@]}" --job JOB
        bin format_audio "${words[@]}" --finish true --skip_broken "$skip_broken"
        call "$python" -m espnet_bljust.shell.stamp commit --record "$raw/.stages/org_$set.json"
    done
    echo "${#all_sets[@]} sets in $raw/org: ${all_sets[*]}"
}

formatted() {  # set: whether it is what it would be made into; runs with other training sets share dev and test
    local name options=() status=0
    for name in "${uses[@]}"; do options+=("$name=${!name}"); done
    call "$python" -m espnet_bljust.shell.stamp check --record "$raw/.stages/org_$1.json" --stage 3 --force "$force" \
        --options "${options[@]}" --inputs "data/$1" "@data/$1/wav.scp" \
        --outputs "$raw/org/$1" "@$raw/org/$1/wav.scp" >/dev/null || status=$?
    case $status:$dry_run in
        0:false) ;;
        3:* | *:true) return 1 ;;
        *) exit "$status" ;;
    esac
}

stage_filter() {
    local set
    uses min_wav_duration max_wav_duration labels labels_seed ssl_on_labelled fs
    for set in "${all_sets[@]}"; do reads "$raw/org/$set"; makes "~$raw/$set"; done  # other labels too
    [ ! -f "$labels" ] || reads "$labels"
    makes "$labelled" "$pool"
    due || return 0
    bin filter_data --org_dir "$raw/org" --dump_dir "$raw" --train_set "$perturbed" --valid_set "$valid_set" \
        --unlabelled_sets "${heard[*]:1}" --unlabelled_valid_set "$unlabelled_valid_set" \
        --test_sets "$test_sets" --min_wav_duration "$min_wav_duration" \
        --max_wav_duration "$max_wav_duration" --labels "$labels" --ssl_on_labelled "$ssl_on_labelled" \
        --seed "$labels_seed" --fs "$fs" --labelled_dir "$labelled" --pool_dir "$pool"
}

stage_tokens() {
    local texts=()
    uses token_type oov nlsyms_txt
    [ "$token_type" != bpe ] || uses nbpe bpemode bpe_input_sentence_size bpe_nlsyms bpe_char_cover
    reads "$labelled/text"
    [ "$nlsyms_txt" = none ] || reads "$nlsyms_txt"
    makes "$tokens"
    if [ "$use_ngram" = true ]; then
        read -ra texts <<<"${lm_train_text:-$labelled/text}"
        uses ngram_num ngram_unit speed_perturb_factors
        reads "${texts[@]}" "$raw/$valid_set/text"
        makes "$ngram"
    fi
    due || return 0
    bin make_tokens --text "$labelled/text" --out_dir "$tokens" --token_type "$token_type" --oov "$oov" \
        --nlsyms_txt "$nlsyms_txt" --nbpe "$nbpe" --bpemode "$bpemode" --bpe_nlsyms "$bpe_nlsyms" \
        --bpe_input_sentence_size "$bpe_input_sentence_size" --bpe_char_cover "$bpe_char_cover"
    [ "$use_ngram" = false ] || make_ngram
}

make_ngram() {
    local held_out=("$raw/$valid_set/text") set
    for set in "${tests[@]}"; do held_out+=("$raw/$set/text" "data/$set/text"); done
    bin make_ngram --text "${texts[@]}" --held_out "data/$valid_set/text" "${held_out[@]}" --out "$ngram" \
        --order "$ngram_num" --unit "$ngram_unit" --dev_text "$raw/$valid_set/text" "${token_options[@]}" \
        --nlsyms_txt "$nlsyms_txt" --speed_factors "$speed_perturb_factors"
}

stage_report() {
    local set sets=("${labelled##*/}" "${pool##*/}" "$valid_set" "${tests[@]}")
    uses token_type
    for set in "${sets[@]}"; do reads "$raw/$set"; done
    reads "$tokens"
    makes "data/report/$train_set$part"
    due || return 0
    bin data_report --dump_dir "$raw" --sets "${sets[*]}" "${token_options[@]}" --out_dir "data/report/$train_set$part"
}

stage_stats() {
    local word extra words=(--exp_dir "$asr_exp" --config "$asr_config" --size_config "$size_config" --method "$method"
        --train_dir "$labelled" --pool_dir "$pool" --valid_dir "$raw/$valid_set" "${token_options[@]}"
        --seed "$seed" --ngpu $((ngpu * num_nodes)) --init_from "$init_from" --task "$task" --skip_broken "$skip_broken"
        --gpu "$gpu" --rates "$here/../conf/rates.yaml" --max_days "$max_days")
    for word in "${valid_pool[@]}"; do
        reads "$raw/$word"
        words+=(--valid_pool_dir "$raw/$word")
    done
    read -ra extra <<<"$asr_args"
    for word in "${extra[@]}"; do words+=(--set "$word"); done
    uses method seed asr_args token_type task skip_broken
    [ -z "$init_from" ] || uses init_from
    reads "$labelled" "$pool" "$raw/$valid_set" "$tokens" "$asr_config" "$size_config" "${initial[@]}"
    makes "$asr_exp/train.yaml" "$asr_exp/plan.json" "$asr_exp/stats.md" "?$asr_exp/pool.index"  # of a large pool
    makes "?$asr_exp/labelled" "?$asr_exp/pool" "?$asr_exp/too_short_for_ctc.txt"
    if due; then
        [ "$dry_run" = true ] || training_machines
        bin plan "${words[@]}"
    elif [ "$dry_run" = true ]; then
        heading >&3
    fi
    [ "$dry_run" = false ] || { training_machines; "$python" -m espnet_bljust.bin.plan "${words[@]}" --dry_run true; }
}

training_machines() { backend_line "$cuda_cmd" "; training on nodes: $num_nodes, GPUs of each: $ngpu"; }

stage_exploration() { train_until exploration; }
stage_joint() { train_until joint 8; }
stage_final() { train_until final 9; }

train_until() {  # phase [stage before it]
    local log=$asr_exp/logs/train_$1.log machines=(--gpu "$ngpu") every_node=() words=()
    [ -z "$save_interval_minutes" ] || words=(--save_interval_minutes "$save_interval_minutes")
    reads "$asr_exp/train.yaml" "$asr_exp/plan.json" "$labelled" "$pool" "$raw/$valid_set" "${initial[@]}"
    [ $# -lt 2 ] || reads "?$(record_of "$2")"
    makes "?~$asr_exp/checkpoint.pth"  # of all three stages
    due || return 0
    [ "$dry_run" = true ] || go_on_or_begin_anew "$1"
    if [ "$jobs_run_here" = false ] && [[ $cuda_cmd != *--num[-_]threads* ]]; then
        machines+=(--num-threads $(((num_workers + 1) * (ngpu > 0 ? ngpu : 1))))  # of each node
    fi
    if [ "$num_nodes" -gt 1 ]; then  # Slurm ends the other nodes two minutes after the first
        machines+=(--num-nodes "$num_nodes")
        every_node=(srun --nodes="$num_nodes" --ntasks="$num_nodes" --ntasks-per-node=1 --wait=120)
    fi
    launch "$cuda_cmd" "${machines[@]}" "$log" "${every_node[@]}" "$python" -m espnet_bljust.bin.train \
        --exp_dir "$asr_exp" --num_nodes "$num_nodes" --until "$1" --ngpu "$ngpu" --num_workers "$num_workers" \
        "${words[@]}"
    said "$log"
}

go_on_or_begin_anew() {  # phase: a checkpoint goes on only with the settings and data that it was begun with
    local forced=false changed status=0 begun=$asr_exp/.stages/training.json known=false file
    if [ -e "$begun" ] || [ -e "${begun%.json}.pending" ]; then known=true; fi
    [ "$force:$1" != true:exploration ] || forced=true  # the next stages go on from what that one trains
    changed=$("$python" -m espnet_bljust.shell.stamp check --record "$begun" --stage training --force "$forced" \
        --inputs "$asr_exp"/{train.yaml,plan.json} "$labelled" "$pool" "$raw/$valid_set" "${initial[@]}") || status=$?
    [ "$status" -ne 0 ] || return 0
    [ "$status" -eq 3 ] || return "$status"
    [ "$known" = false ] || set_aside "$changed"
    mkdir -p "$asr_exp/.stages/begun"
    for file in "$asr_exp"/{train.yaml,plan.json,stats.md}; do  # stage 7 may write others
        [ ! -e "$file" ] || cp "$file" "$asr_exp/.stages/begun/"
    done
    "$python" -m espnet_bljust.shell.stamp commit --record "$begun"
}

set_aside() {  # why: what an earlier training has made, with its settings and results, goes to a folder of its own
    local number=1 old file
    while [ -e "$asr_exp/superseded/$number" ]; do number=$((number + 1)); done
    old=$asr_exp/superseded/$number
    echo "training begins anew: $1. What was there goes to $old" >&3
    mkdir -p "$old.part"  # one that a kill has left is filled up
    for file in "$asr_exp"/.stages/begun/* "$asr_exp"/*.pth "$asr_exp"/decode_* \
        "$asr_exp"/{average.json,history.jsonl,config.yaml,RESULTS.md,tensorboard,images,pack,huggingface} "$asr_exp"/*.zip \
        "$asr_exp"/worst_*.txt; do
        if [ -e "$file" ] || [ -L "$file" ]; then mv "$file" "$old.part/"; fi
    done
    mv "$old.part" "$old"
}

stage_average() {
    uses nbest_average average_mode
    reads "$asr_exp/history.jsonl" "?$(record_of 10)"
    makes "$asr_exp/average.pth" "$asr_exp/average.json" "?$asr_exp/worst_train.txt" "?$asr_exp/worst_dev.txt"
    due || return 0
    bin average --exp_dir "$asr_exp" --nbest "$nbest_average" --mode "$average_mode"
    bin worst_losses --exp_dir "$asr_exp"
}

stage_decode() {
    local set jobs gpus=0 words=() tuned=false
    [ "$gpu_inference" = false ] || gpus=$((ngpu > 0))
    uses inference_args inference_asr_model write_alignments
    reads "$asr_exp/$inference_asr_model" "$search_config"
    for set in "${decode_sets[@]}"; do reads "$raw/$set"; makes "$decoded/$set"/{text,weights.json}; done
    if [ -n "$search_ngram" ]; then
        uses ngram_unit tune_search
        reads "$search_ngram"
        tuned=$tune_search
        [ "$tuned" = false ] || { reads "$raw/$valid_set"; makes "$decoded/search.yaml" "$decoded/tuning.md"; }
        words=(--ngram "$search_ngram" --ngram_unit "$ngram_unit")
    fi
    due || return 0
    words+=(--exp_dir "$asr_exp" --model "$inference_asr_model" --ngpu "$gpus" "${search_args[@]}")
    [ "$tuned" = false ] || tune_search
    words+=(--inference_config "$search_config" --write_alignments "$write_alignments")
    for set in "${decode_sets[@]}"; do decode_set; done
}

tune_search() {
    launch "$decode_cmd" --gpu "$gpus" "$decoded/logs/tune.log" "$python" -m espnet_bljust.bin.tune_search \
        "${words[@]}" --inference_config "$search_config" --nlsyms_txt "$nlsyms_txt" --data_dir "$raw/$valid_set" \
        --out_dir "$decoded"
    said "$decoded/logs/tune.log"
    search_config=$decoded/search.yaml
}

decode_set() {
    local words=("${words[@]}" --data_dir "$raw/$set" --out_dir "$decoded/$set")
    jobs=$(parts "$inference_nj" "$raw/$set/wav.scp")
    words+=(--num_jobs "$jobs")
    launch "$decode_cmd" --gpu "$gpus" JOB=1:"$jobs" "$decoded/logs/$set.JOB.log" \
        "$python" -m espnet_bljust.bin.decode "${words[@]}" --job JOB
    bin decode "${words[@]}" --finish true
}

stage_score() {
    local decoding set names=() words=("${token_options[@]}" --fold_marks "$fold_marks")
    uses nlsyms_txt fold_tokens fold_marks task
    [ "$nlsyms_txt" = none ] || words+=(--nlsyms_txt "$nlsyms_txt")
    [ "$fold_tokens" = none ] || { words+=(--fold_tokens "$fold_tokens"); reads "$fold_tokens"; }
    for decoding in "${decodings[@]}"; do
        search_by "$decoding"
        names+=("$decode_name")
        for set in "${decode_sets[@]}"; do
            reads "$raw/$set/text" "$decoded/$set"/{text,weights.json}
            makes "$decoded/$set"/{score_wer,scored.json}
        done
    done
    makes "~$asr_exp/RESULTS.md" "?~$asr_exp/images/training.png" "~RESULTS.md"  # of all decodings
    due || return 0
    for decoding in "${names[@]}"; do
        for set in "${decode_sets[@]}"; do score_set "$asr_exp/decode_$decoding/$set"; done
    done
    bin training_figure --exp_dir "$asr_exp"
    bin results --exp_dir "$asr_exp" --decode_names "${names[*]}" --sets "${decode_sets[*]}" --token_type "$token_type"
    # runs of a comparison do this side by side
    bin show_results --expdir "$expdir" --out "RESULTS.md.$asr_tag.tmp" | sed "s/RESULTS.md.$asr_tag.tmp/RESULTS.md/"
    call mv "RESULTS.md.$asr_tag.tmp" RESULTS.md
}

score_set() {  # decode_<name>/<set>
    bin score --ref "$raw/$set/text" --hyp "$1/text" "${words[@]}" --out_dir "$1"
    [ "$task" != classification ] || bin score_classes --ref "$raw/$set/text" --hyp "$1/text" --out_dir "$1/score_class"
}

stage_pack() {
    local word names words=() card=conf/model_card.md
    [ -e "$card" ] || card=../../../$card  # a recipe may have its own
    corpora=${hf_datasets:-$(sed -n 's|.*/egs2/\([^/]*\)/[^/]*$|\1|p' <<<"$PWD")}
    uses inference_asr_model hf_license lang corpora
    reads "$asr_exp/$inference_asr_model" "$asr_exp/train.yaml" "$card" "?$asr_exp/RESULTS.md"
    makes "$asr_exp/$asr_tag.zip" "$asr_exp/pack" "?$asr_exp/huggingface"  # not of every trunk
    due || return 0
    mapfile -t names < <(sed -n '/^## Corpus/,/^## Decoding/s/^\([a-z]\w*\)=.*/\1/p' "$here/bljust.sh")
    for word in "${names[@]}"; do words+=(--option "$word=${!word}"); done
    bin pack --exp_dir "$asr_exp" --model "$inference_asr_model" --out "$asr_exp/$asr_tag.zip" --card "$card" \
        --huggingface "$asr_exp/huggingface" --hf_license "$hf_license" --lang "$lang" --corpora "$corpora" \
        "${words[@]}"
}

stage_upload() {  # always run: what lies on the other side is not ours to record
    [ -n "$hf_repo" ] || { echo "stage 15: --hf_repo user/name is needed to upload." >&2; return 1; }
    bin upload --exp_dir "$asr_exp" --hf_repo "$hf_repo" --dry_run "$hf_dry_run"
}
