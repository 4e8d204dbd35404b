"""egs2/mini made small: two minutes of speech, 32 dimensions, 20 steps; the stages take half a minute, warm."""

from pathlib import Path

from tests.helpers.house import Recipe, build_house, clone_recipe

STAGES = range(1, 14)
AMOUNTS = {"train": (12, 4), "unlabelled": (20, 7), "dev": (4, 2), "test": (5, 3)}  # utterances, speakers
SETTINGS = (
    "plan_conf.exploration_steps=6", "plan_conf.joint_steps=8", "plan_conf.final_steps=6", "steps_per_epoch=2",
    "batch_seconds=2", "unlabelled_batch_seconds=2", "log_interval=1", "keep_nbest_models=2",
    "trunk_conf.dim=32", "trunk_conf.num_layers=2", "trunk_conf.ffn_dim=64",
)  # fmt: skip
WORDS = (
    "--local_data_opts", " ".join(f"--num_{name} {utterances} --num_{name}_speakers {speakers}"
                                  for name, (utterances, speakers) in AMOUNTS.items()),
    "--speed_perturb_factors", "0.9 1.0", "--asr_args", " ".join(SETTINGS), "--ngpu", "0", "--nj", "2",
)  # fmt: skip


def build(house: Path) -> Recipe:
    """The recipe in a new house, nothing made."""
    house.mkdir(parents=True)
    return clone_recipe(build_house(house), "mini")


def words(first: int, last: int) -> tuple[str, ...]:
    """The command's options for these stages."""
    return (*WORDS, "--stage", str(first), "--stop_stage", str(last))
