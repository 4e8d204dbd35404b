"""What `cer` and `ctc` of history.jsonl are: they count phones, characters or recordings, as the run was set."""

import math
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.disk.settings_file import run_settings


class Measures(NamedTuple):
    """Names for people."""

    rate: str = "CER"
    rate_in_words: str = "character error rate"
    loss: str = "CTC"


PHONES = Measures("PER", "phone error rate", "CTC")
CLASSES = Measures("wrong", "share of recordings with the wrong class", "cross entropy")


def measures(exp_dir: Path) -> Measures:
    """By the keys of train.yaml; without any the usual names."""
    settings = run_settings(exp_dir)
    if (settings.get("head_conf") or {}).get("kind") == "mean":
        return CLASSES
    return PHONES if settings.get("token_type") == "phn" else Measures()


def percent(share: float | None) -> str:
    """For people; unknown where it is a share of nothing."""
    return "unknown" if share is None or math.isnan(share) else f"{100 * share:.1f} %"
