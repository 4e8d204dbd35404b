"""One status, 85, says that a training has stopped with a checkpoint: in the package, its launchers and the shell."""

import re
from pathlib import Path

from espnet_bljust.training.stopping import REQUEUE_CODE

LOCAL = Path(__file__).parents[2] / "local"


def test_launchers_and_stages_know_the_status_with_which_training_stops():
    """They import nothing of the package, so each writes the number down."""
    launcher = re.search(r"^STOPPED_WITH_CHECKPOINT = (\d+)", (LOCAL / "launch/request.py").read_text(), re.MULTILINE)
    shell = (LOCAL / "run_stage.sh").read_text()
    stage = re.search(r"^ +(\d+):\*\) echo .* stopped with a checkpoint", shell, re.MULTILINE)
    assert (int(launcher[1]), int(stage[1])) == (REQUEUE_CODE, REQUEUE_CODE)
