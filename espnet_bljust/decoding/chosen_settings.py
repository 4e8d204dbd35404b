"""Search settings chosen on a dev set as files: search.yaml, a configuration for bin/decode, and tuning.md."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.decoding.language_model import read_language_model
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.decoding.tuning import DevSet, trial_table, tune
from espnet_bljust.disk.files import write_atomic


class Dev(NamedTuple):
    """What is searched to choose them."""

    data_dir: Path
    most_minutes: float  # of audio; of more every n-th utterance is taken
    nlsyms_txt: Path  # file of words that are no speech


def choose(
    recogniser: Recogniser, ngram: Path, settings: SearchSettings, grid: Mapping[str, Sequence], dev: Dev, out_dir: Path
) -> tuple[SearchSettings, str]:
    """The best of the settings that ``grid`` names, from ``settings`` on; and on what they were chosen, in words."""
    started = time.perf_counter()
    model = read_language_model(ngram, recogniser.token_list, settings.ngram_unit)
    unit = "word" if model.lexicon else "token"
    first, heard = replace(settings, nbest=1, ngram_unit=unit), "nothing to tune"
    chosen, trials = first, {}
    if grid:
        speech = DevSet.heard(recogniser, model, dev.data_dir, dev.most_minutes, dev.nlsyms_txt)
        chosen, trials = tune(first, grid, speech.errors, unit)
        heard = f"{speech}, {len(trials)} searches in {time.perf_counter() - started:.0f} s"
    out_dir.mkdir(parents=True, exist_ok=True)
    counted = "words" if unit == "word" else "characters"
    write_atomic(out_dir / "tuning.md",
                 f"# Search settings chosen on {dev.data_dir}\n\n{ngram} counts {unit}s; errors of {counted} decide.\n"
                 f"{heard}.\n\n{trial_table(trials, chosen, list(grid))}")
    lines = [f"{name}: {value}\n" for name, value in asdict(replace(chosen, nbest=settings.nbest)).items()]
    write_atomic(out_dir / "search.yaml",
                 f"# Chosen on {dev.data_dir}; tuning.md beside it has the table.\n{''.join(lines)}")
    return chosen, heard
