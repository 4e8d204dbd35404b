"""The picture of a comparison: each run a dot, each arm its mean; beside it, what the reference gains over each arm."""

from pathlib import Path

from espnet_bljust.comparison.arms import Arm
from espnet_bljust.disk.png import a_picture, save_png

REFERENCE, OTHER, LINE = "#b0102f", "#1f4e9c", "#555555"


@a_picture
def draw_comparison(arms: list[Arm], path: Path, *, reference: str, dataset: str, rate: str = "WER") -> None:
    """Write the PNG; the arms from top to bottom in their order."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.2 + 0.55 * len(arms)), layout="constrained")
    rates, gains = figure.subplots(1, 2, sharey=True)
    for place, arm in enumerate(arms):
        colour = REFERENCE if arm.name == reference else OTHER
        rates.plot([100 * wer for wer in arm.wers], [place] * len(arm.wers), "o", color=colour, alpha=0.4)
        rates.plot(100 * arm.mean, place, "|", color=colour, markersize=22, markeredgewidth=2.5)
        if arm.gain is not None:
            gain, low, high = (100 * value for value in arm.gain)
            gains.plot([low, high], [place, place], color=colour, linewidth=2)
            gains.plot(gain, place, "o", color=colour)
    rates.set_yticks(range(len(arms)), [arm.name for arm in arms])
    rates.set_ylim(len(arms) - 0.5, -0.5)
    rates.set_xlabel(f"{rate} on {dataset} [%]: runs, and mean")
    gains.axvline(0, color=LINE, linewidth=1)
    whose = "the arm's own reference" if any(arm.against for arm in arms) else reference
    gains.set_xlabel(f"errors that {whose} makes less [%], 95 % interval")
    for axes in (rates, gains):
        axes.grid(alpha=0.35, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    save_png(figure, path, dpi=110)
