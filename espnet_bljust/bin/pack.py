"""Stage 14: pack a model for the ESPnet model zoo; stock ESPnet loads one with a wav2vec 2.0 trunk and CTC.

Writes exp/<tag>/pack, the files that are published (with README.md, the model card), the same as a zip, and with
--huggingface a directory for Wav2Vec2ForCTC.from_pretrained; bin/export.py writes the other forms.
"""

import argparse
import contextlib
import io
import tempfile
from pathlib import Path

from espnet_bljust.bin.command import run

ROOT = Path(__file__).parents[2]


def main(options: argparse.Namespace) -> None:
    """The Hugging Face directory, the pack, its zip."""
    from espnet_bljust.bin.model_card import card, check_private
    from espnet_bljust.espnet.weights import Experiment

    experiment = Experiment.read(options.exp_dir, options.exp_dir / options.model)
    if options.huggingface is not None:
        write_huggingface(experiment, options.huggingface)
    documents = {"README.md": card(experiment, options), **results_of(options.exp_dir)}
    bpe_model = experiment.settings["bpemodel"]
    learned = {bpe_model: Path(bpe_model).read_bytes().decode("latin-1")} if bpe_model else {}  # may name its source
    check_private({**documents, **learned}.items(), options.exp_dir)
    pack(experiment, options.out, options.out.parent / "pack", documents)
    if not options.hf_license:
        print("no licence yet: stage 15 asks for one, --hf_license cc-by-4.0, say")
    tell(options.out, experiment)


def write_huggingface(experiment: "Experiment", out: Path) -> None:  # noqa: F821
    """The directory of the same model, where Hugging Face has such a network."""
    from espnet_bljust.bin import export_files
    from espnet_bljust.espnet.weights import of_wav2vec2

    if experiment.elsewhere:
        export_files.write_huggingface(of_wav2vec2(experiment, "huggingface"), out, "ctc")
        print(f"{out}: {megabytes(out)}, loads with Wav2Vec2ForCTC.from_pretrained")
    else:
        print(f"{out}: not written, Hugging Face has no such trunk or head")


def pack(experiment: "Experiment", out: Path, folder: Path, documents: dict[str, str]) -> None:  # noqa: F821
    """``folder`` and its zip ``out``; ESPnet's own lines are kept off the terminal."""
    from espnet_bljust.espnet.packing import write_pack, write_zip

    with contextlib.redirect_stdout(io.StringIO()):
        write_pack(experiment, folder, documents)
    write_zip(folder, out)


def zip_alone(exp_dir: Path, model: Path, out: Path) -> None:
    """A pack without a card, for bin/export."""
    from espnet_bljust.espnet.weights import Experiment

    experiment = Experiment.read(exp_dir, model)
    with tempfile.TemporaryDirectory() as folder:
        pack(experiment, out, Path(folder) / "pack", results_of(exp_dir))
    tell(out, experiment)


def results_of(exp_dir: Path) -> dict[str, str]:
    """RESULTS.md, where stage 13 has written it."""
    path = exp_dir / "RESULTS.md"
    return {path.name: path.read_text(encoding="utf-8")} if path.is_file() else {}


def tell(out: Path, experiment: "Experiment") -> None:  # noqa: F821
    loader = ("Speech2Text.from_pretrained" if experiment.elsewhere else
              "espnet_bljust.bin.recognise --model (not with stock ESPnet)")
    print(f"{out}: {megabytes(out)}, loads with {loader}")


def megabytes(path: Path) -> str:
    """Of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True)
    parser.add_argument("--model", default="average.pth", help="file of weights in the experiment directory")
    parser.add_argument("--out", type=Path, required=True, help="exp/<tag>/<tag>.zip")
    parser.add_argument("--huggingface", type=Path, help="directory of the same model for Hugging Face")
    parser.add_argument("--card", type=Path, default=ROOT / "conf" / "model_card.md", help="template of README.md")
    parser.add_argument("--hf_license", default="", help="licence of the model, by the hub's names")
    parser.add_argument("--lang", default="noinfo", help="language of the speech, as en")
    parser.add_argument("--corpora", default="", help="what it was trained on, in quotes")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of run.sh")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
