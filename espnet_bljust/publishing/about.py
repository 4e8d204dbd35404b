"""What the recipe says of a model, for its card."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TEMPLATE = Path(__file__).parents[2] / "conf" / "model_card.md"


class About(NamedTuple):
    """The facts that are in no file of the experiment."""

    template: Path = TEMPLATE  # of README.md
    licence: str = ""  # by the hub's names; empty: none yet
    language: str = "noinfo"  # of the speech, as en
    corpora: Sequence[str] = ()  # what it was trained on
    options: Sequence[str] = ()  # of run.sh, NAME=VALUE each
