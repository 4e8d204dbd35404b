"""The supervised head: what it says of an utterance, and the losses that lift it in training."""

from dataclasses import dataclass
from typing import ClassVar

from espnet_bljust.keys import Group, key, require


@dataclass(frozen=True)
class HeadConfig(Group):
    """The supervised head; what only training reads does not count when two are compared."""

    conf: ClassVar[str] = "head_conf"

    kind: str = key("ctc", "--task sets it; ctc: a sequence of tokens; mean: a class, from the mean over the frames",
                    choices=("ctc", "mean"))
    layer_norm: bool = key(False, "before the linear layer, as normalize_before of ESPnet's wav2vec 2.0 encoder")
    per_token: bool = key(
        False, "each utterance's CTC loss by its tokens, as published BL-JUST programs: another gamma", compare=False)
    consistency: float = key(0.0, "weight of the agreement of two views, masked apart (CR-CTC: 0.2); 0: one view",
                             least=0, below=100, compare=False)
    intermediate_layers: tuple[int, ...] = key(
        (), "layers behind which the head is trained too, counted from 1", least=1, example=(6,), compare=False)
    intermediate_weight: float = key(0.3, "of the mean of their losses", least=0, most=1, compare=False)

    def check(self) -> None:
        require(self.kind == "ctc" or not self.per_token, "per_token is for kind ctc alone")
        require(self.kind == "ctc" or not self.consistency, "consistency is for kind ctc alone")

    @property
    def views(self) -> int:
        """How often every labelled utterance is in a training batch, each time masked anew."""
        return 2 if self.consistency > 0 else 1
