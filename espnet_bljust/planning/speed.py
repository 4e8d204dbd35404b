"""How long a plan will take: the configured network is run forward and backward on a few seconds of noise.

    seconds = labelled audio * labelled rate + pool audio * pool rate + evaluations * dev audio * pool rate / 3

Rates are seconds of work per second of audio on this machine, a third of it being the forward pass. What is not in it:
reading audio, the optimizer, starting (10 s a stage). On an idle machine good to about a factor of 1.5.
"""

import time
from typing import NamedTuple

import torch

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.network.joint import JointBatch, JointNetwork
from espnet_bljust.training.augment import Turn
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.units import SAMPLE_RATE

UTTERANCE_SECONDS = 2
BUDGET_SECONDS = 1.0  # of measuring, each kind of audio; the largest networks need one step longer than that
TOKENS_PER_SECOND = 8


class Rates(NamedTuple):
    """Seconds of work per second of audio, forward and backward."""

    labelled: float
    pool: float


def training_seconds(
    plan: Plan, settings: TrainingSettings, rates: Rates, valid_seconds: float, num_gpus: int = 0
) -> float:
    """Time of the whole plan; processes share the work."""
    labelled, pool = plan.consumed(plan.num_steps)
    of_labelled, of_pool = settings.optimisation.update_seconds
    steps = labelled * of_labelled * rates.labelled + pool * of_pool * rates.pool
    evaluations = len(plan.evaluations(settings.run.steps_per_epoch)) * valid_seconds * rates.pool / 3
    return (steps + evaluations) / max(1, num_gpus)


def measure(settings: TrainingSettings, num_gpus: int = 0) -> Rates:
    """Batches of 2, 4, 8, ... utterances until the budget is spent; the last one counts."""
    device = torch.device("cuda" if num_gpus and torch.cuda.is_available() else "cpu")
    with device:
        network = JointNetwork(*settings.network.shape)
    rates = []
    for pool, most in ((False, settings.optimisation.batch_seconds),
                       (True, settings.optimisation.unlabelled_batch_seconds)):
        utterances = 1
        seconds = spent = seconds_of_step(network, 1, settings, pool=pool)  # the first step is slower: a warm-up
        while spent + 2 * seconds < BUDGET_SECONDS and 2 * utterances * UTTERANCE_SECONDS <= most:
            utterances *= 2
            seconds = seconds_of_step(network, utterances, settings, pool=pool)
            spent += seconds
        rates.append(seconds / (utterances * UTTERANCE_SECONDS))
    return Rates(*rates)


def seconds_of_step(network: JointNetwork, utterances: int, settings: TrainingSettings, *, pool: bool) -> float:
    """One forward and backward pass over so many utterances of noise."""
    batch = noise_batch(network, utterances, settings, pool=pool)
    network.zero_grad(set_to_none=True)
    started = time.perf_counter()
    on_gpu = next(network.parameters()).is_cuda  # a CPU keeps float32 unless bfloat16 pays, training/precision.py
    with torch.autocast("cuda", torch.bfloat16, enabled=on_gpu and settings.optimisation.use_amp):
        sums = network(batch)
    loss = network.self_supervised_sum(sums) if pool else sums.ctc_sum
    loss.backward()
    if loss.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def noise_batch(network: JointNetwork, utterances: int, settings: TrainingSettings, *, pool: bool) -> JointBatch:
    """What the iterator would give the trainer, of noise and arbitrary tokens."""
    device = next(network.parameters()).device
    drawing, samples = settings.drawing, [UTTERANCE_SECONDS * SAMPLE_RATE] * utterances
    names = [f"noise{index}" for index in range(utterances)]
    waves = [torch.randn(samples[index], generator=torch.Generator().manual_seed(index)).to(device)
             for index in range(utterances)]
    if not pool:
        vocabulary = settings.network.shape.vocabulary
        tokens = 1 + torch.arange(UTTERANCE_SECONDS * TOKENS_PER_SECOND, device=device) % (vocabulary - 1)
        tokens = tokens if network.head_name == "ctc" else tokens[1:2]
        mask, spectrum, channels, views = drawing.labelled(Turn(0), names, samples)
        return JointBatch(labelled=waves, labels=[tokens] * utterances, labelled_mask=mask, spectrum=spectrum,
                          channels=channels, views=views)
    draw = drawing.pool(Turn(0), names, samples)
    return JointBatch(pool=draw.pieces(waves), pool_mask=draw.mask.to(device), noise=draw.noise.to(device),
                      pool_negatives=[each.to(device) for each in draw.negatives])
