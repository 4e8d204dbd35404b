"""A small real network in float64 with the project's own step around it: no data on disk, no dropout."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from espnet2.train.distributed_utils import DistributedOption

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.bilevel.plan_segments import Segment
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.roles import parameter_groups, split_roles
from espnet_bljust.data.feeding.samples import Sample
from espnet_bljust.espnet.model import BLJustModel
from espnet_bljust.network.config import CPCConfig, SSLConfig, TrunkConfig
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.network.log_mel_config import CnnRnnConfig, ConformerConfig
from espnet_bljust.training.augment import AugmentConfig, Turn
from espnet_bljust.training.masks import Drawing, MaskingConfig
from espnet_bljust.training.micro_batch import EMPTY, collate_labelled, collate_pool, merge
from espnet_bljust.training.processes import Processes
from espnet_bljust.training.stats import StepStats
from espnet_bljust.training.update import StepSettings, Updater

PREFIXES = {"network.trunk.": "theta", "network.ctc.": "phi", "network.ssl_head.": "eta"}
MASKING = MaskingConfig(num_negatives=5)
STILL = {"dropout": 0.0, "attention_dropout": 0.0, "projection_dropout": 0.0, "feature_dropout": 0.0}
ONE = torch.float64
SSL = SSLConfig(groups=2, codes=5, latent_dim=8, final_dim=8)
CPC = CPCConfig(context_seconds=0.1, future_seconds=0.15, final_dim=8)
WAV2VEC2 = TrunkConfig(conv_layers=((8, 10, 5), (8, 4, 4), (8, 4, 4), (8, 4, 4)), dim=12, num_layers=2, num_heads=2,
                       ffn_dim=16, pos_kernel=8, pos_groups=2, **STILL)
CNN_RNN = CnnRnnConfig(num_mels=12, num_convolutions=2, maps=4, num_layers=2, hidden=8, dim=12, dropout=0.0)
CONFORMER = ConformerConfig(num_mels=12, dim=12, num_layers=2, num_heads=2, ffn_dim=16, kernel=5, dropout=0.0,
                            attention_dropout=0.0)
GRU = replace(CNN_RNN, cell="gru", attention=True)
CHANNELS = AugmentConfig(channel_mask_probability=0.4, channel_mask_span=3)
SPECTRUM = replace(CHANNELS, num_freq_masks=2, time_masks_per_second=6.0)
LIFTED = HeadConfig(consistency=0.7, intermediate_layers=(1,), intermediate_weight=0.4)


class System(NamedTuple):
    """What is trained, and with which options."""

    trunk: TrunkConfig | CnnRnnConfig | ConformerConfig
    ssl: SSLConfig | CPCConfig
    head: HeadConfig = HeadConfig()
    augment: AugmentConfig = AugmentConfig()
    masking: MaskingConfig = MASKING

    @property
    def drawing(self):
        """Seed 0."""
        trunk = self.trunk
        return Drawing(self.masking, self.ssl, trunk.num_frames, trunk.edge_frames, 0, self.augment,
                       getattr(trunk, "num_mels", 0), trunk.dim, self.head.views)


SYSTEMS = {
    "wav2vec2": System(WAV2VEC2, SSL), "wav2vec2 cpc": System(WAV2VEC2, CPC), "lstm": System(CNN_RNN, CPC),
    "gru": System(GRU, CPC), "conformer": System(CONFORMER, SSL), "conformer cpc": System(CONFORMER, CPC),
    "conformer depthwise": System(replace(CONFORMER, subsampling="depthwise", subsampling_channels=6), SSL),
    # with every option that adds to f or hides parts of the labelled audio
    "wav2vec2 options": System(WAV2VEC2, SSL, LIFTED, CHANNELS, replace(MASKING, labelled_min_spans=2)),
    "wav2vec2 two views": System(WAV2VEC2, SSL, HeadConfig(consistency=0.2, per_token=True)),
    "wav2vec2 intermediate": System(WAV2VEC2, SSL, HeadConfig(intermediate_layers=(1,))),
    "lstm options": System(CNN_RNN, CPC, LIFTED, SPECTRUM), "gru options": System(GRU, CPC, LIFTED, SPECTRUM),
    "conformer options": System(CONFORMER, SSL, LIFTED, SPECTRUM),
    "conformer cpc options": System(CONFORMER, CPC, LIFTED, SPECTRUM),
}


def make_model(seed=0, system="wav2vec2", **changes):
    """``changes`` of the trunk."""
    torch.manual_seed(seed)
    trunk, ssl, head, *_ = SYSTEMS[system]
    return BLJustModel(JointNetwork(replace(trunk, **changes), ssl, 6, head), str).to(ONE).train()


def waves(ids):
    """Noise of 0.25 to 0.5 s, an utterance's own."""
    return [0.1 * torch.randn(4000 + 997 * (number % 5), generator=torch.Generator().manual_seed(number), dtype=ONE)
            for number in ids]


def micro_batch(labelled=(), pool=(), system="wav2vec2"):
    """Utterances by number; what the iterator would give."""
    drawing = SYSTEMS[system].drawing
    names = [[str(number) for number in ids] for ids in (labelled, pool)]
    one = other = EMPTY
    if labelled:
        samples = [Sample(str(number), wave.numpy(), np.array([1 + number % 5, 1 + (number + 2) % 5, 3]))
                   for number, wave in zip(labelled, waves(labelled), strict=True)]
        one = collate_labelled(samples, drawing.labelled(Turn(0), names[0], [len(sample.wave) for sample in samples]))
    if pool:
        samples = [Sample(str(number), wave.numpy(), None) for number, wave in zip(pool, waves(pool), strict=True)]
        other = collate_pool(samples, drawing.pool(Turn(0), names[1], [len(sample.wave) for sample in samples]))
    return merge(one, other)


def constant_plan(phase, steps, gamma=0.0, rate=1.0, **options):
    """One segment, one gamma, one rate for all roles."""
    rates = {phase: rate if isinstance(rate, dict) else dict.fromkeys(("theta", "phi", "eta"), rate)}
    return Plan([Segment(phase, steps, 1, gamma, gamma)], rates, TriStage(0.0, 1.0, 1.0), **options)


class Trainer:
    """A model, its optimizer and the project's updater, on one process."""

    def __init__(self, model, optimizer=torch.optim.SGD, grad_clip=float("inf"), balance=None, weight_decay=0.0):
        groups = parameter_groups(split_roles(model.named_parameters(), PREFIXES), weight_decay)
        self.model, self.optimizer = model, optimizer(groups, lr=0.0)
        settings = StepSettings(grad_clip, use_amp=False)
        self.updater = Updater(model, self.optimizer, Processes(DistributedOption()), settings, balance)
        self.stats = StepStats(1, Counter())

    def run(self, plan, *batches, steps=None, measure=False):
        """The plan's steps, each on the same micro-batches."""
        for step in range(1, (steps or plan.num_steps) + 1):
            torch.manual_seed(step)
            balance = self.updater.balance
            moment = plan.at(step, balance.ratio if balance else 1.0)
            self.updater.step(list(batches), moment, 2.0, self.stats, measure)
        return self


def weights(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def step_of(model, plan, *batches, **options):
    """What one step moves: with SGD at rate 1, minus the gradient."""
    before = weights(model)
    Trainer(model, **options).run(plan, *batches, steps=1)
    return {name: before[name] - value for name, value in weights(model).items()}


def objective(model, batch):
    """(f, g) of a micro-batch as the whole batch, with their graphs."""
    out = model(batch.joint, temperature=2.0)
    f = None if out["supervised"] is None else out["supervised"] / batch.num_labelled
    g = None if out["pool"] is None else model.network.self_supervised_sum(out["pool"]) / batch.num_masked
    return f, g


def gradients(model, loss):
    """grad of a loss by autograd alone, zeros where it does not reach."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return {name: torch.zeros_like(parameter) if gradient is None else gradient
            for name, parameter, gradient in zip(names, parameters, found, strict=True)}


def role(name):
    return PREFIXES[name[: name.index(".", len("network.")) + 1]]
