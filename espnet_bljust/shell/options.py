"""The options of a shell script, read from the one place that defines them: its `name=default  # comment` lines.

    options.py SCRIPT [--name value ...]     prints `name='value'` lines for the shell to evaluate
    options.py SCRIPT ... --help             prints every option and stage, and leaves with status 3

Above the line that sources parse_options.sh, `## Title` opens a group. A default says what is allowed: true or
false, a whole number, a number, a rate; so do `(a|b|c)`, `at least 1`, `at most 9` and `not empty` in the comment;
`(required)` asks for a value. Runs as a plain file on any Python 3.8 or newer, before the environment exists: standard
library only.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import sys
from typing import NamedTuple

DEFINITION = re.compile(r"""^([a-z]\w*)=("[^"]*"|'[^']*'|[^\s'"]*)\s+# (.+)$""")
STAGE = re.compile(r"^run_stage\s+(\d+)\s+(\w+)\s*# (.+)$")
HELP_STATUS = 3


class Option(NamedTuple):
    name: str
    default: str
    comment: str
    group: str

    @property
    def choices(self) -> list[str]:
        """What the comment or a boolean default allows; nothing where any value may stand."""
        if self.default in ("true", "false"):
            return ["true", "false"]
        listed = re.search(r"\(([^\s()|]+(?:\|[^\s()|]+)+)\)", self.comment)
        return listed.group(1).split("|") if listed else []

    def problem(self, value: str) -> str:
        """Why the value cannot stand, or an empty string."""
        if self.choices:
            if value in self.choices:
                return ""
            near = nearest(value, self.choices)
            return "expected one of {}.{}".format(", ".join(self.choices), f" Did you mean {near}?" if near else "")
        if "not empty" in self.comment and not value:  # of folders: the stages would write into the root
            return f"expected a value, such as {self.default}."
        if re.match(r"\d+$", self.default) and not re.fullmatch(r"[0-9]{1,18}", value):
            return f"expected a whole number, such as {self.default}."
        if re.match(r"\d+k$", self.default) and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?k?", value):
            return f"expected a rate, such as {self.default} or 16000."
        if "at least 1" in self.comment and int(value) < 1:
            return "expected at least 1."
        most = re.search(r"at most (\d+)", self.comment)
        if most and value and not (re.fullmatch("[0-9]{1,18}", value) and int(value) <= int(most.group(1))):
            return f"expected a whole number of at most {most.group(1)}."
        if re.match(r"\d+\.\d*$", self.default) and not re.fullmatch(r"-?[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?", value):
            return f"expected a number, such as {self.default}."
        if "(required)" in self.comment and not value:
            return f"is needed: {self.comment}."
        return ""


class UsageError(Exception):
    """One line for the user of the script."""


def read_script(path: str) -> tuple[dict[str, Option], list[str]]:
    """Options by name, and the stages as help shows them."""
    options, stages, group, defining = {}, [], "Options", True
    with open(path, encoding="utf-8") as file:
        for line in file:
            definition, stage = DEFINITION.match(line), STAGE.match(line)
            if line.startswith(". ") and "parse_options.sh" in line:
                defining = False
            elif defining and line.startswith("## "):
                group = line[3:].strip()
            elif defining and definition:
                name, default, comment = definition.groups()
                options[name] = Option(name, default.strip("\"'"), comment, group)
            elif stage:
                stages.append("{:>4}  {:<12} {}".format(*stage.groups()))
    return options, stages


def parse(options: dict[str, Option], words: list[str]) -> tuple[dict[str, str], bool]:
    """Values by name, and whether help was asked for; a boolean may stand without its value."""
    values: dict[str, str] = {}
    words = list(words)
    while words:
        word = words.pop(0)
        if word in ("--help", "-h"):
            return values, True
        if not word.startswith("--"):
            raise UsageError(f"{word}: not an option. Options are written --name value; --help lists them.")
        word, joined, value = word.partition("=")  # what follows may be a secret, and is not repeated
        name = word[2:].replace("-", "_")
        if joined:
            words.insert(0, value)
        if name not in options:
            if "local_data_opts" in options and (answer := of_espnet(name, options)):
                raise UsageError(f"{word}: {answer}")
            near = nearest(name, list(options))
            corpus = "" if near or "local_data_opts" not in options else (
                f' An option of local/data.py goes into --local_data_opts "{word} ...".')
            raise UsageError("{}: no such option. {}--help lists all.{}".format(
                word, f"The nearest is --{near}; " if near else "", corpus))
        option = options[name]
        if not joined and option.default in ("true", "false") and (not words or words[0].startswith("--")):
            values[name] = "true"
            continue
        if not words:
            raise UsageError(f"{word}: needs a value. {option.comment}")
        values[name] = words.pop(0)
        problem = option.problem(values[name])
        if problem:
            raise UsageError(f"{word} {shlex.quote(values[name])}: {problem}")
    return values, False


def of_espnet(name: str, options: dict[str, Option]) -> str:
    """What an option of ESPnet's asr.sh is here, by the table of docs/espnet_options.md; empty for any other name."""
    page = os.path.join(os.path.dirname(os.path.realpath(__file__)), *[os.pardir] * 2, "docs", "espnet_options.md")
    with open(page, encoding="utf-8") as rows:
        table = {cells[1].strip(): cells[2:4] for row in rows if len(cells := row.split("|")) == 5}
    if name not in table:
        return ""
    ours, why = (cell.strip() for cell in table[name])
    if ours in options:
        return "a name of ESPnet's; here it is --{}: {}{}.".format(ours, options[ours].comment, why and f" ({why})")
    return f"an option of ESPnet's that is not needed here: {why}."


def nearest(name: str, known: list[str]) -> str:
    """The known name most like this one; empty where none is alike."""
    alike = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return alike[0] if alike else ""


def help_text(script: str, options: dict[str, Option], stages: list[str], values: dict[str, str]) -> str:
    """The recipe's own options, and those to which it gave a value; then every other option by group."""
    lines = [f"usage: {script} [--name value ...]      --some-name is --some_name, --name=value is --name value"]
    group = ""
    own = [option for option in own_options(script).values() if option.name not in options]
    given = [option for option in options.values() if option.name in values]
    others = [option for option in options.values() if option.name not in values]
    for option in [*[one._replace(group="This recipe") for one in [*own, *given]], *others]:
        if option.group != group:
            group = option.group
            lines += ["", group]
        here = values.get(option.name, option.default)
        note = "" if here == option.default else f"  [here: {here}]"
        lines.append("  {:<36} {}{}".format(f"--{option.name} {shlex.quote(option.default)}", option.comment, note))
    return "\n".join([*lines, "", "Stages", *stages])


def own_options(script: str) -> dict[str, Option]:
    """What a run.sh of this folder takes itself, before it calls the pipeline."""
    return read_script(script)[0] if script.endswith(".sh") and os.path.isfile(script) else {}


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="surrogateescape")  # file names that are not UTF-8 come out as they came in
    path, words = sys.argv[1], sys.argv[2:]
    script = os.environ.get("BLJUST_SCRIPT", os.path.basename(path))
    try:
        options, stages = read_script(path)
        values, wants_help = parse(options, words)
        if wants_help:
            print(help_text(script, options, stages, values))
            sys.exit(HELP_STATUS)
        for option in options.values():
            if "(required)" in option.comment and not values.get(option.name, option.default):
                raise UsageError(f"--{option.name} is needed: {option.comment}")
    except UsageError as error:
        print(f"{script}: {error}", file=sys.stderr)
        sys.exit(1)
    for name, value in values.items():
        print(f"{name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
