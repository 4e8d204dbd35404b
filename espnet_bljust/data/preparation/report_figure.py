"""Pictures of the data report: hours and lengths of the sets, and how often each character occurs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from espnet_bljust.disk.png import a_picture, save_png

MOST_CHARACTERS = 60
PER_ROW = 3


@a_picture
def save_lengths(path: Path, seconds: Mapping[str, np.ndarray]) -> None:
    """One histogram a set (name -> durations in seconds) on one time axis, titled with the set's hours."""
    from matplotlib.figure import Figure

    rows = -(-len(seconds) // PER_ROW)
    columns = min(len(seconds), PER_ROW)
    figure = Figure(figsize=(4.2 * columns, 2.8 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, sharex=True).flat)
    longest = max(values.max() for values in seconds.values())
    edges = np.linspace(0, longest, 41)
    for axis, (name, values) in zip(axes, seconds.items(), strict=False):
        axis.hist(values, bins=edges, color="#3b6ea5")
        axis.axvline(float(np.median(values)), color="#c4572b", linewidth=1.2)
        axis.set_title(f"{name}: {len(values)} utterances, {values.sum() / 3600:.2f} h", fontsize=9)
        axis.set_xlabel("seconds (line: median)", fontsize=8)
        axis.yaxis.get_major_locator().set_params(integer=True)
        axis.tick_params(labelsize=8, labelbottom=True)
    for axis in axes[len(seconds) :]:  # what is left of the last row
        axis.set_axis_off()
    _save(figure, path)


@a_picture
def save_characters(path: Path, counts: Mapping[str, int]) -> None:
    """Bars of the most frequent characters (character -> count), on a logarithmic axis so that rare ones show."""
    from matplotlib.figure import Figure

    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_CHARACTERS]
    figure = Figure(figsize=(max(5.0, 0.24 * len(shown) + 1.5), 3.0), layout="constrained")
    axis = figure.subplots()
    axis.bar(range(len(shown)), [count for _, count in shown], color="#3b6ea5", log=True)
    axis.set_xticks(range(len(shown)), [label(character) for character, _ in shown], fontsize=8)
    axis.set_ylabel("occurrences", fontsize=8)
    axis.tick_params(axis="y", labelsize=8)
    more = f", the {len(shown)} most frequent of {len(counts)}" if len(counts) > len(shown) else ""
    axis.set_title(f"characters of the training text{more}", fontsize=9)
    axis.set_ylim(bottom=0.5)  # a bar of one occurrence shows
    axis.set_xlim(-0.7, len(shown) - 0.3)
    _save(figure, path)


def label(character: str) -> str:
    """What stands under a bar: the character, or its code point where the figure's font may lack it."""
    if character == " ":
        return "space"
    plain = character.isprintable() and ord(character) < 0x530  # Latin, Greek and Cyrillic
    return character.replace("$", r"\$") if plain else f"{ord(character):X}"


def _save(figure, path: Path) -> None:
    save_png(figure, path, dpi=110)
