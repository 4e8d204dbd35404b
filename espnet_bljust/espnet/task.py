"""BLJustTask: ESPnet2's ASR task with a joint network, a plan, and paired labelled and unlabelled audio."""

import argparse
import logging
from contextlib import nullcontext
from pathlib import Path

import torch
from espnet2.tasks.abs_task import optim_classes
from espnet2.tasks.asr import ASRTask
from espnet2.train.distributed_utils import DistributedOption, get_rank
from espnet2.utils.types import str2triple_str

from espnet_bljust.bilevel.plan import PHASES
from espnet_bljust.bilevel.plan_options import build_plan
from espnet_bljust.bilevel.roles import parameter_groups, split_roles
from espnet_bljust.data.feeding.batching import BatchStream, fixed_batches
from espnet_bljust.data.feeding.pool_index import PoolIndex
from espnet_bljust.data.feeding.samples import IndexedPool, SampleTable
from espnet_bljust.data.feeding.shards import ShardStream
from espnet_bljust.data.text.tokens import load_tokenizer
from espnet_bljust.disk.lock import one_run
from espnet_bljust.espnet.arguments import add_arguments
from espnet_bljust.espnet.iterator import JointIterFactory, Share, Source, ValidIterFactory
from espnet_bljust.espnet.model import BLJustModel
from espnet_bljust.espnet.trainer import BLJustTrainer
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.training.processes import watched
from espnet_bljust.training.stopping import listening
from espnet_bljust.training.surroundings import Surroundings
from espnet_bljust.training.take_off import MOST_TEXTS, token_nats
from espnet_bljust.units import SAMPLE_RATE
from espnet_bljust.weights.checkpoint import begun
from espnet_bljust.weights.starting_point import starting_point

PREFIXES = {"network.trunk.": "theta", "network.ctc.": "phi", "network.classifier.": "phi", "network.ssl_head.": "eta"}


class BLJustTask(ASRTask):
    """The seams of ESPnet2 that a third-party task has to fill."""

    trainer = BLJustTrainer

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        super().add_task_arguments(parser)
        add_arguments(parser)
        group = parser.add_argument_group("BL-JUST, what stages 7 and 8 fill in")
        for name, text in (("unlabelled_data", "audio of the self-supervised pool, e.g. 'pool/wav.scp,speech,sound'"),
                           ("valid_pool", "audio to validate the self-supervised loss on (default: the dev set)")):
            group.add_argument(f"--{name}_path_and_name_and_type", type=str2triple_str, action="append", default=[],
                               help=text)
            group.add_argument(f"--{name.removesuffix('_data')}_shape_file", type=str, action="append", default=[],
                               help="its utt2num_samples")
        group.add_argument("--unlabelled_index", type=str, default="",
                           help="index of stage 7: the pool is read by it, in shards; without it shuffled whole")
        group.add_argument("--until", choices=PHASES, default=PHASES[-1], help="the stage whose end stops this call")
        group.add_argument("--init_from", type=str, default="", help="weights of any known form, to start from")

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """ESPnet's, ready for signals, alone in its folder, and not waiting for ever for a process that is lost."""
        first = not args.distributed or get_rank(args.dist_rank, args.dist_launcher) == 0
        folder = Path(args.output_dir)
        with listening(), one_run(folder) if first else nullcontext(), watched(folder):
            super().main_worker(args)

    @classmethod
    def required_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return ("speech",)

    @classmethod
    def optional_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return ("text",)

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> BLJustModel:
        if isinstance(args.token_list, str):
            args.token_list = Path(args.token_list).read_text(encoding="utf-8").split("\n")
            args.token_list = args.token_list[:-1] if args.token_list[-1] == "" else args.token_list
        shape = TrainingSettings(vars(args)).network.shape
        network = JointNetwork(*shape)
        if args.init_from and not begun(Path(args.output_dir)):
            start = starting_point(Path(args.init_from), shape, args.token_list)
            network.load_state_dict({**network.state_dict(), **start.state})
            logging.getLogger("espnet_bljust").info(start.line)
        spell = load_tokenizer(args.token_type, args.token_list, args.bpemodel).spell
        return BLJustModel(network, spell if shape.head.kind == "ctc" else tuple)

    @classmethod
    def build_optimizers(cls, args: argparse.Namespace, model: torch.nn.Module) -> list[torch.optim.Optimizer]:
        conf = dict(args.optim_conf)
        groups = parameter_groups(split_roles(model.named_parameters(), PREFIXES), conf.pop("weight_decay", 0.0))
        return [optim_classes[args.optim](groups, **conf)]

    @classmethod
    def build_iter_factory(
        cls, args: argparse.Namespace, distributed_option: DistributedOption, mode: str, kwargs: dict | None = None
    ) -> JointIterFactory | ValidIterFactory:
        settings = TrainingSettings(vars(args))
        share = Share(distributed_option.dist_rank or 0, distributed_option.dist_world_size or 1)
        common = {"drawing": settings.drawing, "share": share, "list_dir": Path(args.output_dir)}
        if mode == "valid":
            valid = cls._samples(args, args.valid_data_path_and_name_and_type, args.valid_shape_file)
            other = None
            if args.valid_pool_shape_file:
                pool = cls._samples(args, args.valid_pool_path_and_name_and_type, args.valid_pool_shape_file)
                other = _fixed(pool, args.batch_seconds), pool
            return ValidIterFactory(_fixed(valid, args.batch_seconds), valid, pool=other, **common)
        labelled = cls._samples(args, args.train_data_path_and_name_and_type, args.train_shape_file)
        plan, nats = build_plan(settings.plan), token_nats(labelled.some_labels(MOST_TEXTS))
        return JointIterFactory(
            plan, Source(_stream(labelled, args.batch_seconds, args.seed, "labelled"), labelled),
            cls._pool(args), token_nats=nats, accum_grad=args.accum_grad, num_workers=args.num_workers,
            pin_memory=args.ngpu > 0, alter=Surroundings.of(settings.augment, args.seed).alter, **common)

    @classmethod
    def _pool(cls, args: argparse.Namespace) -> Source:
        sources, budget = args.unlabelled_data_path_and_name_and_type, args.unlabelled_batch_seconds
        if args.unlabelled_index:
            index = PoolIndex(Path(args.unlabelled_index), Path(sources[0][0]))
            return Source(ShardStream(index, budget * SAMPLE_RATE, args.seed, "pool"),
                          IndexedPool(index, args.train_dtype))
        pool = cls._samples(args, sources, args.unlabelled_shape_file)
        return Source(_stream(pool, budget, args.seed, "pool"), pool)

    @classmethod
    def _samples(cls, args: argparse.Namespace, sources: list, shape_files: list[str]) -> SampleTable:
        """Of a set as ESPnet's options name it: (wav.scp, speech, form), then (text, text, text) where it has text."""
        (wavs, *_), *others = sources
        text, encode = None, None
        if others:
            text, encode = Path(others[0][0]), load_tokenizer(args.token_type, args.token_list, args.bpemodel).encode
        return SampleTable(Path(wavs), Path(shape_files[0]), args.train_dtype, text=text, encode=encode)


def _stream(samples: SampleTable, seconds: float, seed: int, purpose: str) -> BatchStream:
    return BatchStream(samples.utterances, samples.num_samples / SAMPLE_RATE, seconds, seed, purpose)


def _fixed(samples: SampleTable, seconds: float) -> list[list[str]]:
    return fixed_batches(samples.utterances, (samples.num_samples / SAMPLE_RATE).tolist(), seconds)
