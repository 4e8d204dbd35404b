"""compare.sh --pretrain_updates and folds: a fine-tuning from each checkpoint that is kept; every arm in every fold."""

import re
import subprocess

import pytest

# In the place of bljust.sh: notes its options, and leaves what pre-training, or scoring, leaves.
STAND_IN = """#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
echo "$*" >>calls
[[ " $* " != *" --stop_stage 6 "* ]] || exit 0
while [ $# -gt 0 ]; do declare "${1#--}=$2"; shift 2; done
python3 make.py "$expdir/$asr_tag" "$stop_stage" "${init_from:-}" "${lang:-}"
"""
MAKE = """
import json, sys
from pathlib import Path
from espnet_bljust.scoring.confusion import count, write_confusion
from espnet_bljust.scoring.sclite_result import result_text, score_units
folder, stop, weights, fold = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
folder.mkdir(parents=True, exist_ok=True)
if stop == "8":
    rows = [{"kind": "valid", "step": step, "contrastive": 5 - step / 1000, "ssl_accuracy": step / 10000}
            for step in (1000, 2000, 2500)]
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows))
    for step in (1000, 2500):
        (folder / f"{step}updates.pth").write_text("weights")
elif fold:
    said = {f"{fold}-{index}": ("calm", "sad")[index % 2] for index in range(4)}
    heard = {**said, f"{fold}-0": "sad" if fold == "fold1" else "calm"}
    scores = folder / f"decode_greedy_average/test_{fold}/score_class"
    scores.mkdir(parents=True)
    write_confusion(scores / "confusion.json", count(said, heard))
    (folder / "train.yaml").write_text(json.dumps({"token_list": ["<blank>", "<unk>", "calm", "sad", "<sos/eos>"],
        "trunk_conf": {"conv_layers": [[4, 10, 5]], "dim": 4, "num_layers": 1, "num_heads": 1, "ffn_dim": 4,
                       "pos_kernel": 4, "pos_groups": 1}, "head_conf": {"kind": "mean"}}))
    row = {"kind": "train", "step": 60, "phase": "final", "seconds": 1}
    (folder / "history.jsonl").write_text(json.dumps(row) + chr(10))
else:
    assert Path(weights).read_text() == "weights"
    wrong = 3 if "1000updates" in weights else 1
    for name in ("dev", "test"):
        said = {f"s3-{index}": list("abcde") for index in range(4)}
        heard = {key: ["x"] * wrong + units[wrong:] for key, units in said.items()}
        scores = folder / "decode_greedy_average" / name / "score_cer"
        scores.mkdir(parents=True)
        (scores / "result.txt").write_text(result_text(score_units(said, heard, {key: "s3" for key in said})))
"""
UPDATES = """
name: toy
seeds: [3]
test_set: test
pretraining: {asr_config: conf/pretrain.yaml, asr_args: a=1}
options: {method: supervised, asr_config: conf/finetune.yaml}
"""
FOLDS = """
name: sizes
seeds: [0]
folds: 2
test_set: test
reference: big
options: {local_data_opts: --partial true}
arms: {big: {model_size: base}, little: {model_size: small}}
"""


@pytest.fixture
def standing_in(recipe):
    (recipe.folder / "run.sh").write_text(STAND_IN)
    (recipe.folder / "make.py").write_text(MAKE)
    (recipe.folder / "conf/updates.yaml").write_text(UPDATES)
    (recipe.folder / "conf/folds.yaml").write_text(FOLDS)
    (recipe.folder / "compare").write_text('#!/bin/sh\ncd "$(dirname "$0")" && exec ../../../local/compare.sh "$@"\n')
    (recipe.folder / "compare").chmod(0o755)
    return recipe


def compare(recipe, *words, code=0):
    command = [recipe.folder / "compare", "--ngpu", "0", *words]
    done = subprocess.run(command, env=recipe.environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def calls(recipe):
    path = recipe.folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_one_pre_training_keeps_what_each_fine_tuning_starts_from(standing_in):
    output = compare(standing_in, "--config", "conf/updates.yaml", "--pretrain_updates", "1k 2500", "--nj", "1")
    data, pretraining, *runs = calls(standing_in)
    assert "--stop_stage 6 --seed 3" in data
    assert "--stage 7 --stop_stage 8 --seed 3 --expdir exp/toy --asr_tag pretraining" in pretraining
    assert "--asr_config conf/pretrain.yaml --asr_args a=1 keep_updates=[1000,2500]" in pretraining
    assert len(runs) == 2 and all("--method supervised --asr_config conf/finetune.yaml" in run for run in runs)
    assert [re.search(r"--asr_tag (\S+) .*--init_from (\S+)", run).groups() for run in runs] == [
        ("1k_seed3", "exp/toy/pretraining/1000updates.pth"), ("2500_seed3", "exp/toy/pretraining/2500updates.pth")]
    assert "| updates | contrastive loss | accuracy % | CER % dev | CER % test |" in output
    assert "| 1,000 | 4.000 | 10.0 | 60.00 | 60.00 |" in output and "| 2,500 | 2.500 | 25.0 | 20.00 | 20.00 |" in output
    assert "| 2,500 |" not in compare(standing_in, "--config", "conf/updates.yaml", "--pretrain_updates", "1k",
                                      "--report_only")


def test_pre_training_whose_weights_are_there_is_not_repeated_and_a_dry_run_calls_nothing(standing_in):
    words = ["--config", "conf/updates.yaml", "--pretrain_updates", "1k", "--nj", "1"]
    shown = compare(standing_in, *words, "--dry_run")
    assert calls(standing_in) == [] and shown.count("$ ./run.sh ") == 3
    folder = standing_in.folder / "exp/toy/pretraining"
    folder.mkdir(parents=True)
    (folder / "1000updates.pth").write_text("weights")
    assert compare(standing_in, *words, "--dry_run").count("$ ./run.sh ") == 2


@pytest.mark.parametrize(("words", "part"), [
    (["--config", "conf/updates.yaml"], "Say from which: --pretrain_updates '50k 100k'."),
    (["--config", "conf/updates.yaml", "--pretrain_updates", "5m"], "--pretrain_updates 5m: not a number of updates"),
    (["--config", "conf/folds.yaml", "--pretrain_updates", "5k"], "wants `pretraining` in it"),
])
def test_what_cannot_be_meant_stops_in_one_line(standing_in, words, part):
    output = compare(standing_in, *words, code=1)
    assert part in output and output.count("\n") == 1 and calls(standing_in) == []


def test_every_arm_runs_in_every_fold_on_data_of_its_own_and_the_folds_add_up(standing_in):
    output = compare(standing_in, "--config", "conf/folds.yaml", "--nj", "1")
    first, second, *runs = calls(standing_in)
    for fold, data in enumerate((first, second), 1):
        words = f"--dumpdir dump/fold{fold} --local_data_opts --partial true --fold {fold} --suffix _fold{fold} "
        assert f"{words}--train_set train_fold{fold} --valid_set dev_fold{fold} --test_sets test_fold{fold} " in data
    assert len(runs) == 4
    names = ("asr_tag", "dumpdir", "lang", "model_size")
    found = {tuple(re.search(rf"--{name} (\S+)", run)[1] for name in names) for run in runs}
    assert found == {(f"{arm}_seed0_fold{fold}", f"dump/fold{fold}", f"fold{fold}", size)
                     for arm, size in (("big", "base"), ("little", "small")) for fold in (1, 2)}
    assert re.search(r"^\| big \| [\d,]+ \| 8 \| 87.5 ± 17.7 \| 87.5 \| 1.0 \|$", output, re.MULTILINE)
    assert (standing_in.folder / "exp/sizes/confusion_little.png").exists()
