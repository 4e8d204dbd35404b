"""Records of what a stage was made from, so that an unchanged stage is not run again.

    stamp.py check  --record R --stage N --options a=1 ... --inputs F ... --outputs F ...
    stamp.py commit --record R
    stamp.py agree  --record R ... --stage N --options a=1 ...

`check` leaves with 0 when the record fits: the same options, inputs and version, and all recorded outputs there.
Otherwise it leaves with 3, says on stdout what has changed, removes the record and writes what it would be to
R.pending; `commit`, after the stage, adds the outputs and moves that into place. `peek` looks and writes nothing.
`agree` leaves with 1 where a record has another value of an option than the run that goes on from it at stage N.
An input is a file, or a folder standing for the files directly in it; `?F` may be absent, among outputs too. A file
is unchanged when size and time are, or when its content is (files up to HASHED_BYTES). `~F` is an output that others
write too, or that users mend: only its being there counts. `@F` is a wav.scp, and stands for its recordings.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust import __version__
from espnet_bljust.command import system_problem
from espnet_bljust.disk.late import wait_for
from espnet_bljust.shell import recordings

HASHED_BYTES = 64 * 2**20  # beyond it, a changed time counts as a change
STALE_STATUS = 3
MARKS = "?~@"
PASSING = ("skip_broken", "local_data_opts")  # how a stage gets through its data, not what it makes of them
NO_CHANGE = {("skip_broken", "false", "true")}  # where nothing was broken there is nothing to skip
STAGE_FOLDERS = ("data", "dump", "exp")  # what stages make, under the names that they have by default


class MadeFrom(NamedTuple):
    """What decides whether a stage is to run."""

    options: Sequence[str]  # name=value
    inputs: Sequence[str]  # files and folders; ?name may be absent
    outputs: Sequence[str]


def look(record: Path, stage: str, made_from: MadeFrom, *, write_pending: bool, force: bool = False) -> int:
    """The exit status: 0 where the record fits, STALE_STATUS where the stage must run, 1 where it cannot.

    write_pending: `check`, which prepares the stage, and not `peek`; force: it must run in any case.
    """
    old = load(record)
    new = signature(made_from, old.get("inputs", {}))
    absent = [name for name, state in new["inputs"].items() if state is None]
    if absent and write_pending:
        made = Path(absent[0]).parts[0] in STAGE_FOLDERS
        remedy = "An earlier stage makes it: begin at a lower --stage" if made else (
            "Correct the option that names it, or begin at a lower --stage")
        print(f"stage {stage}: {absent[0]} is missing. {remedy}.", file=sys.stderr)
        return 1
    change, gone = difference(old, new) or ("--force asks for it" if force else ""), 0
    if not change and recordings_of(record).exists():
        change, gone = recordings.difference(
            recordings_of(record), tables(made_from.inputs), tables(made_from.outputs))
    if not change:
        if gone:
            print(f"stage {stage}: {gone} of the recordings that it read are gone; what was made of them is whole",
                  file=sys.stderr)
        return 0
    print(change)
    if write_pending:
        record.parent.mkdir(parents=True, exist_ok=True)
        if tables(made_from.inputs):
            recordings.write(recordings_of(pending(record)), tables(made_from.inputs))
        write(pending(record), new)  # first: with neither, a kill here would leave no trace of what was begun
        record.unlink(missing_ok=True)
    return STALE_STATUS


def agree(records: Sequence[Path], values: Mapping[str, str], stage: str) -> int:
    """0, or 1 and one line for the first option that an earlier stage had otherwise."""
    for record in records:
        for name, before in load(record).get("options", {}).items():
            if name in PASSING or name not in values or before == values[name]:
                continue
            number = re.match(r"\d+", record.name)[0]
            print(f"stage {stage}: stage {number} was run with {name} {before or 'empty'}, this run has "
                  f"{values[name] or 'empty'}. Give --{name} {before or repr('')}, or begin with --stage {number}.",
                  file=sys.stderr)
            return 1
    return 0


def signature(made_from: MadeFrom, known: dict) -> dict:
    """What the stage would be made from, now; ``known`` spares hashing files whose size and time are recorded."""
    inputs: dict[str, list | None] = {}
    for name in made_from.inputs:
        path = Path(name.lstrip(MARKS))
        if "?" not in marks(name) and not path.exists():
            inputs[str(path)] = None
        for file in files_of(path):
            inputs[str(file)] = state(file, known.get(str(file)))
    return {"version": __version__, "options": settings_of(made_from.options), "inputs": inputs,
            "targets": list(made_from.outputs)}


def settings_of(options: Sequence[str]) -> dict[str, str]:
    """name=value words by name."""
    return dict(option.partition("=")[::2] for option in options)


def files_of(path: Path) -> list[Path]:
    """The file itself, or the files directly in a folder; records and half-written files do not count."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and not file.name.endswith((".tmp", ".log")))
    return [path] if path.is_file() else []


def state(file: Path, known: list | None) -> list:
    """``[size, time in ns, content hash or None]``."""
    facts = file.stat()
    if known and known[:2] == [facts.st_size, facts.st_mtime_ns]:
        return known
    content = None
    if facts.st_size <= HASHED_BYTES:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
    return [facts.st_size, facts.st_mtime_ns, content]


def difference(old: dict, new: dict) -> str:
    """The first thing that differs, in words; empty when the record still stands."""
    if not old:
        return "not made yet"
    if old["version"] != new["version"]:
        return f"made by version {old['version']}, this is {new['version']}"
    for name in sorted({*old["options"], *new["options"]}):
        before, after = old["options"].get(name), new["options"].get(name)
        if before != after and (name, before, after) not in NO_CHANGE:
            return f"{name} was {before or 'empty'}, is {after or 'empty'}"
    for name in sorted({*old["inputs"], *new["inputs"]}):
        before, after = old["inputs"].get(name), new["inputs"].get(name)
        if before is None or after is None or not same(before, after):
            return f"{name} has {'gone' if after is None else 'changed' if before else 'come'}"
    if old["targets"] != new["targets"]:
        return "it makes other files now"
    outputs = old["outputs"]
    if missing := [name for name in [*required(old["targets"]), *outputs] if not Path(name).exists()]:
        return f"{missing[0]} is missing"
    for name, before in outputs.items() if isinstance(outputs, dict) else ():  # a list: of an earlier version
        if before is not None and not same(before, state(Path(name), before)):
            return f"{name} is not what this stage made"
    return ""


def same(before: list, after: list) -> bool:
    """Same size and time, or same size and content."""
    return before[:2] == after[:2] or (before[0] == after[0] and before[2] is not None and before[2] == after[2])


def commit(record: Path) -> None:
    """The stage has succeeded: its targets must be there, and become part of the record."""
    new = load(pending(record))
    wait_for(map(Path, required(new["targets"])))
    missing = [name for name in required(new["targets"]) if not Path(name).exists()]
    if missing:
        raise SystemExit(f"{missing[0]}: the stage ended without making it. This is a bug; its log tells more.")
    new["outputs"] = {str(file): None if "~" in marks(name) else state(file, None)
                      for name in new["targets"] for file in files_of(Path(name.lstrip(MARKS)))}
    if (listed := recordings_of(pending(record))).exists():
        recordings.add(listed, tables(new["targets"]))
        os.replace(listed, recordings_of(record))
    write(record, new)
    pending(record).unlink()


def marks(name: str) -> str:
    """What stands before the name itself."""
    return name[: len(name) - len(name.lstrip(MARKS))]


def required(names: Sequence[str]) -> list[str]:
    return [name.lstrip(MARKS) for name in names if "?" not in marks(name)]


def tables(names: Sequence[str]) -> list[str]:
    """Those that stand for their recordings."""
    return [name.lstrip(MARKS) for name in names if "@" in marks(name)]


def recordings_of(record: Path) -> Path:
    """Where the states of its recordings lie."""
    return record.with_name(record.name + ".recordings")


def pending(record: Path) -> Path:
    return record.with_suffix(".pending")


def load(path: Path) -> dict:
    """A record; an unreadable one is no record."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write(path: Path, content: dict) -> None:
    """Whole or not at all."""
    part = path.with_name(path.name + ".tmp")
    with open(part, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("check", "peek", "commit", "agree"))
    parser.add_argument("--record", type=Path, nargs="+", required=True)
    parser.add_argument("--stage", default="")
    parser.add_argument("--force", choices=("true", "false"), default="false")
    for name in ("options", "inputs", "outputs"):
        parser.add_argument(f"--{name}", nargs="*", default=[])
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Check, peek or commit, as ``words`` or the command line say; the exit status."""
    options = get_parser().parse_args(words)
    if options.action == "agree":
        return agree(options.record, settings_of(options.options), options.stage)
    (record,) = options.record
    if options.action == "commit":
        commit(record)
        return 0
    made_from = MadeFrom(options.options, options.inputs, options.outputs)
    return look(record, options.stage, made_from, write_pending=options.action == "check",
                force=options.force == "true")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"error: {system_problem(error)}")
