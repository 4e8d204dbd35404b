"""Stage 4: which utterances stay, and for each that goes, why.

    train, valid, unlabelled   too_short, too_long, empty_text (where there is text)
    train, unlabelled          id_in_<set>, audio_in_<set>: what dev and test contain is never trained on
    test                       nothing: a score is comparable only on the whole set

Bounds are exclusive, as in ESPnet's asr.sh: min_wav_duration < duration < max_wav_duration.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.copies import original_of
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.preparation.formatted_set import (
    TABLES,
    FormattedSet,
    open_formatted,
    place_subset,
    write_subset,
)
from espnet_bljust.data.preparation.subsets import choose_labelled, make_pool
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE


@dataclass(frozen=True)
class Bounds:
    """What an utterance must lie between, in seconds, and the sampling rate in Hz."""

    min_seconds: float = 0.1
    max_seconds: float = 20.0
    rate: int = SAMPLE_RATE


class SetNames(NamedTuple):
    """Names of data sets by their use."""

    train: str
    unlabelled: Sequence[str]
    unlabelled_valid: Sequence[str]  # to measure the self-supervised loss on
    valid: str
    test: Sequence[str]

    @property
    def training(self) -> list[str]:
        return [self.train, *self.unlabelled]

    @property
    def held_out(self) -> list[str]:
        return [*self.unlabelled_valid, self.valid, *self.test]


class Labels(NamedTuple):
    """Which utterances of the training set are labelled, whether these are in the pool too, and where both lie."""

    labelled_dir: Path
    pool_dir: Path
    amount: str = "all"  # all, a share (0.3), an amount (1h, 10min), or a file of ids
    in_pool: bool = True
    seed: int = 0


def filter_sets(org_dir: Path, dump_dir: Path, names: SetNames, bounds: Bounds, labels: Labels) -> str:
    """Every set of ``org_dir`` filtered into ``dump_dir``, then the labelled subset and the pool; what was made."""
    check_names(names)
    if not 0 <= bounds.min_seconds < bounds.max_seconds:
        raise InputError("--min_wav_duration: not between 0 and --max_wav_duration. Correct one of them.")
    texted = {names.train, names.valid, *names.test}
    sets = {name: open_formatted(org_dir / name, require_text=name in texted)
            for name in dict.fromkeys([*names.training, *names.held_out])}
    held = HeldOut()
    held.hold(sets[name] for name in dict.fromkeys(names.held_out))
    gone = sum(write_kept(data, names, held, bounds, dump_dir) for data in sets.values())
    for name in sets:
        place_subset(dump_dir / name)
    return f"{write_training_sets(sets, names, labels, bounds.rate, dump_dir)}; {gone} removed, see */removed.txt"


def check_names(names: SetNames) -> None:
    """Sets that are trained on are no dev or test sets, and no name is one of ours."""
    for name in [*names.training, *names.held_out]:
        if name == "org" or name.endswith((".tmp", ".old")) or "/" in name:
            raise InputError(f"set {name}: not a name for a set here. Rename it.")
    for name in names.training:
        if name in names.held_out:
            raise InputError(f"set {name}: both trained on and evaluated on. Correct --valid_set or --test_sets.")
    if len(set(names.training)) != len(names.training):
        raise InputError("--unlabelled_sets: a set stands there twice, or is the training set. Name each once.")


def unfit(utterance: Utterance, bounds: Bounds) -> str:
    """Why an utterance cannot be trained on; empty when it can."""
    seconds = utterance.num_samples / bounds.rate
    if seconds <= bounds.min_seconds:
        return f"too_short {seconds:.3f} s"
    if seconds >= bounds.max_seconds:
        return f"too_long {seconds:.3f} s"
    return "" if utterance.text is None or utterance.text.strip() else "empty_text"


@dataclass
class HeldOut:
    """What dev and test contain; these are in memory, the sets that are trained on are not."""

    ids: dict[str, str] = field(default_factory=dict)  # utterance -> set
    audio: dict[str, str] = field(default_factory=dict)  # hash -> "set utterance"
    copied: dict[str, str] = field(default_factory=dict)  # utterance of a training set -> hash, where it is in audio

    def hold(self, sets: Iterable[FormattedSet]) -> None:
        for data in sets:
            for utterance in data:
                self.ids.setdefault(utterance.name, data.name)
                if utterance.hash:
                    self.audio[utterance.hash] = f"{data.name} {utterance.name}"

    def look_for_copies(self, data: FormattedSet) -> None:
        """Note which utterances of a training set are heard in dev or test, for their copies at other speeds."""
        self.copied = {utterance.name: utterance.hash for utterance in data if utterance.hash in self.audio}

    def reason(self, utterance: Utterance) -> str:
        """``id_in_<set>``, or ``audio_in_<set>`` for equal audio; a copy at another speed goes with its original."""
        original = original_of(utterance.name)
        holder = self.ids.get(utterance.name) or self.ids.get(original)
        if holder:
            return f"id_in_{holder}"
        heard = self.copied.get(utterance.name) or self.copied.get(original)
        return f"audio_in_{self.audio[heard]}" if heard else ""


def write_kept(data: FormattedSet, names: SetNames, held: HeldOut, bounds: Bounds, dump_dir: Path) -> int:
    """One filtered set, not yet in its place; how many utterances were removed from it."""
    trains = data.name in names.training
    if trains:
        held.look_for_copies(data)

    def decided() -> Iterator[tuple[Utterance, str]]:
        for utterance in data:
            reason = "" if data.name in names.test else unfit(utterance, bounds)
            yield utterance, reason or (held.reason(utterance) if trains else "")

    path = dump_dir / data.name
    kept = write_subset(path, decided(), data.tables)
    if not kept.utterances:
        raise InputError(f"{data.path}: nothing is left of {kept.removed} utterances; {kept.first_reason}. "
                         "Change --min_wav_duration or --max_wav_duration, or the set.")
    show(path, kept.utterances, kept.utterances + kept.removed, kept.samples / bounds.rate)
    return kept.removed


def write_training_sets(
    sets: dict[str, FormattedSet], names: SetNames, labels: Labels, rate: int, dump_dir: Path
) -> str:
    """The labelled subset and the pool; the begin of the command's last line."""
    train = open_formatted(dump_dir / names.train)
    chosen = choose_labelled(train, labels.amount, rate=rate, seed=labels.seed, source=sets[train.name])
    labelled_path, pool_path = labels.labelled_dir, labels.pool_dir
    decided = ((utterance, "" if is_one else "not_chosen") for utterance, is_one in zip(train, chosen, strict=True))
    labelled = write_subset(labelled_path, decided, train.tables)
    place_subset(labelled_path)
    show(labelled_path, labelled.utterances, len(chosen), labelled.samples / rate)
    members = [train, *(open_formatted(dump_dir / name) for name in names.unlabelled)]
    tables = [name for name in TABLES if name != "text" and all(name in data.tables for data in members)]
    out = None if labels.in_pool else chosen
    pool = write_subset(pool_path, make_pool(members, out, dump_dir / "pool_id_clashes.txt"), tables)
    if not pool.utterances:
        raise InputError("the pool of unlabelled speech is empty. Add --unlabelled_sets, or --ssl_on_labelled true.")
    place_subset(pool_path)
    show(pool_path, pool.utterances, pool.utterances + pool.removed, pool.samples / rate)
    return (f"{dump_dir}: {labelled.utterances} labelled utterances ({labelled.samples / rate / 3600:.2f} h), "
            f"pool of {pool.utterances} ({pool.samples / rate / 3600:.2f} h)")


def show(path: Path, kept: int, total: int, seconds: float) -> None:
    """One line on stderr for a set that lost something."""
    if kept < total:
        print(f"{path}: {kept} of {total} utterances kept, {seconds / 3600:.2f} h", file=sys.stderr)
