"""A tiny experiment on generated audio: data directories, token list and train.yaml as the stages leave them."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from espnet_bljust.bin import plan

TINY = """
trunk_conf:
  conv_layers: [[16, 10, 5], [16, 3, 2], [16, 3, 2], [16, 3, 2], [16, 3, 2], [16, 2, 2], [16, 2, 2]]
  dim: 24
  num_layers: 2
  num_heads: 2
  ffn_dim: 48
  pos_kernel: 16
  pos_groups: 2
  dropout: 0.1
  attention_dropout: 0.1
ssl_conf: {groups: 2, codes: 8, latent_dim: 16, final_dim: 16}
"""
CONFORMER = """
trunk: conformer
trunk_conf: {num_mels: 16, dim: 24, num_layers: 2, num_heads: 2, ffn_dim: 32, kernel: 5}
ssl_conf: {groups: 2, codes: 8, latent_dim: 16, final_dim: 16}
"""
TRAIN = """
plan_conf:
  schedule: paper
  cycles: 2
  exploration_steps: 2
  joint_steps: 2
  final_steps: 2
  gamma_max: 2.0
  exploration_rates: {theta: 1.0e-3, eta: 1.0e-3}
  joint_rates: {theta: 1.0e-3, phi: 1.0e-3, eta: 1.0e-3}
  final_rates: {theta: 1.0e-3, phi: 1.0e-3}
optim: adamw
optim_conf: {weight_decay: 0.01}
batch_seconds: 2.5
unlabelled_batch_seconds: 3
accum_grad: 1
steps_per_epoch: 2
log_interval: 1
keep_nbest_models: 2
masking_conf: {num_negatives: 10}
"""
TOKENS = ["<blank>", "<unk>", "<space>", "A", "B", "C", "<sos/eos>"]


def make_set(folder: Path, count: int, seed: int, text: bool) -> None:
    """``count`` utterances of 0.6 to 1.6 s of noise with transcripts of A, B and C."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows: dict[str, list[str]] = {"wav.scp": [], "text": [], "utt2num_samples": []}
    for index in range(count):
        name, samples = f"{folder.name}-{index:02d}", int(rng.integers(9600, 25600))
        soundfile.write(folder / f"{name}.wav", 0.1 * rng.standard_normal(samples), 16000)
        rows["wav.scp"].append(f"{name} {folder / name}.wav")
        rows["text"].append(f"{name} {''.join(rng.choice(list('ABC'), 4))}")
        rows["utt2num_samples"].append(f"{name} {samples}")
    for table, lines in rows.items():
        if text or table != "text":
            (folder / table).write_text("\n".join(lines) + "\n")


def make_experiment(
    root: Path, *changes: str, method: str = "bljust", init_from: Path | str = "", size: str = TINY,
) -> Path:
    """Stage 7 on generated sets; ``changes`` are ``key=value`` for --set. Returns the experiment directory."""
    data = root / "dump"
    if not data.exists():
        make_set(data / "train_labelled", 7, 1, text=True)
        make_set(data / "train_pool", 9, 2, text=False)
        make_set(data / "dev", 3, 3, text=True)
        (root / "train.yaml").write_text(TRAIN)
        (root / "tokens.txt").write_text("\n".join(TOKENS) + "\n")
    (root / "tiny.yaml").write_text(size)
    exp_dir = root / f"exp{len(list(root.glob('exp*')))}"
    arguments = ["--config", root / "train.yaml", "--size_config", root / "tiny.yaml", "--exp_dir", exp_dir,
                 "--train_dir", data / "train_labelled", "--pool_dir", data / "train_pool", "--valid_dir", data / "dev",
                 "--token_list", root / "tokens.txt", "--token_type", "char", "--seed", "3", "--method", method,
                 "--init_from", init_from]
    arguments += [item for change in changes for item in ("--set", change)]
    plan.main(plan.get_parser().parse_args([str(item) for item in arguments]))
    return exp_dir


def train(exp_dir: Path, until: str = "final", *more: str) -> None:
    """Run the real task in this process."""
    from espnet_bljust.espnet.task import BLJustTask

    BLJustTask.main(cmd=["--config", str(exp_dir / "train.yaml"), "--output_dir", str(exp_dir), "--until", until,
                         "--ngpu", "0", "--num_workers", "0", *more])


def _process(exp_dir: Path, rank: int, meeting: Path) -> None:
    torch.set_num_threads(1)
    train(exp_dir, "final", "--multiprocessing_distributed", "false", "--dist_backend", "gloo", "--dist_init_method",
          f"file://{meeting}", "--dist_world_size", "2", "--dist_rank", str(rank))


def train_processes(exp_dir: Path, meeting: Path) -> None:
    """Run the whole plan on two processes, which meet by a file."""
    context = torch.multiprocessing.get_context("fork")
    processes = [context.Process(target=_process, args=(exp_dir, rank, meeting)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
    assert [process.exitcode for process in processes] == [0, 0]


def weights(exp_dir: Path) -> dict[str, torch.Tensor]:
    """Parameters at the last checkpoint."""
    return torch.load(exp_dir / "checkpoint.pth", weights_only=True)["model"]


def history(exp_dir: Path) -> list[dict]:
    """Rows without the seconds they took."""
    rows = [json.loads(line) for line in (exp_dir / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def train_killed_at(exp_dir: Path, step: int) -> None:
    """Train until that optimizer step, which does not happen."""
    from espnet_bljust.training.update import Updater

    real = Updater.step

    def dies(self, batches, moment, *rest, **named):
        if moment.step == step:
            raise KeyboardInterrupt
        real(self, batches, moment, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Updater, "step", dies)
        with pytest.raises(KeyboardInterrupt):
            train(exp_dir)


def assert_close_runs(one: Path, two: Path) -> None:
    """Weights to 1e-10 and what both log of gamma, rates, pulls and losses to rounding: for two cuts of a batch."""
    expected = weights(two)
    for name, value in weights(one).items():
        assert torch.allclose(value, expected[name], rtol=0, atol=1e-10), name
    for first, second in zip(history(one), history(two), strict=True):
        for name in ("gamma", "lr_theta", "norm_f", "norm_g", "cosine", "grad_norm", "cer", "ctc", "contrastive",
                     "contrastive_guess", "ssl_accuracy", "masked_fraction", "infeasible", "unreadable"):
            found, due = first.get(name), second.get(name)
            assert found == due or found == pytest.approx(due, rel=1e-4, abs=1e-6), name
