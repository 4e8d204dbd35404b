"""Stage 7: utterances that cannot be trained on as they are, listed; with skip_broken set_aside.py does the rest.

    labelled   fewer frames than CTC needs for the transcript: one a token, and one between equal neighbours.
    pool       no frame at all. What is too short to be a target of the self-supervised loss teaches nothing and is
               counted; a pool of nothing else is an error.
    dev        either, and never an error: there is no CTC loss of it, and its errors count.
"""

from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from espnet_bljust.data.kaldi.sorted_tables import walk_samples, walk_together
from espnet_bljust.data.kaldi.utterance import num_samples
from espnet_bljust.data.text.tokens import load_tokenizer
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.planning.data_settings import Data
from espnet_bljust.units import SAMPLE_RATE
from espnet_bljust.weights.own_files import NetworkSettings

LIST = "too_short_for_ctc.txt"


class Offender(NamedTuple):
    """An utterance that gives fewer frames than it needs."""

    utterance: str
    frames: int
    needed: int

    def __str__(self) -> str:
        return f"{self.utterance} {self.frames} frames {self.needed} needed"


class Unfit(NamedTuple):
    """Offenders of each set, and of how many utterances those of the labelled set are."""

    train: list[Offender]
    pool: list[Offender]
    dev: list[Offender]
    num_train: int
    num_pool: int
    no_targets: int  # recordings of the pool that are too short to be targets
    least_seconds: float  # of a target

    def note(self, path: Path | None) -> str:
        """What to say where training goes on, in one clause; ``path``: of the list. Empty without any."""
        said = []
        if self.train:
            said.append(f"{len(self.train)} of {self.num_train} labelled utterances, too short for their transcripts, "
                        "are in the pool instead")
        if self.pool:
            said.append(f"{len(self.pool)} recordings too short for one frame are left out of the pool")
        if self.no_targets:
            said.append(f"{self.no_targets} of {self.num_pool} recordings of the pool, under {self.least_seconds:.2f} "
                        "s, are too short to be targets of the self-supervised loss")
        if self.dev:
            said.append(f"{len(self.dev)} dev utterances are too short for their transcripts: errors, without a loss")
        return "; ".join(said) + (f" ({path})" if path and any(self[:3]) else "")


class Lengths(Protocol):
    """What of audio of so many samples a network and its self-supervised loss can use (training/masks.py)."""

    def num_frames(self, num_samples: int) -> int: ...

    def has_targets(self, num_samples: int) -> bool: ...


def find_unfit(network: NetworkSettings, lengths: Lengths, data: Data) -> Unfit:
    """Of the sets of ``data``. A class head needs one word an utterance."""
    train, num_train = _offenders(network, lengths.num_frames, data.train_dir)
    dev, _ = _offenders(network, lengths.num_frames, data.valid_dir)
    least, least_target = least_samples(lengths.num_frames), least_samples(lengths.has_targets)
    pool, num_pool, no_targets = [], 0, 0
    for utterance, samples in walk_samples(data.pool_dir / "utt2num_samples"):
        num_pool += 1
        no_targets += samples < least_target
        if samples < least:
            pool.append(Offender(utterance, 0, 1))
    return Unfit(train, pool, dev, num_train, num_pool, no_targets, least_target / SAMPLE_RATE)


def least_samples(holds: Callable[[int], object]) -> int:
    """The shortest audio of which it holds: of any longer it must hold too; at most a minute."""
    return bisect_left(range(60 * SAMPLE_RATE), True, key=lambda samples: bool(holds(samples)))


def _offenders(
    network: NetworkSettings, num_frames: Callable[[int], int], folder: Path
) -> tuple[list[Offender], int]:
    classes = network.shape.head.kind == "mean"
    tokenizer = load_tokenizer(network.token_type, network.tokens, network.bpe_model)
    tables = [folder / "text", folder / "utt2num_samples"]
    offenders, count = [], 0
    for utterance, (text, samples) in walk_together(tables, remedy="Run stage 4 again."):
        count += 1
        ids = tokenizer.encode(text)
        needed = max(1, len(ids) + sum(first == second for first, second in zip(ids, ids[1:], strict=False)))
        frames = num_frames(num_samples(tables[1], utterance, samples))
        if classes:
            frames = min(frames, 1)
        if frames < needed:
            offenders.append(Offender(utterance, frames, needed))
    return offenders, count


def write_list(unfit: Unfit, path: Path) -> None:
    """One a line, sets one behind the other; without any there is no list: it would mislead."""
    path.unlink(missing_ok=True)
    if any(unfit[:3]):
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [*map(str, [*unfit.train, *unfit.pool]), *(f"{one} (dev)" for one in unfit.dev)]
        write_atomic(path, "".join(f"{line}\n" for line in lines))


def require_targets(unfit: Unfit, pool_dir: Path) -> None:
    """InputError where the self-supervised loss would have nothing to learn from."""
    if unfit.no_targets == unfit.num_pool:
        raise InputError(f"{pool_dir}: nothing to mask: all {unfit.num_pool} recordings are under "
                         f"{unfit.least_seconds:.2f} s, too short to be targets of the self-supervised loss. Add "
                         "longer ones (--unlabelled_sets), or train without it: --method supervised.")


def refuse(unfit: Unfit, classes: bool, place: Path) -> None:
    """InputError for those of training; ``place``: the list of them, or the set."""
    if unfit.train:
        raise InputError(
            f"{place}: {len(unfit.train)} of {unfit.num_train} utterances have fewer frames than their transcripts "
            f"need in CTC, the first: {unfit.train[0]}. "
            + ("Write one word, the class, as the text of each, with token_type word; or" if classes else
               "Mend the transcripts, or")
            + " --skip_broken true: those utterances become speech of the pool, without a transcript.")
    if unfit.pool:
        raise InputError(f"{place}: {len(unfit.pool)} recordings of the pool are too short for one frame, the first: "
                         f"{unfit.pool[0].utterance}. --skip_broken true leaves them out; or raise min_wav_duration.")
