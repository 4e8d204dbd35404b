"""Stage 7 through its command: settings merge key by key, and what is wrong with them is named before training."""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from espnet_bljust.bin import plan
from espnet_bljust.command import run
from espnet_bljust.data.feeding.batching import BatchStream
from espnet_bljust.errors import InputError
from espnet_bljust.planning import prepare
from espnet_bljust.planning.speed import Rates
from tests.helpers import experiment

SIZES = Path(__file__).parents[2] / "conf" / "size"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Data, token list and configurations."""
    root = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "measure", lambda *_: Rates(0.1, 0.1))
        experiment.make_experiment(root)
    return root


@pytest.fixture
def stage(root, tmp_path, monkeypatch):
    """Run stage 7 on the root's data with options of the call; gives the settings it wrote."""
    monkeypatch.setattr(prepare, "measure", lambda *_: Rates(0.1, 0.1))  # seconds of work, tested elsewhere

    def stage(*more, exp_dir=tmp_path / "exp", **paths):
        named = {"config": root / "train.yaml", "size_config": root / "tiny.yaml", "exp_dir": exp_dir,
                 "train_dir": root / "dump/train_labelled", "pool_dir": root / "dump/train_pool",
                 "valid_dir": root / "dump/dev", "token_list": root / "tokens.txt", "token_type": "char", **paths}
        arguments = [item for name, value in named.items() for item in (f"--{name}", str(value))]
        options = plan.get_parser().parse_args([*arguments, *more])
        plan.main(options)
        return yaml.safe_load((exp_dir / "train.yaml").read_text()) if not options.dry_run else None

    return stage


def test_set_changes_one_nested_key_and_leaves_its_neighbours(stage):
    before = stage()
    after = stage("--set", "plan_conf.gamma_max=0.5", "--set", "trunk_conf.num_layers=1",
                  "--set", "optim_conf.betas=[0.8, 0.9]")
    assert after["plan_conf"] == {**before["plan_conf"], "gamma_max": 0.5}
    assert after["trunk_conf"] == {**before["trunk_conf"], "num_layers": 1}
    assert after["optim_conf"] == {**before["optim_conf"], "betas": [0.8, 0.9]}
    assert {key for key in before if before[key] != after[key]} == {"plan_conf", "trunk_conf", "optim_conf"}


def test_of_two_changes_to_a_key_the_later_wins_and_a_value_may_hold_an_equals_sign(stage):
    assert stage("--set", "batch_seconds=1", "--set", "batch_seconds=2")["batch_seconds"] == 2
    with pytest.raises(InputError, match="no parameter 'a=b'"):
        stage("--set", "freeze_param=[a=b]")


def test_the_training_file_wins_over_the_size_file_key_by_key(stage, root, tmp_path):
    (tmp_path / "c.yaml").write_text((root / "train.yaml").read_text() + "trunk_conf: {dim: 48}\n")
    settings = stage(config=tmp_path / "c.yaml")
    assert settings["trunk_conf"]["dim"] == 48 and settings["trunk_conf"]["num_layers"] == 2


@pytest.mark.parametrize("argument", ["plan_conf.gamma_max", "=3", "plan_conf.=3", ".x=3", ""])
def test_a_change_without_key_or_equals_sign_is_named(stage, argument):
    with pytest.raises(InputError, match="not of the form key=value"):
        stage("--set", argument)


def test_a_change_that_is_not_yaml_is_named(stage):
    with pytest.raises(InputError, match=r"--set plan_conf\.gamma_max=\[: not YAML"):
        stage("--set", "plan_conf.gamma_max=[")


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.0e-3", "+1e-3", "0.001"])
def test_a_rate_may_be_written_with_an_exponent_and_no_point(stage, number):
    """PyYAML reads 1e-3 as a word."""
    assert stage("--set", f"plan_conf.final_rates.theta={number}")["plan_conf"]["final_rates"]["theta"] == 0.001


@pytest.mark.parametrize(("change", "named"), [
    ("plan_conf.gama_max=3", "unknown key gama_max"),
    ("plan_conf.method=x", None),  # the option --method decides
    ("plan_conf.schedule=never", "schedule is 'never'.*paper, once"),
    ("plan_conf.joint_rates.psi=1", "joint_rates has 'psi', not keys of theta, phi, eta"),
    ("plan_conf.joint_rates=3", "joint_rates is 3, not keys of theta, phi, eta"),
    ("plan_conf.joint_rates.theta=fast", r"joint_rates\.theta is 'fast'"),
    ("plan_conf.joint_rates.theta=-1", r"joint_rates\.theta is -1"),
    ("plan_conf.joint_steps=2.5", "joint_steps is 2.5, not a whole number"),
    ("plan_conf.joint_steps=", "joint_steps is None"),
    ("plan_conf.gamma_max=.nan", "gamma_max is nan"),
    ("plan_conf.warmup=2", "warmup is 2, not a share from 0 to 1"),
    ("plan_conf.warmup=0.7", r"warmup 0\.7 and hold 0\.4"),
    ("plan_conf.cycles=true", "cycles is True, not a whole number"),
    ("plan_conf.joint_steps=.inf", "joint_steps is inf, not a whole number"),
    ("plan_conf.gamma_max='3'", "gamma_max is '3', not a number"),
    ("plan_conf.gamma_max=1" + 400 * "0", "gamma_max is 10"),
    ("plan_conf=3", "plan_conf is 3, not keys"),
    ("trunk_conf.dims=3", "unknown key dims"),
    ("trunk_conf.dim=25", "dim 25 is no multiple"),
    ("ssl_conf.code=3", "unknown key code"),
    ("ssl_conf.groups=2.0", "groups is 2.0, not a whole number"),
    ("ssl_conf.gumbel=[2.0, 0.5, 1.1]", "gumbel falls"),
    ("ssl_conf.penalty_weight=.nan", "penalty_weight is nan, not a number from 0"),
    ("ssl_conf.gumbel=[2.0, 0.5]", "gumbel is .*not a list of 3, each a number above 0"),
    ("ssl_conf.temperature=true", "temperature is True, not a number above 0"),
    ("cpc_conf.contxt_seconds=1", "unknown key contxt_seconds.*mean context_seconds"),
    ("trunk_conf.norm_first='false'", "norm_first is 'false', not true or false"),
    ("masking_conf.pool_spam=3", "unknown key pool_spam.*pool_span"),
    ("masking_conf.pool_probability=65", "pool_probability is 65, not a share"),
    ("masking_conf.pool_span=0", "pool_span is 0, not a whole number"),
    ("batch_seconds=much", "batch_seconds is 'much'"),
    ("unlabelled_batch_seconds=0", "unlabelled_batch_seconds is 0"),
    ("steps_per_epoch=null", "steps_per_epoch is None"),
    ("grad_clip=0", "grad_clip is 0, not a number above 0, .inf for none"),
    ("grad_clip=-1", "grad_clip is -1"),
    ("grad_clip=.nan", "grad_clip is nan"),
    ("accum_grad=0", "accum_grad is 0, not a whole number from 1"),
    ("accum_grad=2.5", "accum_grad is 2.5"),
    ("accum_grad=true", "accum_grad is True"),
    ("steps_per_epoch=2.5", "steps_per_epoch is 2.5"),
    ("keep_nbest_models=-1", "keep_nbest_models is -1"),
    ("batch_seconds=.inf", "batch_seconds is inf"),
    ("train_dtype=float16", "train_dtype is 'float16', not one of float32, float64"),
    ("optim=bogus", "optim is 'bogus', not one of .*adamw"),
    ("optim_conf.lr=0.5", "optim_conf has lr"),
    ("optim_conf.momentum=0.9", "optim_conf does not go with optim adamw.*momentum"),
    ("optim_conf.eps=-1", "optim_conf does not go with optim adamw.*epsilon"),
    ("use_amp=1", "use_amp is 1, not true or false"),
    ("log_level=a=b", "log_level is 'a=b', not one of .*WARNING"),
    ("seed=3", "training does not read seed"),
    ("plan_conf.final_frozen_steps=100000", "final_frozen_steps 100000 is beyond"),
    ("masking_conf.pool_span=2.5", "pool_span is 2.5, not a whole number"),
    ("freeze_param=[trunk.feature_extractor]", r"no parameter 'trunk\..*mean network\.trunk\.feature_extractor\?"),
    ("freeze_param=network.trunk", "not a list"),
    ("log_interval=0", "log_interval is 0, not a whole number of optimizer steps from 1 to 100"),
    ("log_interval=101", "log_interval is 101"),
    ("head_conf.per_token=1", "per_token is 1, not true or false"),
    ("ssl_conf.num_negatives=50", "unknown key num_negatives"),  # it is masking_conf's
    ("masking_conf.labelled_min_spans=-1", "labelled_min_spans is -1, not a whole number from 0"),
    ("augment_conf.num_freq_masks=2", "augment_conf: num_freq_masks.*wav2vec2"),
    ("augment_conf.channel_mask_share=0.5", "unknown key channel_mask_share.*channel_mask_span"),
    ("head_conf.intermediate_layers=[2]", "head_conf: intermediate_layers.*within the trunk's 2 layers"),
    ("ema_decay=1", "ema_decay is 1, not a share from 0"),
    ("dropout_conf.last={}", "dropout_conf: unknown key last.*did you mean exploration"),
    ("dropout_conf.final={dropuot: 0.1}", "dropout_conf: final has 'dropuot', not keys of dropout, attention_dropout"),
    ("dropout_conf.final=0.1", "dropout_conf: final is 0.1, not keys of dropout"),
    ("dropout_conf.final={layer_drop: 1}", r"dropout_conf: final\.layer_drop is 1, not a share from 0 below 1"),
    ("plan_conf.extractor_rests=[last]", r"extractor_rests is \['last'\], not a list, each one of exploration"),
    ("plan_conf.decay=cosine", "decay is 'cosine', not one of linear, exponential"),
    ("plan_conf.augment_start=0.5", "augment_start is 0.5, not a whole number"),
])  # fmt: skip
def test_a_wrong_key_or_value_is_named_and_nothing_is_written(stage, tmp_path, change, named):
    if named is None:
        assert stage("--set", change)["plan_conf"]["method"] == "bljust"
        return
    with pytest.raises(InputError, match=named) as caught:
        stage("--set", change)
    assert "\n" not in str(caught.value) and not (tmp_path / "exp").exists()


@pytest.mark.parametrize(("content", "line"), [
    ("batch_seconds: 3\nplan_conf:\n  a: [1, 2\n  b: 3\n", 4),
    ("a: 1\n\tb: 2\n", 2),
    ("a: 1\nb: 2: 3\n", 2),
    ("- a\n- b\n", 1),
    ("just words\n", 1),
])  # fmt: skip
def test_a_yaml_error_names_file_and_line(stage, tmp_path, content, line):
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(InputError, match=rf"c\.yaml:{line}: not ") as caught:
        stage(config=tmp_path / "c.yaml")
    assert "\n" not in str(caught.value)


def test_a_configuration_that_is_not_utf8_is_named(stage, tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"note: caf\xe9\n")
    with pytest.raises(InputError, match=r"c\.yaml: byte 10 is not UTF-8"):
        stage(config=tmp_path / "c.yaml")


def long_transcripts(root, folder):
    """The dev set with 60 tokens in its second utterance, all alike: at least 119 frames, in at most 1.6 s or 80."""
    folder.mkdir()
    for name in ("wav.scp", "utt2num_samples"):
        (folder / name).write_text((root / "dump/dev" / name).read_text())
    lines = (root / "dump/dev/text").read_text().splitlines()
    lines[1] = f"{lines[1].split()[0]} {'A' * 60}"
    (folder / "text").write_text("\n".join(lines) + "\n")
    return folder


def test_transcripts_too_long_for_ctc_are_named_in_a_list(stage, root, tmp_path):
    valid_dir = long_transcripts(root, tmp_path / "dev")
    with pytest.raises(InputError, match=r"too_short_for_ctc\.txt: 1 utterances.*the first: dev-01"):
        stage(valid_dir=valid_dir)
    (line,) = (tmp_path / "exp/too_short_for_ctc.txt").read_text().splitlines()
    samples = dict(row.split() for row in (root / "dump/dev/utt2num_samples").read_text().splitlines())
    frames = int(samples["dev-01"])
    for _, kernel, stride in yaml.safe_load(experiment.TINY)["trunk_conf"]["conv_layers"]:
        frames = (frames - kernel) // stride + 1
    assert line == f"dev-01 {frames} frames 119 needed"  # 60 tokens and a blank between each two
    assert not (tmp_path / "exp/train.yaml").exists()
    stage()
    assert not (tmp_path / "exp/too_short_for_ctc.txt").exists()  # mended: the list would mislead


def test_a_dry_run_prints_the_plan_and_writes_nothing(stage, root, tmp_path, capsys):
    stage("--dry_run", "true")
    assert "optimizer steps" in capsys.readouterr().out
    with pytest.raises(InputError, match="1 utterances.*the first: dev-01"):
        stage("--dry_run", "true", valid_dir=long_transcripts(root, tmp_path / "dev"))
    assert not (tmp_path / "exp").exists()


@pytest.mark.parametrize("size", sorted(path.stem for path in SIZES.glob("*.yaml")))
def test_a_dry_run_tells_the_parameters_and_the_memory_of_every_size(stage, capsys, size):
    stage("--dry_run", "true", size_config=SIZES / f"{size}.yaml")
    report = capsys.readouterr().out
    (claimed,) = re.findall(r"([\d,]+) parameters in the trunk", (SIZES / f"{size}.yaml").read_text())
    assert f"| theta (trunk) | {claimed} |" in report and "Memory of a step, roughly: " in report


def test_memory_is_that_of_a_process_where_several_share_a_micro_batch(stage, capsys):
    found = {}
    for ngpu in (0, 1, 8):
        stage("--dry_run", "true", "--ngpu", str(ngpu), size_config=SIZES / "base.yaml")
        found[ngpu] = re.search(r"roughly: ([\d.]+) GB(.*?), beside", capsys.readouterr().out).groups()
    state = 16 * 95e6 / 1e9  # weights, gradients and moments are everybody's
    assert found[0] == found[1] and found[1][1] == "" and found[8][1] == " in each process"
    assert float(found[8][0]) - state == pytest.approx((float(found[1][0]) - state) / 8, abs=0.1)


def test_the_same_call_writes_the_same_bytes(stage, tmp_path):
    stage(), stage(exp_dir=tmp_path / "other")
    for name in ("train.yaml", "plan.json", "stats.md"):
        assert (tmp_path / "exp" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_the_command_ends_in_one_line_and_status_1(root, tmp_path, monkeypatch, capsys):
    arguments = [f"--{name}={tmp_path / 'none'}" for name in
                 ("config", "size_config", "exp_dir", "train_dir", "pool_dir", "valid_dir", "token_list")]
    monkeypatch.setattr(sys, "argv", ["plan", *arguments, "--token_type=char"])
    with pytest.raises(SystemExit) as caught:
        run(plan.get_parser(), plan.main)
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1 and line.startswith(f"error: {tmp_path / 'none'}")


def test_a_key_that_training_does_not_read_is_refused_by_name(stage):
    with pytest.raises(InputError, match="does not read batch_secnds.*did you mean batch_seconds"):
        stage("--set", "batch_secnds=3")


def test_stage_7_says_how_often_a_method_passes_over_either_kind_of_audio(stage, root, tmp_path):
    """weighted_sum takes 10 steps where bljust has 6 with labelled and 6 with pool audio (gamma is 0 in cycle 1)."""
    passes, seconds = {}, {}
    for method in ("bljust", "ptft", "alternating", "weighted_sum", "supervised"):
        settings = stage("--method", method, exp_dir=tmp_path / method)
        passes[method] = json.loads((tmp_path / method / "plan.json").read_text())["passes"]
        seconds[method] = settings["batch_seconds"], settings["unlabelled_batch_seconds"]
    samples = [int(row.split()[1]) for row in (root / "dump/train_labelled/utt2num_samples").read_text().splitlines()]
    batches = {share: BatchStream([str(number) for number in range(len(samples))], [count / 16000 for count in samples],
                                  share * 2.5, 0, "labelled").batches_per_pass for share in (1, 0.6)}
    assert passes["bljust"]["labelled"] == 6 / batches[1] and passes["weighted_sum"]["labelled"] == 10 / batches[0.6]
    assert passes["ptft"] == passes["alternating"] == passes["bljust"]
    assert passes["supervised"] == {"labelled": passes["bljust"]["labelled"], "pool": 0.0}
    assert seconds["weighted_sum"] == pytest.approx((2.5 * 6 / 10, 3 * 6 / 10)) and seconds["ptft"] == (2.5, 3)


@pytest.mark.parametrize(("optimizer", "expected"), [("sgd", True), ("adamw", False)])
def test_the_rate_is_divided_by_gamma_for_sgd_alone_unless_the_configuration_says_otherwise(stage, optimizer, expected):
    assert stage("--set", f"optim={optimizer}")["plan_conf"]["alpha_over_gamma"] == expected
    for said in (True, False):
        settings = stage("--set", f"optim={optimizer}", "--set", f"plan_conf.alpha_over_gamma={said}".lower())
        assert settings["plan_conf"]["alpha_over_gamma"] == said
