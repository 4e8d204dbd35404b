"""The picture of a confusion matrix: share of each class (row) that was heard as which (column), with the counts."""

from collections.abc import Sequence
from pathlib import Path

from espnet_bljust.disk.png import a_picture, save_png
from espnet_bljust.scoring.confusion import Confusion


@a_picture
def draw_confusion(confusion: Confusion, path: Path, *, title: str) -> None:
    """Write the PNG."""
    from matplotlib.figure import Figure

    size = len(confusion.classes)
    figure = Figure(figsize=(2.5 + 0.65 * size, 2 + 0.6 * size), layout="constrained")
    axes = figure.subplots()
    totals = confusion.counts.sum(1, keepdims=True).clip(1)
    shares = confusion.counts / totals
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(size):
        for column in range(size):
            if confusion.counts[row, column]:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(confusion.counts[row, column]), ha="center", va="center", color=colour)
    names, key = labels(confusion.classes)
    axes.set_xticks(range(size), names, rotation=45, ha="right")
    axes.set_yticks(range(size), names)
    axes.set_xlabel("heard")
    axes.set_ylabel("spoken")
    axes.set_title(f"{title}\n{confusion.line()}{key}", fontsize=10)
    save_png(figure, path, dpi=110)


def labels(classes: Sequence[str]) -> tuple[list[str], str]:
    """What stands at the axes, and what the title adds: numbers where the picture's font lacks a letter of a name."""
    from matplotlib.font_manager import findfont, get_font

    drawn = get_font(findfont("DejaVu Sans")).get_charmap()  # matplotlib brings it
    if all(ord(letter) in drawn for name in classes for letter in name):
        return [name.replace("$", r"\$") for name in classes], ""
    return [str(number) for number in range(1, len(classes) + 1)], "\nnames by these numbers: confusion.json, in order"
