"""The supervised head: what it says of an utterance, and the losses that lift it in training."""

from dataclasses import dataclass, field

from espnet_bljust.network.config import Options, require


@dataclass(frozen=True)
class HeadConfig(Options):
    """What only training reads does not count when two heads are compared."""

    kind: str = "ctc"  # "ctc": a sequence of tokens; "mean": one class an utterance, from the mean over its frames
    layer_norm: bool = False  # before the linear layer, as `normalize_before` of ESPnet's wav2vec 2.0 encoder
    # each utterance's CTC loss by its number of tokens, as published BL-JUST programs: gamma then means something else
    per_token: bool = field(default=False, compare=False)
    # weight of the consistency of two differently masked views of every utterance (0.2 in CR-CTC); 0: one view
    consistency: float = field(default=0.0, compare=False)
    # layers behind which the head is trained too, counted from 1, and the share of their mean in the loss
    intermediate_layers: tuple[int, ...] = field(default=(), compare=False)
    intermediate_weight: float = field(default=0.3, compare=False)

    def __post_init__(self) -> None:
        require(self.kind in ("ctc", "mean"), f"kind is {self.kind!r}, not ctc or mean")
        require(self.kind == "ctc" or not self.per_token, "per_token is for kind ctc alone")
        require(self.kind == "ctc" or not self.consistency, "consistency is for kind ctc alone")
        require(0 <= self.consistency < 100, f"consistency is {self.consistency}, not a weight from 0 to 100")
        layers = self.intermediate_layers
        require(isinstance(layers, list | tuple) and all(type(layer) is int and layer > 0 for layer in layers),
                f"intermediate_layers is {layers!r}, not a list of layers, counted from 1")
        object.__setattr__(self, "intermediate_layers", tuple(layers))
        require(0 <= self.intermediate_weight <= 1, f"intermediate_weight is {self.intermediate_weight}, not in [0, 1]")

    @property
    def views(self) -> int:
        """How often every labelled utterance is in a training batch, each time masked anew."""
        return 2 if self.consistency > 0 else 1
