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
from espnet_bljust.errors import InputError

SUFFIX = {"fairseq": ".pt", "torchaudio": ".pt", "espnet": ".zip", "huggingface": ""}
HEADS = ("ctc", "pretraining")


def main(options: argparse.Namespace) -> None:
    """Convert, write beside the target, rename, and say what was left out."""
    if SUFFIX[options.to] and options.out.suffix != SUFFIX[options.to]:
        raise InputError(f"--out {options.out}: not a name for {options.to}. Name a file that ends in "
                         f"{SUFFIX[options.to]}.")
    model = options.exp_dir / options.model
    if options.to == "espnet":
        from espnet_bljust.publishing.files import zip_alone

        zip_alone(options.exp_dir, model, options.out)
        return
    from espnet_bljust.publishing import export as export_files
    from espnet_bljust.weights.experiment import Experiment, of_wav2vec2

    experiment = of_wav2vec2(Experiment.read(options.exp_dir, model), options.to, options.head)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    left_out = getattr(export_files, f"write_{options.to}")(experiment, options.out, options.head)
    parts = sorted({".".join(name.split(".")[:2]).removeprefix("trunk.") for name in left_out})
    print(f"{options.out}: {options.to}, {options.head}, {len(experiment.state) - len(left_out)} tensors"
          + (f"; left out: {', '.join(parts)}" if parts else ""))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="exp/<tag>")
    parser.add_argument("--model", default="average.pth", help="file of weights in the experiment directory")
    parser.add_argument("--to", choices=sorted(SUFFIX), required=True)
    parser.add_argument("--head", choices=HEADS, default="ctc", help="the CTC layer, or the self-supervised head")
    parser.add_argument("--out", type=Path, required=True)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
