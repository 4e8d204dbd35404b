"""What error rates were measured with: digests of the weights, the hypotheses and the reference, beside the scores.

    decode_<name>/<set>/weights.json   stage 12: name and digest of the file of weights that said these hypotheses
    decode_<name>/<set>/scored.json    stage 13: the same, and the digests of the two texts that were compared

So a rate is never told of other weights that stand under the same name today, nor of another reference.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError

WEIGHTS, SCORED = "weights.json", "scored.json"


class Digested(NamedTuple):
    """A file by its name and its content."""

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path, name: str | None = None) -> "Digested":
        """``name``: by which it is known, where that is not its path."""
        facts = path.stat()
        return cls(name or str(path), _sha256(path, facts.st_size, facts.st_mtime_ns))


class MeasuredWith(NamedTuple):
    """The record of one scored set; None: not recorded."""

    weights: Digested | None
    reference: Digested | None
    hypothesis: Digested | None

    def odd(self, folder: Path, exp_dir: Path) -> str:
        """Why these scores of ``folder`` are of something else than what lies there now; empty where they are not.

        Weights and references that are gone contradict nothing.
        """
        named = (("weights", self.weights, exp_dir), ("reference", self.reference, Path()),
                 ("hypotheses", self.hypothesis, folder))
        for kind, digested, place in named:
            path = place / digested.file if digested else None
            if path and path.is_file() and Digested.of(path).sha256 != digested.sha256:
                return f"the {kind} ({path.name}) changed since"
        return ""


def note_weights(folder: Path, weights: Digested) -> None:
    """Write weights.json."""
    write_atomic(folder / WEIGHTS, json.dumps(weights._asdict(), indent=1) + "\n")


def merge_weights(parts: Iterable[Path], out_dir: Path) -> None:
    """That of the parts of a decoding, all of which must have had the same weights."""
    told = {_read(part / WEIGHTS) for part in parts}
    if len(told) > 1:
        raise InputError(f"{out_dir}: its parts were decoded with different weights. Run stage 12 again, and let no "
                         "other run write the weights meanwhile.")
    if (weights := told.pop()) is not None:
        note_weights(out_dir, weights)


def note_scored(folder: Path, reference: Path, hypothesis: Path) -> None:
    """Write scored.json of the texts that were compared."""
    weights, name = _read(folder / WEIGHTS), hypothesis.name if hypothesis.parent == folder else None
    record = MeasuredWith(weights, Digested.of(reference), Digested.of(hypothesis, name))
    content = {key: value and value._asdict() for key, value in record._asdict().items()}
    write_atomic(folder / SCORED, json.dumps(content, indent=1) + "\n")


def read_scored(folder: Path) -> MeasuredWith:
    """scored.json of a set; of one that an earlier version scored, nothing is known."""
    try:
        content = json.loads((folder / SCORED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return MeasuredWith(None, None, None)
    return MeasuredWith(*(content[key] and Digested(**content[key]) for key in MeasuredWith._fields))


@lru_cache(maxsize=64)
def _sha256(path: Path, *_: int) -> str:
    """Once for each size and time of a file: weights are large, and many sets are scored with the same ones."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> Digested | None:
    return Digested(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
