"""Stage 2: copies of a data directory at other speeds, as ESPnet's perturb_data_dir_speed.sh names them.

Utterances and speakers of a copy get ``sp0.9-`` in front, so that a speaker at another speed is another speaker.
No audio is touched here and no command goes into wav.scp: ``utt2speed`` says it, and stage 3 resamples.
"""

import heapq
import shutil
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from espnet_bljust.data.kaldi.part import count_checked
from espnet_bljust.data.kaldi.rows import write_spk2utt
from espnet_bljust.data.kaldi.tables import table_line, walk_table
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync, temporary_dir
from espnet_bljust.errors import InputError

SLOWEST, FASTEST = Fraction(1, 4), Fraction(4)


def perturb(source: Path, factors: Sequence[str], out_dir: Path) -> int:
    """All copies of ``source`` in one directory, how many utterances; the factor 1.0 keeps its names.

    The tables are walked, one line of each copy in memory.
    """
    if out_dir.resolve() == source.resolve():
        raise InputError(f"--out_dir {out_dir}: is --data_dir itself. Give another folder.")
    if (source / "utt2speed").exists():
        raise InputError("utt2speed: the data is perturbed already. Give the directory of stage 1.")
    speeds = [_speed(factor) for factor in factors]
    if not speeds or len(set(map(Fraction, speeds))) != len(speeds):
        raise InputError(f"--factors {' '.join(factors)}: none, or one stands there twice. Example: 0.9 1.0 1.1.")
    utterances = count_checked(source)
    temporary = fresh_dir(temporary_dir(out_dir))
    owner = "segments" if (source / "segments").exists() else "wav.scp"
    if owner == "segments":  # recordings are shared by the copies; without segments a recording is an utterance
        shutil.copyfile(source / "wav.scp", temporary / "wav.scp")
    for name in [owner, *(["text"] if (source / "text").exists() else [])]:
        _write(temporary / name, [_copies(source / name, speed, lambda value, _: value) for speed in speeds])
    _write(temporary / "utt2spk", [_copies(source / "utt2spk", speed, lambda value, speed: prefix(speed) + value)
                                   for speed in speeds])  # fmt: skip
    _write(temporary / "utt2speed", [_copies(source / owner, speed, lambda _, speed: speed) for speed in speeds])
    write_spk2utt(temporary)
    swap_dir(temporary, out_dir)
    return len(speeds) * utterances


def _copies(path: Path, speed: str, value_at: Callable[[str, str], str]) -> Iterator[tuple[str, str]]:
    """The lines of a table for one speed, in order, since all keys begin alike."""
    for _, key, value in walk_table(path, [], allow_empty=True):
        yield prefix(speed) + key, value_at(value, speed)


def _write(path: Path, copies: list[Iterator[tuple[str, str]]]) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(table_line(path, key, value) for key, value in heapq.merge(*copies))
        sync(file)


def prefix(speed: str) -> str:
    """In front of the ids of a copy."""
    return "" if Fraction(speed) == 1 else f"sp{speed}-"


def copies_beside_one(factors: Sequence[str]) -> tuple[str, ...]:
    """What the ids of all copies but one begin with; that one is the original where it is among them."""
    prefixes = [prefix(_speed(factor)) for factor in factors]
    kept = "" if "" in prefixes else "".join(prefixes[:1])
    return tuple(one for one in prefixes if one != kept)


def _speed(factor: str) -> str:
    try:
        speed = Fraction(factor)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"--factors: {factor} is not a number. Example: 0.9 1.0 1.1.") from None
    if not SLOWEST <= speed <= FASTEST or "/" in factor:
        raise InputError(f"--factors: {factor} is not between 0.25 and 4. Example: 0.9 1.0 1.1.")
    return factor
