"""Stage 2: copies of a data directory at other speeds, as ESPnet's perturb_data_dir_speed.sh names them.

Utterances and speakers of a copy get ``sp0.9-`` in front, so that a speaker at another speed is another speaker.
No audio is touched here and no command goes into wav.scp: ``utt2speed`` says it, and stage 3 resamples.
"""

import heapq
import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from operator import attrgetter
from pathlib import Path

from espnet_bljust.data.kaldi.copies import prefix
from espnet_bljust.data.kaldi.part import count_checked
from espnet_bljust.data.kaldi.sorted_tables import walk_utterances, writing
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.kaldi.walk import tables_of
from espnet_bljust.disk.files import fresh_dir, swap_dir, temporary_dir
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
    tables = tables_of(source)
    if tables[0] == "segments":  # recordings are shared by the copies; without segments a recording is an utterance
        shutil.copyfile(source / "wav.scp", temporary / "wav.scp")
    with writing(temporary, sorted({*tables, "utt2speed"})) as add:
        for utterance in heapq.merge(*(_copies(source, tables, speed) for speed in speeds), key=attrgetter("name")):
            add(utterance)
    swap_dir(temporary, out_dir)
    return len(speeds) * utterances


def _copies(source: Path, tables: Sequence[str], speed: str) -> Iterator[Utterance]:
    """The utterances at one speed, in order, since all names begin alike."""
    mark = prefix(speed)
    for utterance in walk_utterances(source, tables, remedy="Run stage 1 again."):
        yield utterance._replace(name=mark + utterance.name, speaker=mark + utterance.speaker, speed=speed)



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
