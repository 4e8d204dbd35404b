"""Plans that nobody can run are refused before they begin, with a configuration that does fit: it is tried here."""

import re
import shlex

import pytest

from espnet_bljust.errors import InputError
from espnet_bljust.planning import limits
from espnet_bljust.planning.peers import peers_passes, warning
from espnet_bljust.planning.speed import Rates
from tests.helpers import experiment


def options_of(error):
    """What stands behind the proposal, as words of a call of stage 7."""
    words = shlex.split(re.search(r"(?:This fits: |no longer: )(.*?)(?: \(--gpu|; or more)", str(error))[1])
    changes = words[words.index("--asr_args") + 1].split() if "--asr_args" in words else []
    size = words[words.index("--model_size") + 1] if "--model_size" in words else ""
    return [item for change in changes for item in ("--set", change)], size


def test_a_step_beyond_the_memory_is_refused_and_the_proposal_is_the_same_update_in_pieces(stage):
    """The tiny network's weights and moments take under 1 MB, the audio of a step far more."""
    large = ("--set", "batch_seconds=200", "--set", "unlabelled_batch_seconds=160")
    with pytest.raises(InputError, match=r"a step needs about [\d.]+ GB, and the GPU of --gpu has 0\.0 GB") as caught:
        stage(*large, "--ngpu", "1", "--gpu", "0.01")
    changes, size = options_of(caught.value)
    settings = stage(*large, *changes, "--ngpu", "1", "--gpu", "0.01")
    pieces = settings["accum_grad"]
    assert not size and pieces > 1
    assert settings["batch_seconds"] * pieces == pytest.approx(200, rel=1e-3)
    assert settings["unlabelled_batch_seconds"] * pieces == pytest.approx(160, rel=1e-3)
    stage(*large, "--ngpu", "1", "--gpu", "24")


def test_where_weights_alone_do_not_fit_the_largest_smaller_size_of_the_trunk_is_proposed(stage, tmp_path):
    wide = experiment.TINY.replace("ffn_dim: 48", "ffn_dim: 480000")  # 46 M weights, 0.74 GB with moments
    middle = experiment.TINY.replace("dim: 24", "dim: 48")
    for name, text in (("wide", wide), ("tiny", experiment.TINY), ("mid", middle), ("other", experiment.CONFORMER)):
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(InputError, match="a step needs about") as caught:
        stage("--ngpu", "1", "--gpu", "0.5", size_config=tmp_path / "wide.yaml")
    _, size = options_of(caught.value)
    assert size == "mid"
    stage("--ngpu", "1", "--gpu", "0.5", size_config=tmp_path / f"{size}.yaml")


def test_memory_of_a_gpu_that_is_not_here_is_known_by_its_name_or_not_at_all(stage, monkeypatch, capsys):
    large = ("--set", "batch_seconds=40000", "--ngpu", "1")
    monkeypatch.setattr(limits.torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="and NVIDIA T4 has 16.0 GB"):
        stage(*large, "--gpu", "t4")
    stage(*large)
    assert "cannot be measured here: --gpu names the GPU" in capsys.readouterr().out


def test_a_plan_beyond_the_days_is_refused_and_with_the_proposed_steps_it_is_not(stage, monkeypatch):
    monkeypatch.setattr(limits, "measure", lambda *_: Rates(1000.0, 1000.0))  # 1000 s of work for 1 s of audio
    plan = ("--set", "plan_conf.joint_steps=4321", "--set", "plan_conf.exploration_steps=1000")
    with pytest.raises(InputError, match=r"the plan takes about [\d,]+ d \d+ h, more than --max_days 14\.") as caught:
        stage(*plan)
    changes, _ = options_of(caught.value)
    joint = stage(*plan, *changes)["plan_conf"]["joint_steps"]
    assert 1 < joint < 4321
    with pytest.raises(InputError) as caught:  # phases that cost little stay whole
        stage("--set", "plan_conf.joint_steps=4321")
    changes, _ = options_of(caught.value)
    assert [word.partition("=")[0] for word in changes[1::2]] == ["plan_conf.joint_steps"]
    stage("--set", "plan_conf.joint_steps=4321", *changes)
    assert stage(*plan, "--max_days", "0")["plan_conf"]["joint_steps"] == 4321


def test_a_dry_run_says_that_stage_7_will_stop(stage, monkeypatch, capsys):
    monkeypatch.setattr(limits, "measure", lambda *_: Rates(1e6, 1e6))
    stage("--dry_run", "true")
    told = capsys.readouterr().out
    assert "optimizer steps" in told and "Stage 7 will stop." in told and "--max_days 14" in told


@pytest.mark.parametrize(("kind", "hours", "passes"), [
    ("labelled", 1, 13000 * 1600 / 3600), ("labelled", 10, 20000 * 1600 / 36000), ("labelled", 5000, 320000 / 2160),
    ("pool", 10, 400000 * 5600 / 3600 / 960), ("pool", 60000, 1e6 * 9600 / 3600 / 60000),
    # halfway in logarithms between 100 and 960 h: the geometric mean of the passes there
    ("labelled", 96000**0.5, (80000 * 1600 / 360000 * 320000 * 1600 / 3600 / 960) ** 0.5),
])
def test_passes_of_the_peers_are_their_updates_by_their_batches(kind, hours, passes):
    assert peers_passes(kind, hours) == pytest.approx(passes, rel=1e-9)


def test_passes_far_above_the_peers_and_below_one_are_warned_of():
    assert "3,750 passes over 1.00 h pool, where wav2vec 2.0 took about 648" in warning("pool", 1.0, 3750)
    assert warning("pool", 1.0, 648) == warning("labelled", 1.0, 3750) == warning("pool", 100, 0) == ""
    assert "60% of it is never heard" in warning("labelled", 100, 0.4)


def test_a_plan_of_thousands_of_passes_is_warned_of_in_the_line_and_in_stats(stage, tmp_path, capsys):
    """9 utterances of some 1.1 s in batches of 3 s: 3 or 4 batches a pass."""
    stage("--set", "plan_conf.exploration_steps=9000", "--max_days", "0")
    told = capsys.readouterr().out
    assert re.search(r"WARNING: [\d,]+ passes over 0.00 h pool", told)
    assert "| of wav2vec 2.0 |" in (tmp_path / "exp/stats.md").read_text()
    assert "WARNING" in (tmp_path / "exp/stats.md").read_text()
