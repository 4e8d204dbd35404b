"""Pictures as files: whole or not at all, and the same bytes for the same numbers."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_bljust.disk.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_png(figure: "Figure", path: Path, dpi: int) -> None:
    """Without matplotlib's own name and version in it."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=dpi, metadata={"Software": None})
    write_atomic(path, memory.getvalue())
