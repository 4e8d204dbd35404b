"""Arms x seeds of one comparison as numbers: error rates, cost, and how the reference arm stands against each other."""

import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet_bljust.comparison.description import Published
from espnet_bljust.errors import InputError
from espnet_bljust.markdown import table
from espnet_bljust.scoring.counts import Counts, total
from espnet_bljust.scoring.history import training_seconds
from espnet_bljust.scoring.sclite_result import read_utterances
from espnet_bljust.scoring.significance import Errors, Interval, bootstrap, by_seed, by_speaker, sign_flip_p
from espnet_bljust.scoring.trn import trn_id


class Run(NamedTuple):
    """One arm with one seed."""

    utterances: Mapping[str, Counts]  # by their id in the trn files
    passes: Mapping[str, float]  # over labelled and pool audio
    seconds: float  # of optimizer steps
    cer: float | None = None  # a fraction, where it was scored

    @property
    def wer(self) -> float:
        return total(self.utterances.values()).error_rate


class Arm(NamedTuple):
    """All seeds of an arm, and the reference against it (None for the reference itself; gain also without errors)."""

    name: str
    wers: list[float]  # fractions, a seed each
    passes: Mapping[str, float]
    seconds: float  # mean over seeds
    gain: Interval | None
    p_speakers: float | None
    p_seeds: float | None
    cer: float | None = None  # mean over seeds
    against: str | None = None  # the arm that it is compared with, where that is not the reference of all

    @property
    def mean(self) -> float:
        return statistics.fmean(self.wers)

    @property
    def deviation(self) -> float:
        """Of the seeds, with n - 1; NaN for one."""
        return statistics.stdev(self.wers) if len(self.wers) > 1 else math.nan


def read_run(exp_dir: Path, dataset: str, score: str = "wer") -> Run:
    """``dataset`` as in decode_greedy/test; ``score`` wer, cer or ter."""
    plan = json.loads((exp_dir / "plan.json").read_text(encoding="utf-8"))
    characters = exp_dir / dataset / "score_cer" / "result.txt"
    cer = total(read_utterances(characters).values()).error_rate if characters.is_file() else None
    return Run(read_utterances(exp_dir / dataset / f"score_{score}" / "result.txt"), plan["passes"],
               training_seconds(exp_dir / "history.jsonl"), cer)


def compare(
    runs: Mapping[str, Mapping[int, Run]], reference: str, utt2spk: Mapping[str, str], *, draws: int,
    pairs: Mapping[str, str] | None = None,
) -> list[Arm]:
    """``runs``: arm -> seed -> run, the same seeds in every arm; ``pairs``: arm -> its own reference."""
    speakers = {trn_id(utterance, utt2spk): speaker for utterance, speaker in utt2spk.items()}
    names = list(next(iter(runs[reference].values())).utterances)
    arms, pairs = [], pairs or {}
    for arm, by_seeds in runs.items():
        for seed, run in by_seeds.items():
            if list(run.utterances) != names:
                raise InputError(f"{arm}, seed {seed}: scored on other utterances than {reference}. Score it again.")
        first = next(iter(by_seeds.values()))
        found, own = (None, None, None), pairs.get(arm, reference)
        if arm != own:
            errors = Errors(_edits(runs[own], names), _edits(by_seeds, names),
                            np.array([first.utterances[name].words for name in names]),
                            [speakers.get(name, name) for name in names])
            found = bootstrap(errors, draws=draws), sign_flip_p(by_speaker(errors)), sign_flip_p(by_seed(errors))
        seconds = statistics.fmean(run.seconds for run in by_seeds.values())
        cers = [run.cer for run in by_seeds.values()]
        cer = None if None in cers else statistics.fmean(cers)
        wers = [run.wer for run in by_seeds.values()]
        arms.append(Arm(arm, wers, first.passes, seconds, *found, cer, pairs.get(arm)))
    return arms


def markdown(
    arms: list[Arm], *, title: str, reference: str, seeds: list[int], dataset: str, missing: list[str],
    rate: str = "WER", published: Published | None = None,
) -> str:
    """The table with what is needed to read it."""
    others = ", or of the arm in brackets" if any(arm.against for arm in arms) else ""
    heads = ["arm", f"{rate} %", f"{reference} better by %", "p speakers", "p seeds", "labelled passes", "pool passes",
             "minutes"]
    characters = published is not None or (rate != "CER" and any(arm.cer is not None for arm in arms))
    heads += ["CER %"] * characters + ["published"] * (published is not None)
    rows = []
    for arm in arms:
        spread = f" ± {100 * arm.deviation:.2f}" if len(arm.wers) > 1 else ""
        cells = ["-", *("-" if p is None else f"{p:.3g}" for p in (arm.p_speakers, arm.p_seeds))]
        if arm.gain is not None:
            gain, low, high = (f"{100 * value:+.1f}" for value in arm.gain)
            cells[0] = f"{gain} [{low}, {high}]" + (f" ({arm.against})" if arm.against else "")
        passes = [f"{arm.passes[kind]:.1f}" for kind in ("labelled", "pool")]
        cells = [arm.name, f"{100 * arm.mean:.2f}{spread}", *cells, *passes, f"{arm.seconds / 60:.1f}"]
        if characters:
            cells.append("-" if arm.cer is None else f"{100 * arm.cer:.2f}")
        if published is not None:
            figure = published.figures.get(arm.name)
            cells.append("-" if figure is None else f"{figure:.1f}")
        rows.append(cells)
    lines = [f"# {title}", "", f"{rate} on {dataset}, {caption(reference + others, seeds)}", "", *table(heads, rows)]
    if published is not None:
        lines += ["", f"Published: {published.metric}. Source: {published.source}."]
    lines += ["", *([f"Not there yet: {', '.join(missing)}.", ""] if missing else [])]
    return "\n".join(lines)


def caption(reference: str, seeds: list[int]) -> str:
    """How the columns of the table are to be read."""
    few = ("One seed: nothing here tells of the variation between seeds. " if len(seeds) == 1 else
           f"With {len(seeds)} seeds the interval is rough. " if len(seeds) < 5 else "")
    return (f"mean and deviation over seeds {', '.join(map(str, seeds))}. Better by: (errors of the arm - errors of "
            f"{reference}) / errors of the arm, with the 95 % interval of a paired bootstrap over seeds, speakers and "
            f"utterances. {few}p: exact two-sided sign-flip test over speakers, for these trained models alone (two "
            f"seeds of one method may differ by it), and over seeds, where {len(seeds)} can give none under "
            f"{2 / 2 ** len(seeds):.3g}. Passes and minutes: optimizer steps of one run, without those of weights that "
            "it starts from.")


def _edits(by_seeds: Mapping[int, Run], names: list[str]) -> np.ndarray:
    """(seed, utterance)"""
    return np.array([[run.utterances[name].errors for name in names] for run in by_seeds.values()])
