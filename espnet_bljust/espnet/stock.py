"""Stock ESPnet's own model, against whose names and shapes a pack is held."""

from argparse import Namespace

import torch

from espnet_bljust.network.convert.stock_espnet import OF_HUBERT


def check_names(config: dict, state: dict[str, torch.Tensor]) -> None:
    """Build the stock model and compare names and shapes; its own left-overs of pre-training are allowed."""

    from espnet2.tasks.asr import ASRTask

    stock = ASRTask.build_model(Namespace(**config)).state_dict()
    allowed = tuple(prefix for prefix, _ in OF_HUBERT)
    missing = [name for name in stock if name not in state and not name.startswith(allowed)]
    unexpected = [name for name in state if name not in stock or stock[name].shape != state[name].shape]
    assert not missing and not unexpected, f"does not fit stock ESPnet: missing {missing}, unexpected {unexpected}"
