#!/usr/bin/env bash
# Sourced by bljust.sh: run_stage, and the words that the functions of stages.sh are made of.
# A stage function says what it uses (options), reads and makes (files), asks `due || return 0`, and calls
# `bin` (a command of espnet_bljust/bin) or `launch` (the same through a launcher of cmd.sh).
# shellcheck disable=SC2154  # the options and names of bljust.sh and stages.sh

current_stage=""
held=false            # whether this run holds its experiment
data_held=false       # and the data that it trains on
probed=false          # whether it was tried if files can be locked
no_locks=false        # whether it was said that files cannot be locked here
compared=false        # whether earlier stages were held against the options
stale_since=""        # in a dry run: the first stage that would run
shopt -s lastpipe     # the last part of a pipe may set variables
shopt -s extglob
exec 3>&1             # past the summary
trap 'stopped $?' EXIT

run_stage() {  # number name: the one place that decides whether a stage runs
    local number=$1 name=$2 up_to_date=false uses=() reads=() makes=() start=$SECONDS
    wanted "$number" || return 0
    current_stage="$number $name"
    held_against "$number"
    probe_locks
    hold_data "$number"
    hold_experiment "$number"
    # no && in here: it would switch off set -e inside the stage; `ended` tells the summary that all went well
    { "stage_$name"; commit; echo ended; } | summary "$start"
    current_stage=""
}

wanted() {  # number
    [ "$stage" -le "$1" ] && [ "$1" -le "$stop_stage" ] || return 1
    case " $skipped " in *" $1 "*) return 1 ;; esac
}

stopped() {  # status: the last words when a stage fails, or training was asked to stop
    case $1:$current_stage in
        0:* | *:) ;;
        85:*) echo "stage $current_stage stopped with a checkpoint (status 85). The same command goes on." >&2 ;;
        *) echo "stage $current_stage stopped (status $1). Mend it, then go on from here: --stage ${current_stage%% *}" >&2 ;;
    esac
}

heading() { echo "stage $current_stage: $(sed -n "s/^run_stage ${current_stage%% *} .*# //p" "$here/bljust.sh" | tr -s ' ')"; }

summary() {  # start: pass the stage's lines on; the last one becomes the stage's own
    local line held="" ended=false seconds
    while IFS= read -r line; do
        if [ "$line" = ended ]; then ended=true; break; fi
        [ -z "$held" ] || printf '  %s\n' "$held"
        held=$line
        case $dry_run:$line in true:would\ run*) stale_since=${stale_since:-$current_stage} ;; esac
    done
    seconds=$((SECONDS - $1))
    case $ended:$dry_run:$held in
        *:) ;;
        true:*:"is up to date" | true:*:"not asked for"*) echo "stage $current_stage $held" ;;
        false:* | *:true:*) printf '  %s\n' "$held" ;;
        *) printf 'stage %s: %s (%d:%02d)\n' "$current_stage" "$held" $((seconds / 60)) $((seconds % 60)) ;;
    esac
}

uses() { uses+=("$@"); }    # options that change what the stage makes
reads() { reads+=("$@"); }  # files, or folders for the files in them; ?name may be absent, @name is a wav.scp for its audio
makes() { makes+=("$@"); }  # the same; ~name is written by others too

due() {  # whether the stage must run: not when its record fits options, inputs and outputs
    local name options=() action=check reason status=0 number=${current_stage%% *}
    record=$(record_of "$number")
    for name in "${uses[@]}"; do options+=("$name=${!name}"); done
    if [ "$dry_run" = true ]; then action=peek; else alone "$record"; fi
    reason=$("$python" -m espnet_bljust.shell.stamp "$action" --record "$record" --stage "$number" --force "$force" \
        --options "${options[@]}" --inputs "${reads[@]}" --outputs "${makes[@]}") || status=$?
    case $status:$stale_since in
        0:) up_to_date=true; echo "is up to date"; return 1 ;;
        0:*) reason="if stage $stale_since changes its files" ;;
        3:*) ;;
        *) exit "$status" ;;
    esac
    heading >&3
    if [ "$dry_run" = true ]; then
        echo "would run: $reason"
        "$python" -m espnet_bljust.planning.estimate --stage "$number" --dump_dir "$dumpdir/raw" \
            --sets "${all_sets[*]}" --decode_sets "${decode_sets[*]}" --audio_format "$audio_format" --nj "$nj"
        printf 'reads %s\nmakes %s\n' "${reads[*]##*([?~@])}" "${makes[*]##*([?~@])}"
    elif [ "$reason" != "not made yet" ]; then
        echo "  runs again: $reason" >&3
    fi
}

record_of() {  # number: where the stage's record lies, beside what the stage makes
    local folder=data/.stages/$train_set name=$1  # languages and folds live side by side
    case $1 in
        3) folder=$raw/.stages/$perturbed ;;
        4) folder=$raw/.stages/$perturbed name=$1$part ;;
        5 | 6) name=$1$part ;;
    esac
    [ "$1" -lt 7 ] || folder=$asr_exp/.stages
    [ "$1" -lt 12 ] || name=${1}_$decode_name
    echo "$folder/$name.json"
}

alone() {  # record: one run at a time in a stage; its processes hold the lock until the last has ended
    mkdir -p "${1%/*}"
    exec 8>>"$1.lock"
    try_lock 8 "$1.lock" || {
        case $1 in "$asr_exp"/*) refuse "$asr_exp" "$1.lock" ;; esac
        wait_for_lock 8 "$1.lock"
    }
    holder >"$1.lock"
}

try_lock() {  # descriptor file [option]: fails where another run has it; without locks on this disk, says so and goes on
    local status=0 said
    said=$(flock --nonblock --conflict-exit-code 75 "${@:3}" "$1" 2>&1) || status=$?
    said=${said%%$'\n'*}
    case $status in 0 | 75) return "$status" ;; esac
    [ "$no_locks" = true ] ||
        echo "$2: files cannot be locked here (${said:-status $status}). See to it that no second run is at it." >&2
    no_locks=true
}

probe_locks() {  # once, here: what a stage finds out, in a part of a pipe, is not known to the next one
    [ "$dry_run" = false ] && [ "$probed" = false ] || return 0
    probed=true
    mkdir -p data/.stages
    exec 6>>data/.stages/probe.lock
    try_lock 6 data/.stages/probe.lock --shared || true
    exec 6>&-
}

wait_for_lock() {  # descriptor file [option]
    echo "stage $current_stage: another run is at it here ($(tail -n 1 "$2")); waiting until it ends ($2)" >&2
    flock "${@:3}" "$1"
}

hold_data() {  # number: from a run's first stage of 4 to 7 to the end of 7; those that only read share the data
    local lock=$raw/.stages/$perturbed/data$part.lock option=--exclusive
    if [ "$1" -ge 8 ] && [ "$data_held" = true ]; then
        exec 7>&-
        data_held=false
    elif [ "$1" -ge 4 ] && [ "$1" -lt 8 ] && [ "$data_held" = false ] && [ "$dry_run" = false ]; then
        [ "$1" -lt 7 ] || option=--shared
        mkdir -p "${lock%/*}"
        exec 7>>"$lock"
        try_lock 7 "$lock" "$option" || wait_for_lock 7 "$lock" "$option"
        data_held=true
        [ "$option" = --shared ] || holder >"$lock"
    fi
}

held_against() {  # number: what stages before this run's first were made with is what its options say
    local earlier records=() options=() names word
    [ "$compared" = false ] && [ "$dry_run" = false ] || return 0
    compared=true
    for earlier in 2 3 4 5 6; do
        if [ "$earlier" -lt "$1" ] && [ -e "$(record_of "$earlier")" ]; then records+=("$(record_of "$earlier")"); fi
    done
    [ "${#records[@]}" -gt 0 ] || return 0
    mapfile -t names < <(sed -n '/^## Corpus/,/^## Training/s/^\([a-z]\w*\)=.*/\1/p' "$here/bljust.sh")
    for word in "${names[@]}"; do options+=("$word=${!word}"); done
    "$python" -m espnet_bljust.shell.stamp agree --record "${records[@]}" --stage "$1" --options "${options[@]}"
}

hold_experiment() {  # number: one run at a time in an experiment, from its first stage of 7 to 11 to the end of 11
    local lock=$asr_exp/.stages/run.lock
    if [ "$1" -ge 12 ] && [ "$held" = true ]; then
        exec 9>&-
        held=false
    elif [ "$1" -ge 7 ] && [ "$1" -lt 12 ] && [ "$held" = false ] && [ "$dry_run" = false ]; then
        mkdir -p "${lock%/*}"
        exec 9>>"$lock"
        try_lock 9 "$lock" || refuse "$asr_exp" "$lock"
        held=true
        holder >"$lock"
    fi
}

holder() { printf 'host %s, process %s, since %(%Y-%m-%d %H:%M:%S)T\n' "$HOSTNAME" "$$" -1; }

refuse() {  # experiment lock: data can be waited for, a training of days cannot
    echo "$1: another run is at it ($(tail -n 1 "$2")). Wait until it ends, or stop it; for a second give --asr_tag." >&2
    current_stage=""
    exit 1
}

commit() {
    [ "$dry_run" = true ] || [ "$up_to_date" = true ] || [ "${#makes[@]}" -eq 0 ] ||
        "$python" -m espnet_bljust.shell.stamp commit --record "$record"
}

call() {  # words...: run them, or show them
    local words
    if [ "$dry_run" = false ]; then "$@"; return; fi
    printf -v words '%q ' "$@"
    echo "\$ ${words% }"
}

bin() {  # command words...: a command of the package
    local words=("$python" -m "espnet_bljust.bin.$1" "${@:2}")
    [ "$debug" = false ] || words+=(--debug true)
    call "${words[@]}"
}

launch() {  # launcher words...: by Kaldi's contract
    local call_words
    [ "$dry_run" = false ] || backend_line "$1"
    calling "$1"
    call "${call_words[@]}" "${@:2}"
}

backend_line() {  # launcher [more]: where its jobs go
    case ${1%% *} in
        run.py) echo "backend $cmd_backend: jobs run on this machine, by $1${2:-}" ;;
        slurm.py) echo "backend $cmd_backend: jobs go to Slurm through sbatch, by $1${2:-}" ;;
        *) echo "backend $cmd_backend: jobs are given to $1${2:-}" ;;
    esac
}

said() {  # log: the last line of what a launched command printed
    local left=$BLJUST_LATE_SECONDS
    until [ "$dry_run" = true ] || [ -e "$1" ] || [ "$left" -le 0 ]; do sleep 1; left=$((left - 1)); done
    [ "$dry_run" = true ] || grep -v '^#' "$1" | tail -n 1
}

parts() {  # wanted table: as many jobs as wanted, but no more than utterances, nor here than cores
    local most=$1 lines
    lines=$([ ! -s "$2" ] || wc -l <"$2")
    [ "$jobs_run_here" = false ] || most=$(nproc)
    printf '%s\n' "$1" "$most" "${lines:-$1}" | sort -n | head -n 1
}
