"""What is wrong with a configuration is named at stage 7, by key, file and line, before anything is written."""

import re

import pytest

from espnet_bljust.bin import plan
from espnet_bljust.errors import InputError


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
    ("plan_conf.gamma_max=.nan", r"--set plan_conf\.gamma_max=\.nan: \.nan is no number"),
    ("plan_conf={gamma_max: 1, cycles: 2, gamma_max: 2}", "gamma_max stands in line 1 and in line 1"),
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
    ("ssl_conf.penalty_weight=nan", "penalty_weight is 'nan', not a number from 0"),
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
    ("grad_clip=1e999", "1e999 is no number"),
    ("accum_grad=0", "accum_grad is 0, not a whole number from 1"),
    ("accum_grad=2.5", "accum_grad is 2.5"),
    ("accum_grad=true", "accum_grad is True"),
    ("steps_per_epoch=2.5", "steps_per_epoch is 2.5"),
    ("keep_nbest_models=-1", "keep_nbest_models is -1"),
    ("batch_seconds=.inf", "batch_seconds is inf"),
    ("train_dtype=float16", "train_dtype is 'float16', not one of float32, float64"),
    ("optim=bogus", "optim is 'bogus', not one of .*adamw"),
    ("optim_conf.lr=0.5", "optim_conf has lr"),
    ("optim_conf.momentum=0.9", "optim_conf has momentum, which adamw does not take"),
    ("optim_conf.weigth_decay=0.1", "weigth_decay, which adamw does not take.*mean weight_decay?"),
    ("optim_conf.weight_decay=yes", "weight_decay is 'yes', not a number"),
    ("optim_conf.weight_decay=-1", "optim_conf does not go with optim adamw.*weight_decay"),
    ("optim_conf.betas=[0.9]", r"betas is \[0\.9\], not a list of 2 numbers"),
    ("optim_conf.betas=0.9", "betas is 0.9, not a list of 2 numbers"),
    ("optim_conf.amsgrad=no", "amsgrad is 'no', not true or false"),
    ("optim_conf.fused=1", "fused is 1, not true or false"),
    ("optim_conf={fused: true, foreach: true}", "does not go with optim adamw.*foreach"),
    ("optim_conf.maximize=true", "has maximize, which adamw does not take"),
    ("optim_conf=", "optim_conf is None, not keys with values"),
    ("use_amp=yes", "use_amp is 'yes', not true or false"),
    ("accum_grad=yes", "accum_grad is 'yes', not a whole number"),
    ("accum_grad=1:30", "accum_grad is '1:30', not a whole number"),
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
    ("batch_seconds: .nan\n", "1: .nan is no number"),
    ("plan_conf: {warmup: 0.1}\noptim: sgd\nplan_conf: {hold: 0.5}\n", "3: plan_conf stands in line 1 and in line 3"),
    ("- a\n- b\n", 1),
    ("just words\n", 1),
])  # fmt: skip
def test_a_yaml_error_names_file_and_line(stage, tmp_path, content, line):
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(InputError, match=re.escape(f"c.yaml:{line}{': not ' * isinstance(line, int)}")) as caught:
        stage(config=tmp_path / "c.yaml")
    assert "\n" not in str(caught.value)


def test_a_number_is_what_it_looks_like(stage):
    assert stage("--set", "accum_grad=010")["accum_grad"] == 10  # 8 to YAML 1.1


def test_keys_of_optim_conf_that_a_call_gives_stand_beside_those_of_the_file(stage):
    before = stage()["optim_conf"]
    assert before and stage("--set", "optim_conf={eps: 1e-7}")["optim_conf"] == {**before, "eps": 1e-7}


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "x"])
def test_a_seed_that_numpy_does_not_take_is_refused_by_the_parser(seed, capsys):
    with pytest.raises(SystemExit):
        plan.get_parser().parse_args(["--seed", seed])
    assert f"{seed}: not a whole number from 0 to 4294967295" in capsys.readouterr().err
