"""What stage 7 wrote for a run, for the commands that only tell of it."""

from pathlib import Path
from typing import Any


def run_settings(exp_dir: Path) -> dict[str, Any]:
    """train.yaml of an experiment; nothing where there is none."""
    from espnet_bljust.settings_file import read_yaml_keys

    path = exp_dir / "train.yaml"
    return read_yaml_keys(path) if path.is_file() else {}
