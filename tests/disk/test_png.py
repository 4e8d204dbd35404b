"""A picture is a line of a stage, never its end: whatever the user's matplotlib is set to."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from espnet_bljust.disk.png import a_picture, save_png

ROOT = Path(__file__).parents[2]


@a_picture
def draw(text: str, path: Path) -> None:
    """A title."""
    figure = Figure()
    figure.suptitle(text)
    save_png(figure, path, dpi=20)


def test_a_users_own_settings_are_not_those_of_our_pictures(tmp_path):
    draw("first", tmp_path / "a.png")
    with matplotlib.rc_context({"text.usetex": True, "savefig.facecolor": "red", "figure.figsize": (1, 1)}):
        draw("first", tmp_path / "b.png")
        assert matplotlib.rcParams["text.usetex"]  # the user's are left as they were
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_picture_that_cannot_be_drawn_is_a_line_and_the_old_one_is_gone(tmp_path, capsys):
    draw("old", tmp_path / "a.png")
    draw("$\\nosuch$", tmp_path / "a.png")
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path}/a.png: not drawn (ValueError: ") and said.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_a_full_disk_is_still_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        draw("x", tmp_path / "absent" / "a.png")


@pytest.mark.parametrize("backend", ["module://nowhere.backend_inline", "nonsense", "TkAgg"])
def test_the_backend_of_a_notebook_ends_nothing(backend, tmp_path):
    program = ("import sys; from pathlib import Path; from espnet_bljust.scoring.history import History; "
               "from espnet_bljust.scoring.training_figure import draw_training; "
               "rows = [{'kind': 'valid', 'step': 1, 'cer': 0.5, 'phase': 'joint'}]; "
               "draw_training(History([], rows), Path(sys.argv[1]), title='x'); print('went on')")
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "a.png"], capture_output=True, text=True, cwd=ROOT,
                          env={"PATH": "/usr/bin:/bin", "MPLBACKEND": backend, "HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0 and done.stdout.endswith("went on\n"), done.stderr
