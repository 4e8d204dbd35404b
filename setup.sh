#!/usr/bin/env bash
# Make .venv from requirements/lock.txt, once; an environment that is current is left as it is.
#   ./setup.sh [--python PATH] [--torch-backend cpu] [--quiet]
# --python PATH         the Python (3.12 or 3.13) to build on; found without it
# --torch-backend NAME  another build of torch, as uv names them (cpu, cu128, ...): needs a network
# --quiet               say nothing when nothing is to do
set -euo pipefail
export PYTHONSAFEPATH=1  # a queue.py in the folder from which this is called is not Python's

root=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$root/.venv
place=$(readlink -f "$venv")  # of a .venv that clones share by a link, the same for all: imports follow PYTHONPATH
stamp=$venv/bljust.stamp
gigabytes_needed=8
step="the options"

main() {
    local python="" backend="" quiet=false
    while [ $# -gt 0 ]; do
        case $1 in
            --python) python=${2:?"--python needs a path"}; shift 2 ;;
            --torch-backend) backend=${2:?"--torch-backend needs a name"}; shift 2 ;;
            --quiet) quiet=true; shift ;;
            -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
            *) stop "$1 is no option of setup.sh" "Known: --python, --torch-backend, --quiet, --help." ;;
        esac
    done
    [ -n "$backend" ] || backend=$(recorded backend)
    if ! is_current "$backend"; then
        quiet=false
        one_at_a_time
        is_current "$backend" || install "$python" "$backend"
    fi
    [ "$quiet" = true ] || "$venv/bin/python" -m espnet_bljust.bin.doctor
}

stop() {  # what remedy
    printf 'setup.sh: %s: %s. %s\n' "$step" "$1" "$2" >&2
    exit 1
}

recorded() {  # name: the value of a line of the stamp
    if [ -e "$stamp" ]; then sed -n "s/^$1 //p" "$stamp"; fi
}

fingerprint() {  # backend: everything the environment was made from
    printf 'lock %s\n' "$(cat "$root"/requirements/*.txt | sha256sum | cut -d' ' -f1)"
    printf 'package %s\n' "$(sha256sum <"$root/setup.cfg" | cut -d' ' -f1)"
    printf 'python %s\n' "$("$venv/bin/python" -c 'import platform; print(platform.python_version())' 2>/dev/null)"
    printf 'backend %s\n' "${1:-default}"
    printf 'place %s\n' "$place"
}

is_current() {  # backend
    [ -e "$stamp" ] && [ "$(fingerprint "$1")" = "$(cat "$stamp")" ]
}

one_at_a_time() {  # wait for another set-up of the same folder; the kernel frees the lock however we end
    step="waiting for another set-up"
    command -v flock >/dev/null || return 0
    local held=$root/setup.sh status=0
    [ ! -d "$venv" ] || held=$place  # clones may share it by a link
    exec 9<"$held"
    flock --nonblock --conflict-exit-code 75 9 2>/dev/null || status=$?
    case $status in
        0) ;;
        75)
            echo "setup.sh: another set-up is at work in $held; waiting for it" >&2
            flock 9 ;;
        *) echo "setup.sh: $held: files cannot be locked here. See to it that no second set-up is at work." >&2 ;;
    esac
}

is_suitable() {  # python: runs it, since a shim on the PATH may exist and fail
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    local candidate pyenv_root=""
    pyenv_root=$(pyenv root 2>/dev/null) || pyenv_root=$HOME/.pyenv
    for candidate in python3.13 python3.12 python3 "$pyenv_root"/versions/3.1[23]*/bin/python3; do
        if is_suitable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

install() {  # python backend
    local python=$1 backend=$2
    rm -f "$stamp"
    check_disk
    make_venv "$python"
    install_lock "$backend"
    step="installing espnet_bljust itself"
    uv_pip install --quiet --no-deps --no-build-isolation --offline --editable "$root" ||
        stop "uv could not link it into .venv" "The lines above say why; then run ./setup.sh again."
    fingerprint "$backend" >"$stamp.tmp"
    mv "$stamp.tmp" "$stamp"
}

check_disk() {
    step="checking the disk"
    [ ! -x "$venv/bin/uv" ] || return 0  # begun before: most of it is there
    local free
    free=$(df -Pk "$root" | awk 'NR == 2 {print int($4 / 1024 / 1024)}')
    [ "$free" -ge "$gigabytes_needed" ] ||
        stop "$root has $free GB free, .venv needs about $gigabytes_needed GB" "Free some, or clone to a larger disk."
}

make_venv() {  # python
    step="finding Python"
    local python=$1
    if [ -z "$python" ] && is_suitable "$venv/bin/python"; then return; fi
    if [ -z "$python" ]; then
        python=$(find_python) || stop "no Python 3.12 or 3.13 with venv runs here" \
            "Install one (Debian: apt-get install python3-venv; else: pyenv install 3.12), or name it: --python PATH."
    fi
    is_suitable "$python" || stop "$python is no Python 3.12 or 3.13 with venv and ensurepip" "Name another one."
    step="making .venv"
    if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
        stop "$venv is there but is no Python environment" "Move it away."
    fi
    echo "setup.sh: making .venv with $("$python" --version) ($python)" >&2
    "$python" -m venv --clear "$venv" || stop "$python -m venv failed" "Remove $venv and run ./setup.sh again."
}

uv_pip() {
    local word=$1
    shift
    VIRTUAL_ENV=$venv "$venv/bin/uv" pip "$word" --python "$venv/bin/python" "$@"
}

install_lock() {  # backend
    step="installing uv"
    echo "setup.sh: installing requirements/lock.txt (about 6 GB; a minute or two on a fast network)" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
        -r "$root/requirements/uv.txt" || stop "pip could not install uv" "Check the network or pip's index, then run again."
    step="installing requirements/lock.txt"
    local lock=(-r "$root/requirements/lock.txt") backend=$1
    if [ -n "$backend" ] && [ "$backend" != default ]; then
        other_torch "$backend" "$venv/lock.$backend.txt"
        lock=(--no-deps -r "$venv/lock.$backend.txt")
    fi
    uv_pip install --require-hashes "${lock[@]}" ||
        stop "uv failed" "Check the network, the free disk (df -h) and uv's message above, then run again: it goes on from here."
}

other_torch() {  # backend lock: torch of that build, without hashes (the lock has none for it); the lock without it
    local torch
    torch=$(grep -oE '^(torch|torchaudio)==[^ ]+' "$root/requirements/lock.txt")
    # shellcheck disable=SC2086  # two requirements, two words
    uv_pip install --torch-backend "$1" $torch ||
        stop "uv found no torch for --torch-backend $1" "Leave the option out, or name a build that uv knows."
    awk '/^[a-z0-9]/ {drop = /^(torch|torchaudio|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==/} !drop' \
        "$root/requirements/lock.txt" >"$2"
}

main "$@"
