"""References and hypotheses of the same utterances."""

from pathlib import Path

from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.errors import InputError

NAMED_AT_MOST = 5


def read_sides(ref: Path, hyp: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Both tables by utterance; every utterance is on both sides, or an error names those that are not."""
    references, hypotheses = read_table(ref), read_table(hyp, allow_empty=True)
    for here, there, which in [
        (references.keys() - hypotheses.keys(), hyp, "have no hypothesis. Decode them: stage 12"),
        (hypotheses.keys() - references.keys(), ref, "have no reference. Decode this very data set: stage 12"),
    ]:
        if here:
            names = ", ".join(sorted(here)[:NAMED_AT_MOST]) + (", ..." if len(here) > NAMED_AT_MOST else "")
            raise InputError(f"{there}: {len(here)} utterances {which} ({names}).")
    return references, hypotheses
