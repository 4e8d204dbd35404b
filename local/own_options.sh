#!/usr/bin/env bash
# Sourced by a run.sh with options of its own:  . own_options.sh "name name ..." "$@"
# Sets $name from --name value for those; the words that are left for bljust.sh stand in the array `others`.

own=" $1 "
shift
others=()
while [ $# -gt 0 ]; do
    name=${1%%=*}
    name=${name#--}
    name=${name//-/_}
    if [[ $1 == --* && $own == *" $name "* ]]; then
        if [[ $1 == *=* ]]; then
            printf -v "$name" %s "${1#*=}"
            shift
            continue
        fi
        [ $# -gt 1 ] || { echo "run.sh: $1: needs a value." >&2; exit 1; }
        printf -v "$name" %s "$2"
        shift 2
    else
        others+=("$1")
        shift
    fi
done
