"""Rate of the data loading: hours of audio that one core makes ready for a step, by file format.

    .venv/bin/python bench/loading.py                 # half a minute
    .venv/bin/python bench/loading.py --formats flac --steps 100

The real iterator of a joint step, as stage 9 builds it: reading, decoding, tokens, masks, negatives, noise.
Utterances of 10 s of coloured noise on a warm file cache, 87.5 s labelled and as much unlabelled a step; with flac.ark
the pool is read in shards. CPU seconds of one process without workers; with workers, each adds as much again.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from helpers.result import RESULTS, header, tell
from kaldiio import save_ark

from espnet_bljust.markdown import row, table
from espnet_bljust.units import SAMPLE_RATE

ROOT = Path(__file__).parents[1]
UTTERANCE_SECONDS = 10.0
BATCH_SECONDS = 87.5
TRAIN = f"""
plan_conf: {{schedule: once, exploration_steps: 1, joint_steps: 100000, final_steps: 1, gamma_max: 1.0,
  exploration_rates: {{theta: 1.0e-4, eta: 1.0e-4}}, joint_rates: {{theta: 1.0e-4, phi: 1.0e-4, eta: 1.0e-4}},
  final_rates: {{theta: 1.0e-4, phi: 1.0e-4}}}}
optim: adamw
steps_per_epoch: 100
keep_nbest_models: 1
batch_seconds: {BATCH_SECONDS}
unlabelled_batch_seconds: {BATCH_SECONDS}
"""


def measured(options: argparse.Namespace) -> Iterator[str]:
    """A row a format."""
    heads = ["format", "hours of audio a CPU second", "hours a day and core", "reading", "draws"]
    yield from [*header(1), *table(heads)]
    for form in options.formats:
        with tempfile.TemporaryDirectory() as folder:
            yield measure(form, make_experiment(Path(folder), form, options.utterances), options.steps)


def make_experiment(folder: Path, form: str, utterances: int) -> Path:
    """Data directories as stage 4 leaves them, and stage 7 on them."""
    from espnet_bljust.bin import plan

    rng = np.random.default_rng(0)
    for name in ("labelled", "pool", "dev"):
        make_set(folder / name, form, utterances if name != "dev" else 2, rng)
    (folder / "train.yaml").write_text(TRAIN)
    (folder / "tokens.txt").write_text("\n".join(["<blank>", "<unk>", "<space>", *"ABCDE", "<sos/eos>"]) + "\n")
    plan.main(plan.get_parser().parse_args([
        "--config", f"{folder}/train.yaml", "--size_config", f"{ROOT}/conf/size/base.yaml",
        "--exp_dir", f"{folder}/exp",
        "--train_dir", f"{folder}/labelled", "--pool_dir", f"{folder}/pool", "--valid_dir", f"{folder}/dev",
        "--token_list", f"{folder}/tokens.txt", "--token_type", "char",
        "--set", f"unlabelled_shards_from={1 if form.endswith('.ark') else 10**9}"]))
    return folder / "exp"


def make_set(folder: Path, form: str, count: int, rng: np.random.Generator) -> None:
    folder.mkdir()
    samples = int(UTTERANCE_SECONDS * SAMPLE_RATE)
    tables: dict[str, list[str]] = {"wav.scp": [], "text": [], "utt2num_samples": []}
    for index in range(count):
        name = f"{folder.name}-{index:04d}"
        wave = np.convolve(rng.standard_normal(samples), np.ones(8) / 80, "same")
        if form.endswith(".ark"):
            save_ark(str(folder / "data.ark"), {name: (wave, SAMPLE_RATE)}, str(folder / "wav.scp"), append=True,
                     write_function="soundfile", write_kwargs={"format": form.removesuffix(".ark")})
        else:
            soundfile.write(folder / f"{name}.{form}", wave, SAMPLE_RATE)
            tables["wav.scp"].append(f"{name} {folder / name}.{form}")
        tables["text"].append(f"{name} {''.join(rng.choice(list('ABCDE'), 140))}")
        tables["utt2num_samples"].append(f"{name} {samples}")
    for name, rows in tables.items():
        if rows:  # the archive's writer makes its own wav.scp
            (folder / name).write_text("\n".join(rows) + "\n")


def measure(form: str, exp_dir: Path, steps: int) -> str:
    """A row of the table: all of it, and the shares of two parts."""
    from espnet2.train.distributed_utils import DistributedOption

    from espnet_bljust.data.feeding import samples
    from espnet_bljust.espnet.task import BLJustTask
    from espnet_bljust.training import masks

    args = BLJustTask.get_parser().parse_args(["--config", f"{exp_dir}/train.yaml", "--output_dir", str(exp_dir),
                                                "--num_workers", "0"])
    BLJustTask.build_model(args)  # reads the token list into args, as training does
    factory = BLJustTask.build_iter_factory(args, DistributedOption(), "train")
    parts = {samples: "read_whole", masks: "draw_pool"}
    untimed = {part: getattr(part, name) for part, name in parts.items()}
    spent = dict.fromkeys(parts, 0.0)

    def timed(part, function):
        def call(*arguments):
            started = time.process_time()
            result = function(*arguments)
            spent[part] += time.process_time() - started
            return result

        return call

    for part, name in parts.items():
        setattr(part, name, timed(part, untimed[part]))
    seconds = 0.0
    started = time.process_time()
    for batches in factory.steps(2, 1 + steps):
        for batch in batches:
            seconds += sum(map(len, [*batch.joint.labelled, *batch.joint.pool]))
    total = time.process_time() - started
    for part, name in parts.items():
        setattr(part, name, untimed[part])
    rate = seconds / SAMPLE_RATE / 3600 / total
    shares = (f"{100 * each / total:.0f} %" for each in spent.values())
    return row([form, f"{rate:.3f}", f"{rate * 86400:,.0f}", *shares])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="+", default=["flac", "flac.ark", "wav", "mp3"], help="names of soundfile's")
    parser.add_argument("--utterances", type=int, default=60, help="of each kind")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=Path, default=RESULTS / "loading.md")
    chosen = parser.parse_args()
    tell(measured(chosen), chosen.out)
