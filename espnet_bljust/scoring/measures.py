"""What `cer` and `ctc` of history.jsonl are: they count phones, characters or recordings, as the run was set."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Measures(NamedTuple):
    """Names for people."""

    rate: str = "CER"
    rate_in_words: str = "character error rate"
    loss: str = "CTC"


PHONES = Measures("PER", "phone error rate", "CTC")
CLASSES = Measures("wrong", "share of recordings with the wrong class", "cross entropy")


def measures(settings: Mapping[str, Any]) -> Measures:
    """By the keys of train.yaml; without any the usual names."""
    if (settings.get("head_conf") or {}).get("kind") == "mean":
        return CLASSES
    return PHONES if settings.get("token_type") == "phn" else Measures()
