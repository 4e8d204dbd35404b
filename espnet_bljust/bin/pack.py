"""Stage 14: pack a model for the ESPnet model zoo; stock ESPnet loads one with a wav2vec 2.0 trunk and CTC.

Writes exp/<tag>/pack, the files that are published (with README.md, the model card), the same as a zip, and with
--huggingface a directory for Wav2Vec2ForCTC.from_pretrained; bin/export.py writes the other forms.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.publishing.about import TEMPLATE, About
from espnet_bljust.publishing.pack_files import make_pack


def main(options: argparse.Namespace) -> None:
    """Write them; say what the zip is."""
    about = About(options.card, options.hf_license, options.lang, options.corpora.split(), options.option)
    line = make_pack(options.exp_dir, options.exp_dir / options.model, options.out, about, options.huggingface)
    if not options.hf_license:
        print("no licence yet: stage 15 asks for one, --hf_license cc-by-4.0, say")
    print(line)


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True)
    parser.add_argument("--model", default="average.pth", help="file of weights in the experiment directory")
    parser.add_argument("--out", type=Path, required=True, help="exp/<tag>/<tag>.zip")
    parser.add_argument("--huggingface", type=Path, help="directory of the same model for Hugging Face")
    parser.add_argument("--card", type=Path, default=TEMPLATE, help="template of README.md")
    parser.add_argument("--hf_license", default="", help="licence of the model, by the hub's names")
    parser.add_argument("--lang", default="noinfo", help="language of the speech, as en")
    parser.add_argument("--corpora", default="", help="what it was trained on, in quotes")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of run.sh")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
