"""Every trunk and objective with every method: stages 7 to 10 on mini's audio; packs of the new trunks."""

import json
import math
import re

import pytest
import torch

from espnet_bljust.bin import plan
from espnet_bljust.planning import limits
from espnet_bljust.planning.speed import Rates

pytest.importorskip("espeakng_loader", reason="espeakng-loader is not installed")
SMALL_CNN_RNN = ("trunk_conf.num_mels=20", "trunk_conf.maps=4", "trunk_conf.hidden=24", "trunk_conf.dim=32")
SYSTEMS = {
    "lstm": ("cnn_rnn_tiny", *SMALL_CNN_RNN),
    "gru": ("cnn_rnn_tiny", "trunk_conf.cell=gru", "trunk_conf.attention=true", "trunk_conf.num_convolutions=1",
            *SMALL_CNN_RNN),
    "conformer": ("conformer_tiny", "trunk_conf.dim=32", "trunk_conf.num_layers=2", "trunk_conf.num_mels=20"),
}
METHODS = ("bljust", "ptft", "supervised", "weighted_sum", "alternating")
SHORT = ("plan_conf.exploration_steps=6", "plan_conf.joint_steps=12", "plan_conf.final_steps=6", "steps_per_epoch=6",
         "batch_seconds=4", "unlabelled_batch_seconds=4", "log_interval=2", "keep_nbest_models=1",
         "cpc_conf.final_dim=16", "cpc_conf.context_seconds=1", "cpc_conf.future_seconds=0.5")  # fmt: skip


@pytest.fixture
def train(small_mini, monkeypatch):
    """Stages 7 to 10 in this process; gives the experiment's directory."""
    monkeypatch.chdir(small_mini.folder)
    monkeypatch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))  # seconds of work, tested elsewhere
    torch.set_num_threads(1)

    def train(system, method, *changes):
        from espnet_bljust.espnet.task import BLJustTask

        size, *own = system
        exp_dir = small_mini.folder / f"exp/{size}_{method}_{len(list(small_mini.folder.glob('exp/*')))}"
        raw, conf = "dump/raw", "../../../conf/size"
        words = ["--config=conf/train_bljust.yaml", f"--size_config={conf}/{size}.yaml", f"--exp_dir={exp_dir}",
                 f"--train_dir={raw}/train_labelled", f"--pool_dir={raw}/train_pool", f"--valid_dir={raw}/dev",
                 "--token_list=data/en_token_list/char/tokens.txt", "--token_type=char", f"--method={method}"]
        changes = [f"--set={change}" for change in (*SHORT, *own, *changes)]
        plan.main(plan.get_parser().parse_args([*words, *changes]))
        BLJustTask.main(cmd=["--config", str(exp_dir / "train.yaml"), "--output_dir", str(exp_dir), "--ngpu", "0",
                             "--num_workers", "0"])
        return exp_dir

    return train


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_trains_with_every_method(train, system, method):
    """Losses are finite, CTC falls on dev, and what the plan asks for is computed."""
    exp_dir = train(SYSTEMS[system], method)
    rows = [json.loads(line) for line in (exp_dir / "history.jsonl").read_text().splitlines()]
    trained, valid = ([row for row in rows if row["kind"] == kind] for kind in ("train", "valid"))
    ctc = [row["ctc"] for row in valid]
    contrastive = [row["contrastive"] for row in trained if row["contrastive"] is not None]
    assert all(map(math.isfinite, ctc + contrastive)) and ctc[-1] < ctc[0]
    assert (not contrastive) == (method == "supervised")
    assert all(0 <= row["ssl_accuracy"] <= 1 and row["cer"] >= 0 for row in valid)
    assert all((row["code_perplexity"] is None) == (system != "conformer") for row in trained if row["contrastive"])
    assert trained[-1]["skipped_steps"] == 0


@pytest.mark.parametrize("system, changes", [
    (("conformer_tiny", "objective=cpc", "trunk_conf.dim=32", "trunk_conf.num_layers=2"), ("accum_grad=2",)),
    (("tiny", "objective=cpc", "trunk_conf.num_layers=1"), ("plan_conf.eta_step=own", "plan_conf.gamma_unit=balanced")),
])  # fmt: skip
def test_cpc_goes_with_every_trunk_and_with_accumulation_own_steps_and_balance(train, system, changes):
    exp_dir = train(system, "bljust", *changes)
    rows = [json.loads(line) for line in (exp_dir / "history.jsonl").read_text().splitlines()]
    assert all(math.isfinite(row["contrastive"]) for row in rows if row.get("contrastive") is not None)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["cnn_rnn_tiny", "conformer_tiny"])
def test_a_recipe_runs_to_its_pack_with_another_trunk_and_the_pack_recognises(small_mini, size):
    output = small_mini.run(
        "--stage", "6", "--stop_stage", "14", "--speed_perturb_factors", "", "--skip_packing", "false", "--ngpu", "0",
        "--model_size", size, "--asr_tag", size, "--asr_args", f"{' '.join(SHORT)} objective=cpc",
        "--write_alignments", "true")
    assert re.search(r"^stage 13 score: ", output, re.MULTILINE) and "Traceback" not in output
    assert "Hugging Face has no such trunk" in output and "not with stock ESPnet" in output
    from espnet_bljust.decoding.recogniser import Recogniser

    experiment, pack = small_mini.folder / f"exp/{size}", small_mini.folder / f"exp/{size}/{size}.zip"
    wave = [0.1 * torch.randn(16000)]
    ours, packed = (Recogniser.from_pretrained(str(path)).log_probabilities(wave)[0] for path in (experiment, pack))
    assert torch.equal(ours, packed)
