"""The cost planner: closed forms by hand, what must rise or fall with the number of GPUs, every recipe's settings."""

import re
import time
from pathlib import Path

import pytest
import yaml

from espnet_bljust.bilevel.plan_options import build_plan
from espnet_bljust.bin import cost
from espnet_bljust.errors import InputError
from espnet_bljust.planning import cost_rates, cost_report, limits
from espnet_bljust.planning.cost_model import Cluster, all_reduce_bytes, least_micro_batches
from espnet_bljust.planning.cost_model import cost as cost_of
from espnet_bljust.planning.plan_report import Sizes
from espnet_bljust.planning.speed import Rates, seconds_of_step
from espnet_bljust.training.configuration import TrainingSettings
from tests.helpers.experiment import TINY, TRAIN, make_experiment

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = sorted(path for path in ROOT.glob("egs2/*/bljust/conf/**/*.yaml")
                        if "compare" not in path.name and path.parent.name != "evidence")
MODEL_SIZE = {"an4": "tiny", "mini": "conformer_small"}
PLAN = {"method": "bljust", "schedule": "once", "exploration_steps": 10, "joint_steps": 20, "final_steps": 5,
        "gamma": "constant", "gamma_max": 1.0,
        **{f"{phase}_rates": {"theta": 0.1, "phi": 0.1, "eta": 0.1} for phase in ("exploration", "joint", "final")}}
SETTINGS = TrainingSettings({"batch_seconds": 40, "unlabelled_batch_seconds": 60, "accum_grad": 2,
                             "steps_per_epoch": 10, "plan_conf": PLAN})
SIZES = Sizes(theta=90_000_000, phi=1_000_000, eta=9_000_000, bytes_per_second=1e8)  # 1.6 GB of state
RATES = Rates(0.5, 0.25)
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@pytest.fixture
def counted(monkeypatch):
    """Operations of a network that was counted before: about those of size base."""
    monkeypatch.setattr(cost_report, "count_teraflop", lambda _: Rates(0.034, 0.0375))


def rows(cluster, rates=RATES, counts=COUNTS):
    return [cost_of(build_plan(SETTINGS.plan), SETTINGS, SIZES, rates, 12.0, cluster, count) for count in counts]


def run(*words, folder=ROOT / "egs2/librispeech/bljust", size="base"):
    named = {"asr_config": folder / "conf/train_bljust.yaml", "size_config": ROOT / f"conf/size/{size}.yaml",
             "rates": ROOT / "conf/rates.yaml", "own_rates": "none.yaml"}
    files = [str(word) for name, path in named.items() for word in (f"--{name}", path)]
    cost.main(cost.get_parser().parse_args([*files, *words]))


def table(text):
    """The cost table, a dict a row."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| (GPUs|\d+ \| \d+ \|)", line)]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_one_process_sends_nothing_and_two_send_the_gradients_once():
    assert all_reduce_bytes(100, 1) == 0 and all_reduce_bytes(100, 2) == 400 and all_reduce_bytes(100, 4) == 600


def test_a_row_is_what_a_calculation_by_hand_gives():
    (one, four) = rows(Cluster(None, 1e9, overlap=0.05, least_seconds=20), counts=(1, 4))
    labelled, pool = 2 * 25 * 40, 2 * 30 * 60  # micro-batches x steps x seconds
    work = labelled * 0.5 + pool * 0.25 + 4 * 12 * 0.25 / 3  # and evaluations
    assert one.wall_seconds == pytest.approx(work) and one.sent_bytes == one.waiting_share == 0
    assert one.audio_seconds == 100 and one.least_audio_seconds == 40 and one.memory_gb == pytest.approx(1.6 + 10)
    sent = 2 * 2 * 3 / 4 * 100e6 * 4  # two micro-batches
    waiting = sent / 1e9 - 0.05 * 2 / 3 * work / 4 / 35
    assert four.sent_bytes == sent and four.update_seconds == pytest.approx(work / 4 / 35 + waiting)
    assert four.wall_seconds == pytest.approx(work / 4 + 35 * waiting) and four.audio_seconds == 25
    assert four.process_hours == pytest.approx(4 * four.wall_seconds / 3600)


def test_micro_batches_are_as_few_as_fit():
    assert least_micro_batches(SIZES, 120, 1, (1.6 + 12) / 0.9) == 1
    assert least_micro_batches(SIZES, 121, 1, (1.6 + 12) / 0.9) == 2 and least_micro_batches(SIZES, 121, 2, 20) == 1
    assert least_micro_batches(SIZES, 1, 1, 1.6) is None


def test_more_gpus_cost_no_fewer_gpu_hours_nor_less_traffic_and_free_links_share_all_work():
    for bandwidth, overlap in ((1e9, 0.5), (1e10, 0.0), (1e8, 1.0)):
        found = rows(Cluster(None, bandwidth, overlap, 20))
        for values in ([row.process_hours for row in found], [row.sent_bytes * row.processes for row in found]):
            assert all(after >= before - 1e-12 for before, after in zip(values, values[1:], strict=False))
    free = rows(Cluster(None, float("inf"), 0.5, 20))
    assert [row.wall_seconds * row.processes for row in free] == pytest.approx([free[0].wall_seconds] * len(free))


@pytest.mark.parametrize("memory_gb", [2, 4, 16, 80])
def test_an_update_has_the_same_audio_on_any_number_of_gpus_and_each_share_fits(memory_gb):
    for row in rows(Cluster(memory_gb, 1e9, 0.5, 20)):
        assert row.audio_seconds * row.micro_batches * row.processes == pytest.approx(200)
        assert row.fits and row.memory_gb <= 0.9 * memory_gb + 1e-9


def test_a_faster_link_and_a_faster_gpu_never_take_longer():
    slow, link, gpu = (rows(cluster, rates) for cluster, rates in (
        (Cluster(80, 1e9, 0.5, 20), RATES), (Cluster(80, 1e10, 0.5, 20), RATES),
        (Cluster(80, 1e9, 0.5, 20), Rates(0.25, 0.125))))
    for before, *after in zip(slow, link, gpu, strict=True):
        assert all(row.wall_seconds <= before.wall_seconds for row in after)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: str(path.relative_to(ROOT / "egs2")))
def test_every_recipe_and_configuration_has_a_plan(path, counted, capsys):
    corpus = path.relative_to(ROOT / "egs2").parts[0]
    method = {"pretrain.yaml": "ptft", "finetune.yaml": "supervised"}.get(path.name, "bljust")
    run("--asr_config", str(path), "--gpus", " ".join(map(str, COUNTS)), "--labelled_hours", "10", "--method", method,
        "--pool_hours", "100", "--valid_hours", "1", size=MODEL_SIZE.get(corpus, "base"))
    text = capsys.readouterr().out
    found = table(text)
    assert [int(row["GPUs"]) for row in found] == list(COUNTS) and "optimizer steps of" in text
    settings = yaml.safe_load(path.read_text())
    for row in found:  # the audio of an update is that of the configuration
        share = int(row["accum_grad"]) * float(row["unlabelled_batch_seconds"])
        assert method != "bljust" or share == pytest.approx(
            settings.get("accum_grad", 1) * settings["unlabelled_batch_seconds"], rel=2e-3)


def test_a_rate_that_nobody_measured_is_named_so_with_its_assumption(counted, capsys):
    run("--gpu", "a100", "--utilisation", "0.2", "--gpus", "1")
    text = capsys.readouterr().out
    assert "not measured: computed from FLOPs" in text and "20 % of 312 TFLOP/s in bfloat16" in text
    assert f"{0.2 * 312 / 0.0375:,.1f} h of pool audio" in text
    assert "Evaluation is not counted" in text and "| pool | ? |" in text
    run("--gpu", "cpu", "--gpus", "1")
    text = capsys.readouterr().out
    assert "measured: one core of an AMD EPYC (Zen 4)" in text and "size base, bench/train_step.py" in text
    assert f"{1 / (14.70 / 1.20 * 0.0375):,.1f} h of pool audio" in text


def test_the_users_own_rate_decides_alone(counted, capsys):
    run("--rate", "500", "--gpus", "1", "--valid_hours", "3")
    (row,) = table(capsys.readouterr().out)
    hours = (400 * 80_000 + 1400 * 180_000 + 100 * 3 * 3600 / 3) / 500 / 3600  # by hand, from the recipe's numbers
    assert float(row["GPU hours"].replace(",", "")) == pytest.approx(hours, abs=0.06)
    run("--rate", "2/s", "--gpus", "1")
    (row,) = table(capsys.readouterr().out)
    assert float(row["GPU hours"]) == pytest.approx(200_000 / 2 / 3600, abs=0.06) and row["s an update"] == "0.5"


def test_warnings_name_the_numbers_they_are_about(counted, capsys):
    run("--gpus", "1 16 32", "--bandwidth", "0.1")
    text = capsys.readouterr().out
    assert "! 32 GPUs: less than 20 s of audio a GPU" in text  # 400 s of the final phase
    assert "! 16, 32 GPUs take no less time than the number before" in text
    run("--gpus", "1 2")
    assert "\n!" not in capsys.readouterr().out


@pytest.mark.parametrize(("words", "expected"), [
    (["--gpu", "b7"], "--gpu b7: has no rate. Known: cpu, h100"), (["--gpus", "0"], "not numbers from 1 to 512"),
    (["--gpus", "1 1024"], "not numbers from 1 to 512"), (["--rate", "fast"], "--rate fast: neither"),
    (["--labelled_hours", "-3"], "--labelled_hours -3: not a positive number"),
    (["--exp_dir", "none"], "none/train.yaml: not found. Run stage 7 first"),
    (["--asr_args", "batch_secnds=3"], "did you mean batch_seconds"),
    (["--rates", __file__], r"test_cost\.py:1: not YAML"),
    (["--measure", "true"], "--gpu h100: torch sees no GPU here")])  # fmt: skip
def test_a_mistake_is_one_line_with_its_remedy(words, expected, counted, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=expected):
        run(*words)


def test_an_experiment_brings_its_settings_and_hours_with_it(tmp_path, counted, capsys, monkeypatch):
    monkeypatch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))
    exp_dir = make_experiment(tmp_path)
    capsys.readouterr()
    run("--exp_dir", str(exp_dir), "--gpus", "1 2")
    text = capsys.readouterr().out
    stats = (exp_dir / "stats.md").read_text()
    assert text.startswith(stats.partition("\nMemory of a step")[0])
    assert [row["GPUs"] for row in table(text)] == ["1", "2"]


def test_a_measured_machine_is_written_and_then_planned_with(tmp_path, capsys):
    for name, text in (("tiny.yaml", TINY), ("train.yaml", TRAIN)):
        (tmp_path / name).write_text(text)
    words = ["--asr_config", str(tmp_path / "train.yaml"), "--size_config", str(tmp_path / "tiny.yaml"),
             "--own_rates", str(tmp_path / "rates.yaml"), "--gpu", "cpu", "--gpus", "1", "--model_size", "toy"]
    run(*words, "--measure", "true")
    text = capsys.readouterr().out
    assert "measured: one core of this machine, size toy, local/plan.sh --measure true" in text
    device = yaml.safe_load((tmp_path / "rates.yaml").read_text())["devices"]["cpu"]
    measured = device["measured"][0]["pool"]
    assert f"{1 / measured['seconds']:,.1f} h of pool audio" in text
    run(*words)
    assert text.endswith(capsys.readouterr().out)


@pytest.mark.parametrize("change", [("memory_gb: 80", "memory_gb: yes"), ("peak_teraflops: {bfloat16: 989,",
                                    "peak_teraflops: {bfloat16: true,"), ("seconds: 9.41", "seconds: -1"),
                                    ("audio_seconds: 30", "audio_seconds: 1:30"), ("name: NVIDIA T4", "nam: T4")])
def test_a_file_of_rates_holds_positive_numbers(change, tmp_path):
    text = (ROOT / "conf/rates.yaml").read_text()
    (tmp_path / "rates.yaml").write_text(text.replace(*change))
    assert change[0] in text
    with pytest.raises(InputError, match="not a file of rates.*in positive numbers"):
        cost_rates.read_rates(tmp_path / "rates.yaml")


def test_one_core_is_predicted_within_an_order_of_magnitude_of_what_it_does_here():
    import torch

    from espnet_bljust.network.joint import JointNetwork

    size = yaml.safe_load((ROOT / "conf/size/tiny.yaml").read_text())
    settings = TrainingSettings({**size, "token_list": ["<blank>", "<unk>", "a"], "batch_seconds": 1,
                                 "unlabelled_batch_seconds": 1})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    teraflop = cost_rates.count_teraflop(settings)
    device = cost_rates.read_rates(ROOT / "conf/rates.yaml")["cpu"]
    predicted = cost_rates.speed_of(device, teraflop, use_amp=False, utilisation=0.1).rates.pool
    network, started = JointNetwork(*settings.network.shape), time.process_time()
    seconds_of_step(network, 2, settings, pool=True)
    seen = (time.process_time() - started) / 4
    torch.set_num_threads(threads)
    assert predicted / 10 < seen < 10 * predicted
