"""exp/<tag>/images/training.png: how a run went, by its history.jsonl and its settings."""

from pathlib import Path

from espnet_bljust.disk.settings_file import run_settings
from espnet_bljust.scoring.history import History, read_history
from espnet_bljust.scoring.measures import measures
from espnet_bljust.scoring.training_figure import draw_training
from espnet_bljust.training.masks import MaskingConfig


def draw_run(exp_dir: Path, picture: Path) -> History:
    """Write ``picture``; returns what it shows."""
    history = read_history(exp_dir / "history.jsonl")
    picture.parent.mkdir(exist_ok=True)
    draw_training(history, picture, title=exp_dir.resolve().name, chance=chance_accuracy(exp_dir),
                  names=measures(exp_dir))
    return history


def chance_accuracy(exp_dir: Path) -> float | None:
    """1 / (1 + num_negatives) of the run; None where stage 7 has not written its settings."""
    settings = run_settings(exp_dir)
    return 1 / (1 + MaskingConfig.from_dict(settings.get("masking_conf") or {}).num_negatives) if settings else None
