#!/usr/bin/env bash
# Sourced below a script's `name=default  # comment` lines:  . parse_options.sh "$0" "$@"
# Sets $name from --name value; --help prints the lines themselves. What is unknown or unfit stops the script.
# Works before .venv exists: any Python that runs will do.

export PYTHONSAFEPATH=1  # a difflib.py in the folder from which this is called is not Python's

bljust_parse() {  # script words...
    local here candidate assignments status=0
    here=$(dirname "${BASH_SOURCE[0]}")
    for candidate in "$here/../.venv/bin/python" python3 python3.13 python3.12; do
        if "$candidate" -c 'import difflib' >/dev/null 2>&1; then break; fi
        candidate=""
    done
    if [ -z "$candidate" ]; then
        echo "${1##*/}: no Python 3 runs here. Install Python 3.12 (Debian: apt-get install python3-venv)." >&2
        exit 1
    fi
    assignments=$("$candidate" "$here/../espnet_bljust/shell/options.py" "$@") || status=$?
    case $status in
        0) eval "$assignments" ;;
        3) printf '%s\n' "$assignments"; exit 0 ;;
        *) exit 1 ;;
    esac
}

bljust_caller() {  # script: of the pipeline, the run.sh that calls it is what its user knows
    local word words=()
    [ "${1##*/}" = bljust.sh ] && [ -r "/proc/$PPID/cmdline" ] || return 0
    mapfile -d '' -t words <"/proc/$PPID/cmdline"
    for word in "${words[@]}"; do
        case $word in *.sh) export BLJUST_SCRIPT=${word##*/}; return ;; esac
    done
}

bljust_caller "$1"
bljust_parse "$@"
