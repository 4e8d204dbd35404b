"""aishell and ravdess from stage 1 to 13, with a tiny trunk and a few steps, on generated and real speech."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
CORPORA = ROOT.parent / "shared/corpora"
SMALL = "trunk_conf.num_layers=1 log_interval=1 use_amp=false accum_grad=1 batch_seconds=20 unlabelled_batch_seconds=20"
UPDATES = f"""
name: tiny
seeds: [0]
test_set: test
pretraining:
  model_size: tiny
  asr_config: conf/pretrain.yaml
  asr_args: plan_conf.exploration_steps=5 steps_per_epoch=3 {SMALL}
options:
  model_size: tiny
  method: supervised
  asr_config: conf/finetune.yaml
  asr_args: plan_conf.final_steps=4 plan_conf.final_frozen_steps=2 steps_per_epoch=2 {SMALL}
"""


def noise(path, seed, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    soundfile.write(path, 0.1 * rng.standard_normal(int(rng.uniform(0.8, 1.2) * rate)), rate, subtype="PCM_16")


def aishell(folder):
    """AISHELL-1 (the excerpt where it is there) and AISHELL-2, named in db.sh."""
    first = CORPORA / "aishell"
    if not first.is_dir():
        first, lines = folder / "aishell1", []
        for number, name in enumerate(("train", "dev", "test")):
            for index in range(6):
                utterance = f"BAC009S{number:04d}W{index:04d}"
                noise(first / f"wav/{name}/S{number:04d}/{utterance}.wav", 10 * number + index)
                lines.append(f"{utterance} 一 二 三 {'四五六七八九'[index]} {'上中下'[number]}\n")
        (first / "transcript").mkdir()
        (first / "transcript/aishell_transcript_v0.8.txt").write_text("".join(lines))
    data = folder / "AISHELL-2/iOS/data"
    ids = [f"IC000{1 + number // 12}W{number:04d}" for number in range(24)]
    for number, utterance in enumerate(ids):
        noise(data / f"wav/{utterance[1:6]}/{utterance}.wav", 100 + number)
    (data / "wav.scp").write_text("".join(f"{each}\twav/{each[1:6]}/{each}.wav\n" for each in ids))
    (data / "trans.txt").write_text("".join(f"{each}\t句子{number}\n" for number, each in enumerate(ids)))
    return f"AISHELL1={first}\nAISHELL2={folder}\n"


@pytest.mark.slow
def test_aishell_fine_tunes_from_each_kept_checkpoint_and_writes_the_table(copy_recipe, tmp_path):
    recipe = copy_recipe("aishell")
    (recipe.folder / "db.sh").write_text(aishell(tmp_path))
    (recipe.folder / "conf/compare_updates.yaml").write_text(UPDATES)
    words = ["--pretrain_updates", "2 5", "--ngpu", "0", "--nj", "1", "--run_args", "--num_workers 0 --nj 2"]
    done = subprocess.run([recipe.folder / "run.sh", *words], env=recipe.environment, capture_output=True, text=True,
                          timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.findall(r"^\| ([25]) \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \| ([\d.]+) \|$", done.stdout, re.MULTILINE)
    assert [row[0] for row in table] == ["2", "5"] and all(float(row[1]) > 0 for row in table)
    log = (recipe.folder / "exp/tiny/logs/run.2.log").read_text()
    assert "exp/tiny/pretraining/5updates.pth: ours" in log and "2 epochs" in log


@pytest.mark.slow
def test_ravdess_trains_jointly_on_real_speech_and_scores_classes(copy_recipe):
    if not (CORPORA / "ravdess").is_dir():
        pytest.skip(f"the corpus is not at {CORPORA / 'ravdess'}")
    recipe = copy_recipe("ravdess")
    steps = "plan_conf.exploration_steps=1 plan_conf.joint_steps=2 plan_conf.final_steps=1 steps_per_epoch=2"
    output = recipe.run("--ngpu", "0", "--nj", "2", "--num_workers", "0", "--model_size", "tiny", "--asr_tag", "tiny",
                        "--local_data_opts", f"--ravdess_dir {CORPORA / 'ravdess'} --partial true --split files",
                        "--asr_args", f"{steps} {SMALL}")
    assert "LEAKS" in output
    assert re.search(r"decode_greedy_average/test: accuracy [\d.]+ %, unweighted average recall [\d.]+ %", output)
    assert "### Classes" in (recipe.folder / "RESULTS.md").read_text()
    assert (recipe.folder / "exp/tiny/decode_greedy_average/test/score_class/confusion.png").exists()
