"""Search settings chosen by the errors on a dev set.

One setting after the other takes its best value while the rest stay, around and around until none moves: a few dozen
searches in the place of the product of all lists. Of values with equal errors the one that was there first stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.data.text.tokens import make_splitter, read_symbols
from espnet_bljust.decoding.beam_search import BeamSearch
from espnet_bljust.decoding.language_model import LanguageModel
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.markdown import table
from espnet_bljust.scoring.alignment import align
from espnet_bljust.scoring.counts import Counts, count_alignment, total
from espnet_bljust.scoring.trn import units
from espnet_bljust.units import SAMPLE_RATE


class Errors(NamedTuple):
    """Of one search over the dev set."""

    words: Counts
    characters: Counts


Trials = Mapping[SearchSettings, Errors]  # in the order in which they were made


def tune(first: SearchSettings, grid: Mapping[str, Sequence], search: Callable[[SearchSettings], Errors],
         unit: str) -> tuple[SearchSettings, Trials]:
    """The best of the settings that ``grid`` names, from ``first`` on.

    ``unit``: word counts errors of words, then of characters where those are equal; token the other way round.
    """
    trials: dict[SearchSettings, Errors] = {}

    def cost(settings: SearchSettings) -> tuple[int, int]:
        if settings not in trials:
            trials[settings] = search(settings)
        words, characters = (counts.errors for counts in trials[settings])
        return (words, characters) if unit == "word" else (characters, words)

    best, before = first, None
    while best != before:
        before = best
        for name, values in grid.items():
            best = min([best, *(replace(best, **{name: value}) for value in values)], key=cost)
    return best, trials


class DevSet(NamedTuple):
    """What the network makes of a dev set, once; then it is searched as often as one likes."""

    recogniser: Recogniser
    model: LanguageModel
    references: list[str]
    frames: list[Tensor]  # (frame, token) each, log probabilities
    silent: frozenset[str]  # words that do not count

    @classmethod
    def heard(cls, recogniser: Recogniser, model: LanguageModel, data_dir: Path, most_minutes: float,
              nlsyms_txt: Path) -> "DevSet":
        """Every utterance of ``data_dir``, or every n-th so that their audio is no more than ``most_minutes``."""
        text, wav = read_table(data_dir / "text"), read_table(data_dir / "wav.scp")
        samples = {name: int(count) for name, count in read_table(data_dir / "utt2num_samples").items()}
        names = every_nth(sorted(text), samples, most_minutes * 60 * SAMPLE_RATE)
        waves = (torch.from_numpy(read_audio(wav[name])[0]) for name in names)
        frames = [recogniser.log_probabilities([wave])[0].cpu() for wave in waves]
        return cls(recogniser, model, [text[name] for name in names], frames, frozenset(read_symbols(nlsyms_txt)))

    def errors(self, settings: SearchSettings) -> "Errors":
        """Of one search with these settings."""
        tokenizer = self.recogniser.tokenizer
        search = BeamSearch(self.recogniser.token_list, settings, self.model, tokenizer.splitter)
        texts = [tokenizer.decode(search(each)[0].ids) if len(each) else "" for each in self.frames]
        return count_errors(self.references, texts, self.silent)

    def __str__(self) -> str:
        return f"{len(self.references)} utterances, {sum(len(text.split()) for text in self.references)} words"


def every_nth(names: Sequence[str], samples: Mapping[str, int], most: float) -> Sequence[str]:
    """All of ``names``, or every n-th with the least n whose audio is no more than ``most`` samples; at least one."""
    for step in range(1, len(names)):
        if sum(samples[name] for name in names[::step]) <= most:
            return names[::step]
    return names[:1]


def count_errors(references: Sequence[str], hypotheses: Sequence[str], silent: frozenset[str] = frozenset()) -> Errors:
    """As stage 13 counts them; ``silent`` words are left out on both sides."""
    return Errors(*(
        total(map(count_alignment, align(*([units(text, make_splitter(kind).tokens, silent) for text in side]
                                           for side in (references, hypotheses)))))
        for kind in ("word", "char")))


def trial_table(trials: Trials, best: SearchSettings, names: Sequence[str]) -> str:
    """In Markdown: what was tried, by the settings ``names``, and its errors; the chosen row in bold."""
    rows = []
    for settings, errors in trials.items():
        cells = [f"{getattr(settings, name):g}" for name in names]
        cells += [f"{100 * counts.error_rate:.2f}" for counts in errors]
        rows.append([f"**{cell}**" if settings == best else cell for cell in cells])
    return "\n".join(table([*names, "WER %", "CER %"], rows)) + "\n"
