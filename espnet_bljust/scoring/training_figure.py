"""One picture of a training run: what is learnt, what it is weighed with, and where the phases lie.

Eight panels over optimizer steps. Thin lines are single entries of the history, thick ones their running mean, red
ones with dots the development set. Missing values leave gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from espnet_bljust.disk.png import a_picture, save_png
from espnet_bljust.scoring.history import History, Row, Span, column
from espnet_bljust.scoring.measures import Measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PHASE_COLOURS = {"exploration": "#cfe3f5", "joint": "#fbe3c0", "final": "#d5ecd0"}
THETA, PHI, ETA, DEV, CHANCE = "#1f4e9c", "#b5460f", "#2b7a3d", "#b0102f", "#555555"
MEASURES = Measures()
POINTS, DOTS = 4000, 100  # of a line: more points are not seen, more dots hide the others


@a_picture
def draw_training(
    history: History, path: Path, *, title: str, chance: float | None = None, names: Measures = MEASURES
) -> None:
    """Write the PNG; ``chance`` is the accuracy of guessing among positive and negatives, 1 / (1 + negatives)."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    figure = Figure(figsize=(13, 13), layout="constrained")
    panels = figure.subplots(4, 2, sharex=True).ravel()
    painters: list[Callable[[Axes, History], Axes | None]] = [  # each says what lies below its axes, if anything
        lambda axes, run: _supervised_loss(axes, run, names), _contrastive_loss,
        lambda axes, run: _error_rate(axes, run, names), lambda axes, run: _accuracy(axes, run, chance),
        _gamma, _learning_rates, _norms, _perplexity,
    ]  # fmt: skip
    spans = history.spans()
    for axes, paint in zip(panels, painters, strict=True):
        _shade(paint(axes, history) or axes, spans)  # the lowest, so that nothing is hidden behind the phases
        _finish(axes)
    for axes in panels[-2:]:
        axes.set_xlabel("optimizer step")
    first, last = _step_range(history)
    margin = max(last - first, 1) / 100
    panels[0].set_xlim(first - margin, last + margin)
    phases = list(dict.fromkeys(span.phase for span in spans))
    figure.suptitle(title, fontsize=14, fontweight="bold")
    handles = [Patch(color=PHASE_COLOURS.get(phase, "#eeeeee"), label=f"{phase} phase") for phase in phases]
    handles.append(Line2D([], [], color=DEV, marker="o", label="development set"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    save_png(figure, path, dpi=90)


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Centred mean over ``width`` rows of what is not NaN; NaN stays NaN, so that gaps stay gaps."""
    known = ~np.isnan(values)
    place = np.arange(len(values))
    first, end = np.maximum(place - width // 2, 0), np.minimum(place + (width + 1) // 2, len(values))
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    mean = (total[end] - total[first]) / np.maximum(count[end] - count[first], 1)
    return np.where(known, mean, np.nan)


def _supervised_loss(axes: Axes, history: History, names: Measures) -> None:
    axes.set_title(f"supervised loss ({names.loss})")
    axes.set_ylabel("nats per utterance")
    _noisy(axes, history.train, "ctc", THETA, "train")
    _dev(axes, history.valid, "ctc")
    _log_if_wide(axes, column(history.train, "ctc"))


def _contrastive_loss(axes: Axes, history: History) -> None:
    axes.set_title("self-supervised loss (contrastive)")
    axes.set_ylabel("nats per masked frame")
    _noisy(axes, history.train, "contrastive", ETA, "train")
    _dev(axes, history.valid, "contrastive")


def _error_rate(axes: Axes, history: History, names: Measures) -> None:
    axes.set_title(f"{names.rate_in_words} on the development set")
    axes.set_ylabel(f"{names.rate} [%]")
    steps, rates = _dev(axes, history.valid, "cer", scale=100)
    if len(rates):
        best = len(rates) - 1 - int(np.argmin(rates[::-1]))  # the later of equals, as averaging chooses
        label = f"best {rates[best]:.1f} % at step {steps[best]:,.0f}, last {rates[-1]:.1f} %"
        axes.plot(steps[best], rates[best], "*", color=DEV, markersize=15, label=label)
        axes.set_ylim(0, min(max(rates) * 1.08 + 0.1, 120))


def _accuracy(axes: Axes, history: History, chance: float | None) -> None:
    axes.set_title("contrastive accuracy: the true frame among its distractors")
    axes.set_ylabel("masked frames right [%]")
    _noisy(axes, history.train, "ssl_accuracy", ETA, "train", scale=100)
    _, rates = _dev(axes, history.valid, "ssl_accuracy", scale=100)
    if chance:
        reached = f", the last on dev is {rates[-1] / (100 * chance):.0f} times it" if len(rates) else ""
        axes.axhline(100 * chance, color=CHANCE, linestyle="--", label=f"chance {100 * chance:.2g} %{reached}")
    axes.set_ylim(bottom=0)


def _gamma(axes: Axes, history: History) -> None:
    axes.set_title("weight of the self-supervised loss")
    axes.set_ylabel("γ")
    axes.plot(column(history.train, "step"), column(history.train, "gamma"), color="black", linewidth=1.6)
    axes.set_ylim(bottom=-0.03 * max(axes.get_ylim()))


def _learning_rates(axes: Axes, history: History) -> None:
    axes.set_title("learning rates")
    axes.set_ylabel("learning rate")
    steps = column(history.train, "step")
    rates = [column(history.train, name) for name in ("lr_theta", "lr_phi", "lr_eta")]
    looks = [("θ trunk", THETA, "-"), ("φ CTC head", PHI, "--"), ("η SSL head", ETA, ":")]
    for rate, (label, colour, style) in zip(rates, looks, strict=True):
        axes.plot(steps, np.where(rate > 0, rate, np.nan), color=colour, linestyle=style, linewidth=1.8, label=label)
    _log_if_wide(axes, np.concatenate(rates))


def _norms(axes: Axes, history: History) -> Axes | None:
    axes.set_title("gradients at the trunk: norms, and the cosine between them")
    axes.set_ylabel("norm")
    _noisy(axes, history.train, "norm_f", PHI, "‖∇f‖ supervised")
    _noisy(axes, history.train, "norm_g", ETA, "γ‖∇g‖ self-supervised")
    _log_if_wide(axes, np.concatenate([column(history.train, name) for name in ("norm_f", "norm_g")]))
    cosine = column(history.train, "cosine")
    if not np.isfinite(cosine).any():
        return None
    right = axes.twinx()
    right.plot(column(history.train, "step"), running_mean(cosine, max(1, len(cosine) // 60)), color=CHANCE)
    right.axhline(0, color=CHANCE, linewidth=0.6, linestyle="--")
    right.set_ylim(-1, 1)
    right.set_ylabel("cosine")
    axes.plot([], [], color=CHANCE, label="cosine (right)")
    axes.set_zorder(right.get_zorder() + 1)  # its legend lies on both
    axes.patch.set_visible(False)
    return right


def _perplexity(axes: Axes, history: History) -> None:
    axes.set_title("codes in use, a line for each group of the quantizer (few: it collapsed)")
    axes.set_ylabel("perplexity")
    for name, colour, label in (("code_perplexity", ETA, "chosen"), ("prob_perplexity", THETA, "probabilities")):
        groups = max((len(row.get(name) or ()) for row in history.train), default=0)
        for group in range(groups):
            rows = [{**row, name: row[name][group] if row.get(name) else None} for row in history.train]
            _noisy(axes, rows, name, colour, label if group == 0 else "_same colour")
    axes.set_ylim(bottom=0)


def _noisy(axes: Axes, rows: list[Row], name: str, colour: str, label: str, *, scale: float = 1.0) -> None:
    steps, values = column(rows, "step"), scale * column(rows, name)
    if not np.isfinite(values).any():
        return
    width, every = max(1, len(values) // 60), max(1, len(values) // POINTS)
    axes.plot(steps[::every], values[::every], color=colour, linewidth=0.6, alpha=0.3 if width > 1 else 1)
    mean = running_mean(values, width)
    axes.plot(steps[::every], mean[::every], color=colour, linewidth=1.8, label=label)


def _dev(axes: Axes, rows: list[Row], name: str, *, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Dots of the development set, gaps where a phase does not measure it; the steps and values that are there."""
    steps, values = column(rows, "step"), scale * column(rows, name)
    dots = "o-" if len(rows) <= DOTS else "-"
    axes.plot(steps, values, dots, color=DEV, linewidth=1.2, markersize=3.5)
    known = np.isfinite(values)
    return steps[known], values[known]


def _shade(axes: Axes, spans: list[Span]) -> None:
    for span in spans:
        axes.axvspan(span.first, span.last, color=PHASE_COLOURS.get(span.phase, "#eeeeee"), linewidth=0, zorder=0)


def _log_if_wide(axes: Axes, values: np.ndarray) -> None:
    """A logarithmic axis where the values span more than a factor of 30."""
    positive = values[np.isfinite(values) & (values > 0)]
    if len(positive) and positive.max() > 30 * positive.min():
        axes.set_yscale("log")


def _step_range(history: History) -> tuple[float, float]:
    steps = [row["step"] for rows in history for row in rows]
    return min(steps), max(steps)


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.35, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(fontsize=9, framealpha=0.85)
    if not any(np.isfinite(line.get_ydata()).any() for line in axes.get_lines() if len(line.get_xdata())):
        axes.text(0.5, 0.5, "not measured in this run", transform=axes.transAxes, ha="center", color=CHANCE)
