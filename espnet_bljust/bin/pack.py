"""Stage 14: pack a model as a zip for the ESPnet model zoo; stock ESPnet loads one with a wav2vec 2.0 trunk.

With --huggingface also as a directory for Wav2Vec2ForCTC.from_pretrained; bin/export.py writes the other forms.
"""

import argparse
import contextlib
import io
from pathlib import Path

from espnet_bljust.bin.command import run
from espnet_bljust.errors import InputError


def main(options: argparse.Namespace) -> None:
    """The zip, and beside it the Hugging Face directory."""
    model = options.exp_dir / options.model
    if not model.exists():
        raise InputError(f"{model}: not found. Run stage 11 first: it averages the best checkpoints.")
    if options.huggingface is not None:
        from espnet_bljust.bin.export_files import write_huggingface
        from espnet_bljust.espnet.weights import Experiment, of_wav2vec2
        from espnet_bljust.network.config import TrunkConfig

        experiment = Experiment.read(options.exp_dir, model)
        if isinstance(experiment.shape.trunk, TrunkConfig):
            write_huggingface(of_wav2vec2(experiment, "huggingface"), options.huggingface, "ctc")
            print(f"{options.huggingface}: loads with Wav2Vec2ForCTC.from_pretrained")
        else:
            print(f"{options.huggingface}: not written, Hugging Face has no trunk {experiment.settings['trunk']}")
    pack(options.exp_dir, model, options.out)


def pack(exp_dir: Path, model: Path, out: Path) -> None:
    """The zip alone; ESPnet's own lines are kept off the terminal."""
    from espnet_bljust.espnet.packing import write_pack

    results = exp_dir / "RESULTS.md"
    with contextlib.redirect_stdout(io.StringIO()):
        loader = write_pack(exp_dir, model, out, [results] if results.exists() else [])
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, loads with {loader}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True)
    parser.add_argument("--model", default="average.pth", help="file of weights in the experiment directory")
    parser.add_argument("--out", type=Path, required=True, help="exp/<tag>/<tag>.zip")
    parser.add_argument("--huggingface", type=Path, help="directory of the same model for Hugging Face")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
