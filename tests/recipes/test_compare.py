"""compare.sh: every arm with every seed through run.sh by a launcher, what is missing made up for, one table."""

import re
import subprocess
from pathlib import Path

import pytest

from espnet_bljust.comparison import description
from tests.helpers import cluster

ROOT = Path(__file__).parents[2]
# In the place of bljust.sh: notes its options, and leaves what scoring leaves. An arm `bad` fails.
STAND_IN = """#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
echo "${cmd_backend:-none} $*" >>calls
[[ " $* " != *" --stop_stage 6 "* ]] || exit 0
[[ " $* " != *bad* ]] || [ -e mended ] || { echo "disk full" >&2; exit 1; }
while [ $# -gt 0 ]; do declare "${1#--}=$2"; shift 2; done
python3 make.py "$expdir/$asr_tag" "$seed"
"""
MAKE = """
import json, sys
from pathlib import Path
from espnet_bljust.scoring.sclite_result import result_text, score_units
folder, wrong = Path(sys.argv[1]), 1 + int(sys.argv[2]) + ("ptft" in sys.argv[1])
said = {f"s3-{index}": "a b c d e".split() for index in range(4)}
heard = {name: ["x"] * wrong + words[wrong:] for name, words in said.items()}
scores = folder / "decode_greedy_average/test/score_wer"
scores.mkdir(parents=True, exist_ok=True)
(scores / "result.txt").write_text(result_text(score_units(said, heard, {name: "s3" for name in said})))
(folder / "plan.json").write_text(json.dumps({"passes": {"labelled": 1.0, "pool": 2.0}}))
(folder / "history.jsonl").write_text(json.dumps({"kind": "train", "step": 60, "phase": "final", "seconds": 1}) + "\\n")
"""
CONFIG = """
name: toy
seeds: [3, 1]
test_set: test
reference: bljust
options: {labels: 0.5, asr_args: a=1}
arms:
  bljust: {method: bljust}
  ptft: {method: ptft, asr_args: b=2 c=3, skip_broken: true}
"""


@pytest.fixture
def standing_in(recipe):
    (recipe.folder / "run.sh").write_text(STAND_IN)
    (recipe.folder / "make.py").write_text(MAKE)
    (recipe.folder / "conf/compare.yaml").write_text(CONFIG)
    (recipe.folder / "dump/raw/test").mkdir(parents=True)
    (recipe.folder / "dump/raw/test/utt2spk").write_text("".join(f"s3-{index} s3\n" for index in range(4)))
    return recipe


def compare(recipe, *words, code=0):
    script = recipe.folder / "run_compare.sh"
    script.write_text('#!/bin/sh\ncd "$(dirname "$0")" && exec ../../../local/compare.sh "$@"\n')
    script.chmod(0o755)
    done = subprocess.run([script, *words], env=recipe.environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(bool(cluster.missing()), reason=cluster.missing())
def test_on_slurm_the_runs_are_one_array_and_stay_each_in_its_task(standing_in):
    slurm = cluster.start_or_skip()
    try:
        standing_in.environment |= {**slurm.environment, "PYTHONPATH": standing_in.environment["PYTHONPATH"],
                                    "cmd_backend": "slurm"}
        output = compare(standing_in, "--ngpu", "0", "--nj", "4", "--draws", "50")
    finally:
        slurm.stop()
    assert re.search(r"slurm.py: exp/toy/logs/run.JOB.log: job \d+, tasks: 4\.", output)
    _, *runs = (standing_in.folder / "calls").read_text().splitlines()
    assert len(runs) == 4 and all(run.startswith("local --stage 7 ") for run in runs)
    assert "| ptft |" in output


def test_every_arm_and_seed_runs_once_on_one_data_preparation(standing_in):
    output = compare(standing_in, "--ngpu", "0", "--draws", "50", "--run_args", "--num_workers 0")
    data, *runs = (standing_in.folder / "calls").read_text().splitlines()
    decoded = "--use_ngram false --test_sets test --eval_valid_set false"  # only the set of the table
    assert data == f"none --stop_stage 6 --seed 3 {decoded} --dumpdir dump --labels 0.5 --asr_args a=1 --num_workers 0"
    assert len(runs) == 4 and all(run.startswith("local --stage 7 --stop_stage 13 --seed ") for run in runs)
    assert all(decoded in run for run in runs)
    tags = {re.search(r"--expdir exp/toy --asr_tag (\S+)", run)[1] for run in runs}
    assert tags == {"bljust_seed3", "bljust_seed1", "ptft_seed3", "ptft_seed1"}
    (ptft,) = (run for run in runs if "ptft_seed1" in run)
    assert "--labels 0.5 --asr_args a=1 b=2 c=3 --method ptft --skip_broken true --num_workers 0" in ptft
    # wrong words: 4 and 2 of 5 against 5 and 3
    assert "| bljust | 60.00 ± 28.28 | - | - | - | 1.0 | 2.0 | 1.0 |" in output
    assert "| ptft | 80.00 ± 28.28 | +25.0 [" in output
    assert (standing_in.folder / "exp/toy/comparison.png").exists()
    assert (standing_in.folder / "exp/toy/logs/run.4.log").exists()


def test_published_figures_stand_beside_ours_with_their_source(standing_in):
    path = standing_in.folder / "conf/compare.yaml"
    path.write_text(CONFIG + "published: {source: 'A report, table 2', metric: called WER, figures: {ptft: 16.2}}\n")
    output = compare(standing_in, "--ngpu", "0", "--draws", "50")
    assert re.search(r"^\| arm \| WER % .* \| minutes \| CER % \| published \|$", output, re.MULTILINE)
    assert "| bljust | 60.00 ± 28.28 | - | - | - | 1.0 | 2.0 | 1.0 | - | - |" in output  # no CER was scored
    assert re.search(r"^\| ptft \| 80.00 .* \| - \| 16.2 \|$", output, re.MULTILINE)
    assert "Published: called WER. Source: A report, table 2." in output
    path.write_text(CONFIG + "published: {source: x, metric: y, figures: {other: 1}}\n")
    assert "published wants source, metric, and figures of arms" in compare(standing_in, code=1)


@pytest.mark.parametrize("name", ["layers", "rates"])
def test_published_comparisons_have_a_figure_for_every_arm_and_options_that_are_read(name):
    """Each arm's settings through stage 7's own reader, in the recipe they name; the ablation's have their size."""
    from espnet_bljust.network.config import CPCConfig
    from espnet_bljust.network.systems import read_configs
    from espnet_bljust.planning.settings import merge

    path, recipe = ROOT / f"conf/compare_{name}.yaml", ROOT / "egs2/librispeech/bljust"
    found = description.read_description(path)
    assert found.published.figures.keys() == found.arms.keys()
    for arm in found.arms:
        options = found.arm_options(arm)
        size_config = ROOT / "conf/size" / f"{options['model_size']}.yaml"
        trunk, ssl = read_configs(
            merge(size_config, recipe / options["asr_config"], changes=options.get("asr_args", "").split()))
        assert ssl == CPCConfig() and trunk.attention and trunk.cell == "gru"
        if name == "layers":
            assert arm.split("_")[1] == f"{trunk.num_convolutions}x{trunk.num_layers}"


def test_a_failed_run_is_named_the_rest_is_reported_and_the_next_call_makes_up_for_it(standing_in):
    path = standing_in.folder / "conf/compare.yaml"
    path.write_text(CONFIG.replace("  ptft:", "  bad: {method: supervised}\n  ptft:"))
    output = compare(standing_in, "--ngpu", "0", "--draws", "50", code=1)
    assert "run.2.log: disk full" in output and "2 of 6 jobs failed" in output
    assert "no seed has all arms, bad_seed3 is missing" in output
    assert "| ptft |" in compare(standing_in, "--arms", "ptft", "--draws", "50")  # and the reference
    assert (standing_in.folder / "exp/toy/COMPARISON_ptft.md").exists()
    assert not (standing_in.folder / "exp/toy/COMPARISON.md").exists()  # the whole comparison's
    assert "--arms names 'typo', which is none of bljust, bad, ptft" in compare(standing_in, "--arms", "typo", code=1)
    (standing_in.folder / "mended").touch()
    assert "| bad | 60.00" in compare(standing_in, "--ngpu", "0", "--draws", "50")
    assert "| bad | 60.00" in compare(standing_in, "--report_only", "--draws", "50")
    assert len((standing_in.folder / "calls").read_text().splitlines()) == 7 + 5 + 7  # the last call trained nothing


def test_the_table_may_be_of_characters_in_the_place_of_words(standing_in):
    compare(standing_in, "--ngpu", "0", "--draws", "50")
    for run in (standing_in.folder / "exp/toy").glob("*_seed*"):
        words = (run / "decode_greedy_average/test/score_wer").rename(run / "decode_greedy_average/test/score_cer")
        assert (words / "result.txt").exists()
    output = compare(standing_in, "--report_only", "--score", "cer", "--draws", "50")
    assert "| arm | CER % | bljust better by %" in output and "| ptft | 80.00" in output
    assert (standing_in.folder / "exp/toy/COMPARISON_cer.md").exists()


def test_scores_of_other_options_than_the_descriptions_are_not_taken_for_its_own(standing_in):
    path = standing_in.folder / "conf/compare.yaml"
    assert "| ptft | 80.00" in compare(standing_in, "--ngpu", "0", "--draws", "50")
    path.write_text(CONFIG.replace("b=2", "b=bad"))
    output = compare(standing_in, "--report_only", "--draws", "50", code=1)
    assert "no seed has all arms, ptft_seed3 is missing" in output
    compare(standing_in, "--ngpu", "0", "--draws", "50", code=1)  # the runs fail, and the old scores have gone
    path.write_text(CONFIG)
    assert "ptft_seed3 is missing" in compare(standing_in, "--report_only", "--draws", "50", code=1)
    assert "| ptft | 80.00" in compare(standing_in, "--ngpu", "0", "--draws", "50")


@pytest.mark.slow
def test_two_methods_go_through_all_stages_and_end_in_a_table(recipe):
    """Everything real, on noise: the audio, the training, the scores; and a second call finds all up to date."""
    (recipe.folder / "conf/compare.yaml").write_text("""
name: noise
seeds: [0]
test_set: test
reference: weighted_sum
options:
  model_size: tiny
  num_workers: 0
  asr_args: >-
    plan_conf.exploration_steps=1 plan_conf.joint_steps=1 plan_conf.final_steps=1 keep_nbest_models=1
    trunk_conf.num_layers=1
arms:
  weighted_sum: {method: weighted_sum}
  supervised: {method: supervised}
""")
    output = compare(recipe, "--ngpu", "0", "--draws", "50")
    assert re.search(r"^\| supervised \| [\d.]+ \|", output, re.MULTILINE)
    row = r"^\| (\w+) \| [\d.]+ \|.*\| ([\d.]+ \| [\d.]+) \| [\d.]+ \| [\d.]+ \|$"  # passes, minutes, CER
    passes = dict(re.findall(row, output, re.MULTILINE))
    labelled = {arm: float(found.split(" | ")[0]) for arm, found in passes.items()}
    assert labelled["weighted_sum"] == labelled["supervised"] > 0
    compare(recipe, "--ngpu", "0", "--draws", "50")
    log = (recipe.folder / "exp/noise/logs/run.1.log").read_text()
    assert "stage 9 joint is up to date" in log and "stage 13 score is up to date" in log
