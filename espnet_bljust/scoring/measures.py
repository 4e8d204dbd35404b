"""What `cer` and `ctc` of history.jsonl are: they count phones, characters or recordings, as the run was set."""

from pathlib import Path
from typing import NamedTuple


class Measures(NamedTuple):
    """Names for people."""

    rate: str = "CER"
    rate_in_words: str = "character error rate"
    loss: str = "CTC"


PHONES = Measures("PER", "phone error rate", "CTC")
CLASSES = Measures("wrong", "share of recordings with the wrong class", "cross entropy")


def measures(exp_dir: Path) -> Measures:
    """By train.yaml; a folder without one gets the usual names."""
    import yaml

    path = exp_dir / "train.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if (settings.get("head_conf") or {}).get("kind") == "mean":
        return CLASSES
    return PHONES if settings.get("token_type") == "phn" else Measures()
