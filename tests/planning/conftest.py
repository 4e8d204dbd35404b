"""Stage 7 on a small experiment, as its command makes it."""

import pytest
import yaml

from espnet_bljust.bin import plan
from espnet_bljust.planning import limits
from espnet_bljust.planning.speed import Rates
from tests.helpers import experiment


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Data, token list and configurations."""
    root = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))
        experiment.make_experiment(root)
    return root


@pytest.fixture
def stage(root, tmp_path, monkeypatch):
    """Run stage 7 on the root's data with options of the call; gives the settings it wrote."""
    monkeypatch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))  # seconds of work, tested elsewhere

    def stage(*more, exp_dir=tmp_path / "exp", **paths):
        named = {"config": root / "train.yaml", "size_config": root / "tiny.yaml", "exp_dir": exp_dir,
                 "train_dir": root / "dump/train_labelled", "pool_dir": root / "dump/train_pool",
                 "valid_dir": root / "dump/dev", "token_list": root / "tokens.txt", "token_type": "char", **paths}
        arguments = [item for name, value in named.items() for item in (f"--{name}", str(value))]
        options = plan.get_parser().parse_args([*arguments, *more])
        plan.main(options)
        return yaml.safe_load((exp_dir / "train.yaml").read_text()) if not options.dry_run else None

    return stage
