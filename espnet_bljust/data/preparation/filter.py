"""Stage 4: which utterances stay, and for each that goes, why.

    train, valid, unlabelled   too_short, too_long, empty_text (where there is text)
    train, unlabelled          id_in_<set>, audio_in_<set>: what dev and test contain is never trained on
    test                       nothing: a score is comparable only on the whole set

Bounds are exclusive, as in ESPnet's asr.sh: min_wav_duration < duration < max_wav_duration.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from espnet_bljust.data.preparation.formatted_set import (
    TABLES,
    FormattedSet,
    Utterance,
    open_formatted,
    place_subset,
    write_subset,
)
from espnet_bljust.data.preparation.subsets import choose_labelled, make_pool
from espnet_bljust.errors import InputError

PERTURBED = re.compile(r"^sp\d+(\.\d+)?-")  # what perturb.py puts in front of an id


@dataclass(frozen=True)
class Bounds:
    """What an utterance must lie between, in seconds, and the sampling rate in Hz."""

    min_seconds: float = 0.1
    max_seconds: float = 20.0
    rate: int = 16000


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
        original = PERTURBED.sub("", utterance.name)
        holder = self.ids.get(utterance.name) or self.ids.get(original)
        if holder:
            return f"id_in_{holder}"
        heard = self.copied.get(utterance.name) or self.copied.get(original)
        return f"audio_in_{self.audio[heard]}" if heard else ""


def write_kept(options: argparse.Namespace, data: FormattedSet, held: HeldOut, bounds: Bounds) -> int:
    """One filtered set, not yet in its place; how many utterances were removed from it."""
    trains = data.name in (options.train_set, *options.unlabelled_sets)
    if trains:
        held.look_for_copies(data)

    def decided() -> Iterator[tuple[Utterance, str]]:
        for utterance in data:
            reason = "" if data.name in options.test_sets else unfit(utterance, bounds)
            yield utterance, reason or (held.reason(utterance) if trains else "")

    path = options.dump_dir / data.name
    kept = write_subset(path, decided(), data.tables)
    if not kept.utterances:
        raise InputError(f"{data.path}: nothing is left of {kept.removed} utterances; {kept.first_reason}. "
                         "Change --min_wav_duration or --max_wav_duration, or the set.")
    show(path, kept.utterances, kept.utterances + kept.removed, kept.samples / options.fs)
    return kept.removed


def write_training_sets(options: argparse.Namespace, sets: dict[str, FormattedSet]) -> str:
    """The labelled subset and the pool; the begin of the command's last line."""
    rate, train = options.fs, open_formatted(options.dump_dir / options.train_set)
    chosen = choose_labelled(train, options.labels, rate=rate, seed=options.seed, source=sets[train.name])
    labelled_path, pool_path = options.labelled_dir, options.pool_dir
    decided = ((utterance, "" if is_one else "not_chosen") for utterance, is_one in zip(train, chosen, strict=True))
    labelled = write_subset(labelled_path, decided, train.tables)
    place_subset(labelled_path)
    show(labelled_path, labelled.utterances, len(chosen), labelled.samples / rate)
    members = [train, *(open_formatted(options.dump_dir / name) for name in options.unlabelled_sets)]
    tables = [name for name in TABLES if name != "text" and all(name in data.tables for data in members)]
    out = None if options.ssl_on_labelled else chosen
    pool = write_subset(pool_path, make_pool(members, out, options.dump_dir / "pool_id_clashes.txt"), tables)
    if not pool.utterances:
        raise InputError("the pool of unlabelled speech is empty. Add --unlabelled_sets, or --ssl_on_labelled true.")
    place_subset(pool_path)
    show(pool_path, pool.utterances, pool.utterances + pool.removed, pool.samples / rate)
    return (f"{options.dump_dir}: {labelled.utterances} labelled utterances ({labelled.samples / rate / 3600:.2f} h), "
            f"pool of {pool.utterances} ({pool.samples / rate / 3600:.2f} h)")


def show(path: Path, kept: int, total: int, seconds: float) -> None:
    """One line on stderr for a set that lost something."""
    if kept < total:
        print(f"{path}: {kept} of {total} utterances kept, {seconds / 3600:.2f} h", file=sys.stderr)
