#!/usr/bin/env bash
# Everything that must hold: the environment, ruff, shellcheck, and the tests that are not marked slow.
#   ./test.sh [pytest options]
set -euo pipefail
CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")"

./setup.sh --quiet
echo "ruff"
.venv/bin/ruff check --quiet .
echo "shellcheck"
find . -path ./.venv -prune -o -name '*.sh' -print0 |
    xargs -0 .venv/bin/shellcheck --external-sources --source-path=SCRIPTDIR .ci/run
OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -n 2 -m "not slow" "$@"
