"""A key of training is written once: arguments, check, nearest name, page and help follow from its field."""

from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import yaml
from espnet2.tasks.asr import ASRTask

from espnet_bljust.bin import plan
from espnet_bljust.errors import InputError
from espnet_bljust.espnet import stage
from espnet_bljust.espnet.task import BLJustTask
from espnet_bljust.keys import default_of, key, key_of
from espnet_bljust.network.log_mel_config import ConformerConfig
from espnet_bljust.planning.keys_page import page
from espnet_bljust.training import configuration
from espnet_bljust.training.masks import MaskingConfig
from espnet_bljust.training.phase_dropouts import PhaseDropouts, phase_dropouts
from tests.helpers.experiment import TINY, TRAIN

PAGE = Path(__file__).parents[2] / "docs/training_keys.md"
SETTINGS = {**yaml.safe_load(TINY), **yaml.safe_load(TRAIN)}


@dataclass(frozen=True, kw_only=True)
class LongerRun(configuration.Run):
    """Evaluation, records, and what is kept."""

    listen_every: int = key(7, "between hypotheses in the log", unit="epochs", least=2, most=50)


@dataclass(frozen=True)
class LongerMasking(MaskingConfig):
    """Span masks."""

    pool_jitter: float = key(0.25, "of a span's length", least=0, most=1)


@pytest.fixture
def one_edit(monkeypatch):
    """A key more at the top and one in a group, by a field each and nothing else."""
    groups = tuple(LongerRun if group is configuration.Run else group for group in configuration.TOP)
    monkeypatch.setattr(configuration, "TOP", groups)
    monkeypatch.setitem(configuration.CONFS, "masking_conf", {"": LongerMasking})


@pytest.mark.usefixtures("one_edit")
def test_a_field_more_is_all_that_a_new_key_takes(capsys):
    parser = BLJustTask.get_parser()
    assert parser.parse_args([]).listen_every == 7 and parser.parse_args(["--listen_every", "9"]).listen_every == 9
    assert parser.parse_args(["--masking_conf", "pool_jitter=0.5"]).masking_conf == {"pool_jitter": 0.5}
    text = " ".join(parser.format_help().split())
    assert "between hypotheses in the log: a whole number of epochs from 2 to 50" in text and "pool_jitter" in text
    row = "| `listen_every` | 7 | a whole number of epochs from 2 to 50 | between hypotheses in the log |"
    assert row in page() and "| `pool_jitter` | 0.25 | a share from 0 to 1 | of a span's length |" in page()
    with pytest.raises(SystemExit):
        plan.get_parser().parse_args(["--help"])
    told = capsys.readouterr().out
    assert "listen_every (7): between hypotheses in the log; a whole number of epochs from 2 to 50" in told


@pytest.mark.usefixtures("one_edit")
@pytest.mark.parametrize(("change", "message"), [
    ({"listen_every": 8, "masking_conf": {"pool_jitter": 1}}, None),
    ({"listen_every": 1}, "^x.yaml: listen_every is 1, not a whole number of epochs from 2 to 50"),
    ({"listen_evry": 8}, "^x.yaml: training does not read listen_evry. Remove it, or did you mean listen_every?"),
    ({"masking_conf": {"pool_jitter": 2}}, "^x.yaml: masking_conf: pool_jitter is 2, not a share from 0 to 1"),
    ({"masking_conf": {"pool_jiter": 1}}, "^x.yaml: masking_conf: unknown key pool_jiter.*did you mean pool_jitter?"),
])  # fmt: skip
def test_a_new_key_is_checked_with_the_others(change, message):
    if message is None:
        return configuration.check({**SETTINGS, **change}, "x.yaml")
    with pytest.raises(InputError, match=message):
        configuration.check({**SETTINGS, **change}, "x.yaml")


def test_the_new_keys_of_these_tests_are_none_of_training():
    with pytest.raises(InputError, match="training does not read listen_every"):
        configuration.check({**SETTINGS, "listen_every": 8}, "x.yaml")


def test_every_key_is_an_option_of_the_task_with_its_default():
    found = BLJustTask.get_default_config()
    for each in configuration.top_keys():
        if each.name != "optim_conf":  # ESPnet fills in the optimizer's own
            assert found[each.name] == default_of(each), each.name
    assert all(found[name] == {} for name in configuration.CONFS)


def test_a_default_that_is_not_espnets_stands_in_every_train_yaml():
    """So that an experiment goes on under the default that it was begun with."""
    theirs = ASRTask.get_default_config()
    for each in configuration.top_keys():
        if each.name in theirs and each.name != "optim_conf" and not key_of(each).in_train_yaml:
            assert theirs[each.name] == default_of(each), each.name


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    """What ESPnet's task is called with for a train.yaml with these lines more."""
    def arguments(*lines):
        (tmp_path / "train.yaml").write_text("\n".join([*TRAIN.splitlines(), "take_off_steps: 0600", *lines]) + "\n")
        called = []
        monkeypatch.setattr(BLJustTask, "main", lambda args: called.append(args))
        monkeypatch.setattr(stage, "told", lambda *_: "")
        stage.train(tmp_path, "final", stage.Machines())
        return called[0]

    return arguments


def test_espnet_is_given_the_settings_as_this_package_reads_them(arguments):
    """yaml.safe_load, which reads --config, takes 0600 for 384 and 1e-3 for a word."""
    found = arguments("ema_decay: 1e-3")
    assert (found.take_off_steps, found.ema_decay, found.config) == (600, 0.001, None)
    assert found.plan_conf == yaml.safe_load(TRAIN)["plan_conf"] and found.until == "final"


def test_a_key_in_train_yaml_that_nothing_reads_is_named(arguments):
    with pytest.raises(InputError, match="train.yaml: training does not read keep_nbest.*mean keep_nbest_models?"):
        arguments("keep_nbest: 3")


def test_a_phase_has_no_dropout_that_the_trunk_lacks():
    with pytest.raises(InputError, match="dropout_conf: final: the trunk has no layer_drop, only dropout"):
        phase_dropouts(PhaseDropouts(final={"layer_drop": 0.1}), ConformerConfig())


def test_the_page_of_keys_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/training_keys.md is not what the fields say. Write it again: "
        "bljust training_keys > docs/training_keys.md")


@pytest.mark.parametrize("group", [*configuration.TOP, *(
    kind for kinds in configuration.CONFS.values() for kind in kinds.values())], ids=lambda group: group.__name__)
def test_every_key_says_what_it_means_and_its_default_does(group):
    for each in fields(group):
        assert each.metadata["key"].meaning, each.name
        example = key_of(each).example
        if example is not None and example != ():
            configuration.check(changed(group, each.name, example), "x.yaml")


def changed(group, name, value):
    """Settings with one key more, or another value of it."""
    if group in configuration.TOP:
        return {**SETTINGS, name: value}
    for conf, kinds in configuration.CONFS.items():
        for kind, one in kinds.items():
            if one is group:
                kept = SETTINGS["plan_conf"] if conf == "plan_conf" else {}
                return {**SETTINGS, **({"trunk": kind} if kind else {}), conf: {**kept, name: value}}
    raise AssertionError(group)
