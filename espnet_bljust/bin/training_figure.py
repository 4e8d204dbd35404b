"""Draw exp/<tag>/images/training.png from history.jsonl."""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.disk.settings_file import run_settings


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment with history.jsonl")
    return parser


def main(options: argparse.Namespace) -> None:
    """Read the history, draw it."""
    from espnet_bljust.scoring.history import read_history
    from espnet_bljust.scoring.measures import measures
    from espnet_bljust.scoring.training_figure import draw_training

    history = read_history(options.exp_dir / "history.jsonl")
    picture = options.exp_dir / "images" / "training.png"
    picture.parent.mkdir(exist_ok=True)
    folder = options.exp_dir
    draw_training(history, picture, title=folder.resolve().name, chance=chance_accuracy(folder),
                  names=measures(run_settings(folder)))
    print(f"{picture}: {len(history.train)} training and {len(history.valid)} validation entries")


def chance_accuracy(exp_dir: Path) -> float | None:
    """1 / (1 + num_negatives) of the run; None where stage 7 has not written its settings."""
    from espnet_bljust.training.masks import MaskingConfig

    settings = run_settings(exp_dir)
    return 1 / (1 + MaskingConfig.from_dict(settings.get("masking_conf") or {}).num_negatives) if settings else None


if __name__ == "__main__":
    run(build_parser(), main)
