#!/usr/bin/env bash
# Sourced by bljust.sh and plan.sh: asr_args as key=value words, of which some may be written as options of ESPnet.
# shellcheck disable=SC2154  # asr_args is set where this is sourced

as_pairs() {  # "--grad_clip 1 --optim_conf eps=1e-8 a=2" in asr_args becomes "grad_clip=1 optim_conf.eps=1e-8 a=2"
    local word words pairs=() key=""
    read -rd "" -a words <<<"$asr_args" || true  # lines, too; it ends at the end of the text
    for word in "${words[@]}"; do
        if [ -n "$key" ]; then
            case $key:$word in
                *:--*) ;;
                *_conf:*=*) pairs+=("$key.$word") key="" ;;
                *) pairs+=("$key=$word") key="" ;;
            esac
        else
            case $word in
                --*=*) pairs+=("${word#--}") ;;
                --?*) key=${word#--} ;;
                *) pairs+=("$word") ;;
            esac
        fi
    done
    [ -z "$key" ] || {
        echo "${BLJUST_SCRIPT:-bljust.sh}: --asr_args ${asr_args@Q}: --$key has no value. Write $key=value." >&2
        exit 1
    }
    asr_args="${pairs[*]}"
}
