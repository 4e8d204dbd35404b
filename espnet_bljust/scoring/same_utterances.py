"""References and hypotheses are of the same utterances."""

import argparse
from collections.abc import Mapping

from espnet_bljust.errors import InputError

NAMED_AT_MOST = 5

def check_same_utterances(references: Mapping, hypotheses: Mapping, options: argparse.Namespace) -> None:
    """Every utterance on both sides, or an error that names those that are not."""
    for here, there, which in [
        (references.keys() - hypotheses.keys(), options.hyp, "have no hypothesis. Decode them: stage 12"),
        (hypotheses.keys() - references.keys(), options.ref, "have no reference. Decode this very data set: stage 12"),
    ]:
        if here:
            names = ", ".join(sorted(here)[:NAMED_AT_MOST]) + (", ..." if len(here) > NAMED_AT_MOST else "")
            raise InputError(f"{there}: {len(here)} utterances {which} ({names}).")
