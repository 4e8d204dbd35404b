"""Write a trained model in the form of another library, which then loads it without this package; see docs/weights.md.

    huggingface   --out directory    Wav2Vec2ForCTC, or with --head pretraining Wav2Vec2ForPreTraining
    fairseq       --out file.pt      with --head pretraining also for ESPnet's `frontend: s3prl`
    torchaudio    --out file.pt      Wav2Vec2Model, and file.json with its arguments
    espnet        --out file.zip     stage 14's pack for Speech2Text.from_pretrained
The trunks cnn_rnn and conformer have no form there but the last, which this package alone then loads.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.publishing.forms import FORMS, HEADS, export


def main(options: argparse.Namespace) -> None:
    """Convert, write, say what was left out."""
    print(export(options.exp_dir, options.exp_dir / options.model, options.to, options.head, options.out))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="exp/<tag>")
    parser.add_argument("--model", default="average.pth", help="file of weights in the experiment directory")
    parser.add_argument("--to", choices=sorted(FORMS), required=True)
    parser.add_argument("--head", choices=HEADS, default="ctc", help="the CTC layer, or the self-supervised head")
    parser.add_argument("--out", type=Path, required=True)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
