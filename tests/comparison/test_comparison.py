"""The table of a comparison from experiments on disk: rates, spread, cost and tests, against numbers taken by hand."""

import json
import shutil
import statistics
from pathlib import Path

import pytest
from matplotlib.image import imread

from espnet_bljust.bin.compare import get_parser, main
from espnet_bljust.comparison.arms import read_run
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.history import training_seconds
from espnet_bljust.scoring.sclite_result import read_utterances, result_text, score_units
from espnet_bljust.scoring.significance import sign_flip_p

SIZES = Path(__file__).parents[2] / "conf/size"
SPEAKERS = {f"{speaker}{index}": speaker for speaker in ("ann", "bob", "eve") for index in range(4)}
DESCRIPTION = """
name: toy
seeds: [0, 1]
test_set: test
reference: ours
arms:
  ours: {method: bljust}
  theirs: {method: ptft}
"""


def make_run(folder, wrong):
    """Twelve utterances of five words; ``wrong``: how many words of each utterance are wrong."""
    references = {name: ["one", "two", "three", "four", "five"] for name in SPEAKERS}
    hypotheses = {name: ["no"] * wrong(name) + words[wrong(name):] for name, words in references.items()}
    scores = folder / "decode_greedy_average/test/score_wer"
    scores.mkdir(parents=True)
    (scores / "result.txt").write_text(result_text(score_units(references, hypotheses, SPEAKERS)))
    (folder / "plan.json").write_text(json.dumps({"passes": {"labelled": 7.25, "pool": 3.0}}))
    rows = [{"kind": "train", "step": step, "phase": "joint", "seconds": 0.5 * step} for step in (10, 20, 25)]
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def comparison(tmp_path):
    """Two arms, two seeds: theirs has one more error in every utterance of two speakers."""
    for seed in (0, 1):
        make_run(tmp_path / f"exp/toy/ours_seed{seed}", lambda name, seed=seed: 1 + seed)
        make_run(tmp_path / f"exp/toy/theirs_seed{seed}", lambda name, seed=seed: 1 + seed + (name[0] != "e"))
    (tmp_path / "dump/raw/test").mkdir(parents=True)
    (tmp_path / "dump/raw/test/utt2spk").write_text("".join(f"{name} {who}\n" for name, who in SPEAKERS.items()))
    (tmp_path / "compare.yaml").write_text(DESCRIPTION)
    return tmp_path


def report(folder):
    words = ["--config", "compare.yaml", "--action", "report", "--expdir", "exp", "--dumpdir", "dump", "--draws", "300"]
    options = get_parser().parse_args(words)
    options.config, options.expdir, options.dumpdir = (folder / path for path in ("compare.yaml", "exp", "dump"))
    main(options)
    return {arm["name"]: arm for arm in json.loads((folder / "exp/toy/comparison.json").read_text())}


def test_the_table_holds_rates_spread_gain_and_both_tests(comparison, capsys):
    arms = report(comparison)
    ours, theirs = arms["ours"], arms["theirs"]
    assert ours["wers"] == pytest.approx([1 / 5, 2 / 5])
    assert theirs["wers"] == pytest.approx([(12 + 8) / 60, (24 + 8) / 60])
    assert theirs["gain"]["gain"] == pytest.approx(16 / 52) and ours["gain"] is None
    assert 0 <= theirs["gain"]["low"] < 16 / 52 < theirs["gain"]["high"] <= 0.5
    assert theirs["p_seeds"] == sign_flip_p([8, 8]) == 0.5
    assert theirs["p_speakers"] == sign_flip_p([8, 8, 0]) == 0.5
    text = (comparison / "exp/toy/COMPARISON.md").read_text()
    deviation = 100 * statistics.stdev(theirs["wers"])
    assert f"| theirs | 43.33 ± {deviation:.2f} | +30.8 [" in text
    assert text in capsys.readouterr().out
    assert imread(comparison / "exp/toy/comparison.png").shape[1] > 500


def test_an_arm_of_a_pair_is_compared_with_its_own_reference(comparison):
    for seed in (0, 1):
        make_run(comparison / f"exp/toy/other_seed{seed}", lambda name: 4)
    (comparison / "compare.yaml").write_text(DESCRIPTION + "  other: {}\npairs: {theirs: other}\n")
    arms = report(comparison)
    assert arms["theirs"]["gain"]["gain"] == pytest.approx((52 - 96) / 52) and arms["theirs"]["against"] == "other"
    assert arms["other"]["gain"]["gain"] == pytest.approx((96 - 36) / 96) and arms["other"]["against"] is None
    text = (comparison / "exp/toy/COMPARISON.md").read_text()
    assert "] (other) |" in text and "or of the arm in brackets" in text
    (comparison / "compare.yaml").write_text(DESCRIPTION + "folds: 2\npairs: {theirs: ours}\n")
    with pytest.raises(InputError, match="has folds, whose table knows neither pairs nor --score"):
        report(comparison)
    (comparison / "compare.yaml").write_text(DESCRIPTION + "pairs: {theirs: nobody}\n")
    with pytest.raises(InputError, match="pairs is .*nobody.*, not arms with arms"):
        report(comparison)


def test_an_arm_without_errors_has_no_gain_and_the_numbers_stay_json(comparison):
    for seed in (0, 1):
        shutil.rmtree(comparison / f"exp/toy/theirs_seed{seed}")
        make_run(comparison / f"exp/toy/theirs_seed{seed}", lambda name: int(name == "eve3"))  # not in every draw
    arms = report(comparison)
    assert arms["theirs"]["gain"] is None and arms["theirs"]["p_seeds"] == 0.5
    numbers = (comparison / "exp/toy/comparison.json").read_text()
    json.loads(numbers, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert "| theirs | 1.67 ± 0.00 | - |" in (comparison / "exp/toy/COMPARISON.md").read_text()


def test_cost_is_passes_of_the_plan_and_seconds_of_the_steps(comparison):
    run = read_run(comparison / "exp/toy/ours_seed0", "decode_greedy_average/test")
    assert run.passes == {"labelled": 7.25, "pool": 3.0}
    assert run.seconds == 10 * 5 + 10 * 10 + 5 * 12.5
    assert "| 7.2 | 3.0 | 3.5 |" in read_table(comparison)


def test_the_character_error_rate_stands_beside_the_word_error_rate_where_it_was_scored(comparison):
    assert "CER" not in read_table(comparison)
    for scores in comparison.glob("exp/toy/ours_seed*/decode_greedy_average/test/score_wer"):
        shutil.copytree(scores, scores.with_name("score_cer"))
    heads, _, ours, theirs = [line for line in read_table(comparison).splitlines() if line.startswith("|")]
    assert heads.endswith("| minutes | CER % |")
    assert ours.endswith("| 3.5 | 30.00 |") and theirs.endswith("| 3.5 | - |")


def read_table(folder):
    report(folder)
    return (folder / "exp/toy/COMPARISON.md").read_text()


def test_a_missing_run_is_named_and_its_seed_left_out_in_every_arm(comparison):
    (comparison / "exp/toy/theirs_seed1/decode_greedy_average/test/score_wer/result.txt").unlink()
    arms = report(comparison)
    assert [len(arm["wers"]) for arm in arms.values()] == [1, 1]
    assert "Not there yet: theirs_seed1." in (comparison / "exp/toy/COMPARISON.md").read_text()
    (comparison / "exp/toy/ours_seed0/decode_greedy_average/test/score_wer/result.txt").unlink()
    with pytest.raises(InputError, match="no seed has all arms, ours_seed0 is missing"):
        report(comparison)


def test_arms_scored_on_other_utterances_are_refused(comparison):
    path = comparison / "exp/toy/theirs_seed1/decode_greedy_average/test/score_wer/result.txt"
    path.write_text(path.read_text().replace("id: (ann-ann0)", "id: (ann-ann9)"))
    with pytest.raises(InputError, match="theirs, seed 1: scored on other utterances than ours"):
        report(comparison)


def test_utterances_of_a_report_are_read_back_with_their_counts(comparison):
    counts = read_utterances(comparison / "exp/toy/theirs_seed0/decode_greedy_average/test/score_wer/result.txt")
    assert list(counts) == [f"{speaker}-{name}" for name, speaker in SPEAKERS.items()]
    assert (counts["ann-ann0"].errors, counts["eve-eve3"].errors, counts["bob-bob1"].words) == (2, 1, 5)


def test_a_resumed_history_counts_each_step_once(tmp_path):
    rows = [(10, 1.0), (20, 1.0), (15, 3.0), (20, 3.0)]
    (tmp_path / "history.jsonl").write_text("".join(
        json.dumps({"kind": "train", "step": step, "seconds": seconds}) + "\n" for step, seconds in rows))
    assert training_seconds(tmp_path / "history.jsonl") == 10 * 1 + 5 * 3 + 5 * 3


@pytest.mark.parametrize(("change", "named"), [
    (("seeds: [0, 1]", "seeds: [true]"), r"seeds is \[True\], not a list"),
    (("seeds: [0, 1]", "seeds: [4294967296]"), "not a list of whole numbers from 0 to 4294967295"),
    (("seeds: [0, 1]", "seeds: [1, 01]"), r"seeds \[1, 1\] has one twice"),
    (("seeds: [0, 1]", "seeds: 3"), "seeds is 3, not a list"), (("reference: ours", "reference: x"), "'x' is none"),
    (("test_set: test", "tset: test"), "tset is unknown"), (("name: toy", ""), "name is missing"),
    (("{method: ptft}", "{seed: 3}"), "arm theirs sets seed"), (("{method: ptft}", "{method: [}"), "not YAML"),
])  # fmt: skip
def test_a_wrong_description_is_named_in_one_line(comparison, change, named):
    (comparison / "compare.yaml").write_text(DESCRIPTION.replace(*change))
    with pytest.raises(InputError, match=named) as caught:
        report(comparison)
    assert "\n" not in str(caught.value)


TASKS = """
name: sizes
seeds: [0]
reference: ours
tasks:
  PER: {test_set: test, score: ter}
  WER: {test_set: test, options: {token_type: char}}
arms:
  ours: {model_size: base}
  theirs: {model_size: small}
"""


@pytest.fixture
def sizes(comparison):
    """Two arms by two rates: theirs makes one error more an utterance, and by words each makes one more still."""
    (comparison / "compare.yaml").write_text(TASKS)
    for number, arm in enumerate(("ours", "theirs")):
        for extra, task in enumerate(("PER", "WER")):
            folder = comparison / f"exp/sizes/{arm}_{task}_seed0"
            make_run(folder, lambda name, wrong=number + extra: wrong)
            if task == "PER":
                scores = folder / "decode_greedy_average/test"
                (scores / "score_wer").rename(scores / "score_ter")
            (folder / "train.yaml").write_text((SIZES / "tiny.yaml").read_text() + "token_list: [a, b, c]\n")
            losses = ((5, "exploration", 4.0), (10, "exploration", 2.0 + extra), (25, "final", 1.5))
            rows = [{"kind": "valid", "step": step, "phase": phase, "contrastive": loss, "ctc": 10 * loss}
                    for step, phase, loss in losses]
            with (folder / "history.jsonl").open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
    return comparison


def test_tasks_stand_side_by_side_with_losses_parameters_and_time(sizes):
    words = ["--config", str(sizes / "compare.yaml"), "--action", "report", "--expdir", str(sizes / "exp"), "--dumpdir",
             str(sizes / "dump"), "--draws", "50"]
    main(get_parser().parse_args(words))
    text = (sizes / "exp/sizes/COMPARISON.md").read_text()
    heads, _, *rows = [line for line in text.splitlines() if line.startswith("|")][:4]
    assert heads == ("| arm | PER % | WER % | contrastive loss | CTC loss, PER | CTC loss, WER | parameters, M "
                     "| minutes |")
    # (2.0 + 3.0) / 2 nats when exploration ended; 1,359,152 parameters and 3 x 145 of the CTC layer
    assert rows == ["| ours | 0.00 | 20.00 | 2.500 | 15.000 | 15.000 | 1.36 | 3.5 |",
                    "| theirs | 20.00 | 40.00 | 2.500 | 15.000 | 15.000 | 1.36 | 3.5 |"]
    assert "| arm | PER % | ours_PER better by % |" in (sizes / "exp/sizes/COMPARISON_PER.md").read_text()
    assert "| theirs_WER | 40.00 | +50.0" in (sizes / "exp/sizes/COMPARISON_WER.md").read_text()
    assert (sizes / "exp/sizes/comparison_WER.png").exists()


@pytest.mark.parametrize(("change", "answer"), [
    (("tasks:", "test_set: test\ntasks:"), "both test_set and tasks"),
    (("score: ter", "score: per"), "task PER is .* one of wer, cer, ter"),
    (("score: ter", "set: ter"), "task PER is"),
])
def test_a_task_that_cannot_be_scored_is_named_before_anything_runs(tmp_path, change, answer):
    (tmp_path / "compare.yaml").write_text(TASKS.replace(*change))
    with pytest.raises(InputError, match=answer):
        main(get_parser().parse_args(["--config", str(tmp_path / "compare.yaml"), "--action", "check"]))
