"""Stage 14: pack a model for the ESPnet model zoo; stock ESPnet loads one with a wav2vec 2.0 trunk and CTC.

Writes exp/<tag>/pack, the files that are published (with README.md, the model card), the same as a zip, and with
--huggingface a directory for Wav2Vec2ForCTC.from_pretrained; bin/export.py writes the other forms.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.publishing.files import pack, results_of, tell, write_huggingface

ROOT = Path(__file__).parents[2]


def main(options: argparse.Namespace) -> None:
    """The Hugging Face directory, the pack, its zip."""
    from espnet_bljust.publishing.model_card import card, check_private
    from espnet_bljust.weights.experiment import Experiment

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
