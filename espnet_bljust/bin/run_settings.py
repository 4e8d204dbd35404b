"""What stage 7 wrote for a run, for the commands that only tell of it."""

from pathlib import Path
from typing import Any


def run_settings(exp_dir: Path) -> dict[str, Any]:
    """train.yaml of an experiment; nothing where there is none."""
    import yaml

    path = exp_dir / "train.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.is_file() else {}
