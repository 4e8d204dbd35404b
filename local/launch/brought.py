"""Call a launcher that a user brought, Kaldi's run.pl, slurm.pl or queue.pl, with words that no shell can misread.

    brought.py call LAUNCHER [ITS OPTION ...] -- [--option value ...] [JOB=1:N] LOG COMMAND [ARG ...]
    brought.py run FILE NUMBER               what LAUNCHER runs instead of COMMAND, where that has such words

Those launchers write the command into a shell script. Plain words go there as they are; a command with any other
(spaces, quotes, $, line breaks, nothing at all) goes into a file beside the log, and the script only names that file.
"""

import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where PYTHONSAFEPATH leaves it out
from request import parse, stop

PLAIN = re.compile(r"[\w./:=,+@-]+", re.ASCII)


def call(launcher: list[str], words: list[str]) -> None:
    request = parse(words)
    if not PLAIN.fullmatch(request.log):
        stop(f"{request.log}: {launcher[0]} would give this name to a shell. Use letters, digits and ._-/ in it.")
    if not all(PLAIN.fullmatch(word) for word in request.command):
        file = Path(request.log.replace(request.name or "JOB", "all") + ".words.json")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"name": request.name, "command": request.command}))
        here = os.path.relpath(__file__)
        words = [*words[: -len(request.command)], "python3", here, "run", str(file), request.name or "0"]
    os.execvp(launcher[0], [*launcher, *words])


def run(file: str, number: str) -> None:
    given = json.loads(Path(file).read_text())
    words = [word.replace(given["name"], number) if given["name"] else word for word in given["command"]]
    os.execvp(words[0], words)


if __name__ == "__main__":
    if sys.argv[1] == "call":
        end = sys.argv.index("--")
        call(sys.argv[2:end], sys.argv[end + 1 :])
    else:
        run(*sys.argv[2:])
