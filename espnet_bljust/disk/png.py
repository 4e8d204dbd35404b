"""Pictures as files: whole or not at all, the same bytes for the same numbers, and never the end of a stage."""

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_bljust.disk.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def a_picture[**P](draw: Callable[P, None]) -> Callable[P, None]:
    """``draw`` under matplotlib's own settings, not those of a user's matplotlibrc (usetex, say).

    Where it fails for another reason than the disk, that is one line, and no picture is there; its path is the one
    Path among the arguments.
    """
    @functools.wraps(draw)
    def drawn(*arguments: P.args, **named: P.kwargs) -> None:
        path = next(each for each in arguments if isinstance(each, Path))
        try:
            import matplotlib  # MPLBACKEND may name what is not there

            with matplotlib.rc_context():
                matplotlib.rcdefaults()
                draw(*arguments, **named)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever matplotlib says)
            path.unlink(missing_ok=True)
            print(f"{path}: not drawn ({type(error).__name__}: {' '.join(str(error).split())[:160]})")

    return drawn


def save_png(figure: "Figure", path: Path, dpi: int) -> None:
    """Without matplotlib's own name and version in it."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=dpi, metadata={"Software": None})
    write_atomic(path, memory.getvalue())
