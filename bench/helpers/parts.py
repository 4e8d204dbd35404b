"""Where a step of ours spends its CPU seconds: each part's forward and backward pass on its own, on real inputs."""

import torch
from helpers.steps import Step, joint_batch, ours
from helpers.timing import take_turns
from helpers.workload import Workload
from torch import Tensor

from espnet_bljust.network.packed.packing import Wanted


def split(size: str, load: Workload, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of the parts of a pre-training step, and of the whole step, by round."""
    step = ours(size, "ssl", load)
    network, batch = step.model, joint_batch("ssl", load)
    trunk, transformer = network.trunk, network.trunk.encoder.transformer
    with torch.no_grad():
        features = trunk.extract(batch.pool)
        rows = trunk.encoder.feature_projection.projection(features.rows)
    rows.requires_grad_()
    wanted = Wanted.of(batch.pool_mask, features.lengths, rows.device)
    hidden = torch.randn(len(wanted.rows), rows.shape[1], requires_grad=True)
    inputs = features.rows[batch.pool_mask].requires_grad_()

    def layers() -> Tensor:
        x = rows
        for layer in transformer.layers[:-1]:
            x = layer(x, features.lengths)
        return transformer.layers[-1](x, features.lengths, wanted)

    def head() -> Tensor:
        sums = network.ssl_head(hidden, inputs, lengths=wanted.counts, negatives=batch.pool_negatives, temperature=2.0)
        return sums.contrastive + sums.diversity

    forwards = {"extractor": lambda: trunk.feature_extractor(batch.pool)[0],
                "positional convolution": lambda: transformer.pos_conv_embed(rows, features.lengths),
                "transformer layers": layers, "quantizer and loss": head}
    steps: dict[str, Step] = {name: _with_backward(forward) for name, forward in forwards.items()}
    return take_turns({**steps, "optimizer": _update(network), "step": step}, rounds)


def _with_backward(forward: Step) -> Step:
    pull: list[Tensor] = []

    def run() -> None:
        out = forward()
        if not pull:
            pull.append(torch.randn_like(out))
        out.backward(pull[0])

    return run


def _update(network: torch.nn.Module) -> Step:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

    def run() -> None:
        for parameter in network.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()

    return run
