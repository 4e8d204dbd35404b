"""Stage 12: CTC decoding of one part of a set, and with `--finish true` the parts put together.

Needs no ESPnet. Writes Kaldi tables text, token, token_int, score (greedy: log probability of the best path, nats; beam
search: its score) and, as asked for, <n>best_recog/ with the same tables of the n-th best hypotheses, ctm (words with
times and confidences), and posteriors.scp (log posteriors of every frame, float32, in Kaldi archives).
"""

import argparse
import time
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.decoding.parts import Results, merge, part_dir
from espnet_bljust.decoding.search_settings import add_arguments, read_settings
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

SAMPLE_RATE = 16000


def main(options: argparse.Namespace) -> None:
    """Decode part ``job`` of ``num_jobs``, or merge the parts."""
    if not 1 <= options.job <= options.num_jobs:
        raise InputError(f"--job {options.job}: not in 1 to {options.num_jobs} (--num_jobs). Give a part's number.")
    if options.finish == "true":
        merge(options)
    else:
        decode_part(options)


def decode_part(options: argparse.Namespace) -> None:
    """Every num_jobs-th utterance in order of length; batches within ``batch_seconds``."""
    import torch

    from espnet_bljust.data.audio.reading import read_audio
    from espnet_bljust.data.feeding.batching import fixed_batches
    from espnet_bljust.decoding.recogniser import Recogniser

    settings = read_settings(options)
    recogniser = Recogniser.from_experiment(options.exp_dir, options.exp_dir / options.model,
                                            "cuda" if options.ngpu else "cpu")
    recogniser.search_by(settings, options.ngram)
    if options.write_alignments and recogniser.network.head_name != "ctc":
        raise InputError("--write_alignments: a class stands for the whole utterance and has no times. Leave it out.")
    wav = read_table(options.data_dir / "wav.scp")
    samples = {name: int(count) for name, count in read_table(options.data_dir / "utt2num_samples").items()}
    unknown = sorted(wav.keys() - samples.keys())
    if unknown:
        raise InputError(f"{options.data_dir}/utt2num_samples: has no {unknown[0]} of wav.scp. Run stage 4 again.")
    mine = sorted(wav, key=lambda name: (samples[name], name))[options.job - 1 :: options.num_jobs]
    batches = fixed_batches(mine, [samples[name] / SAMPLE_RATE for name in mine], options.batch_seconds)
    results = Results(settings.nbest, options.write_alignments, options.write_posteriors)
    started = time.perf_counter()
    for batch in progress(batches, f"decode {options.data_dir}", unit="batch"):
        waves = [torch.from_numpy(read_audio(wav[name])[0]) for name in batch]
        for name, frames in zip(batch, recogniser.log_probabilities(waves), strict=True):
            results.add(name, frames, recogniser)
    seconds = time.perf_counter() - started
    audio_seconds = sum(samples[name] for name in mine) / SAMPLE_RATE
    part = part_dir(options.out_dir, options.job)
    results.write(part, options.out_dir / f"posteriors.{options.job}.ark")
    print(f"{part}: {len(mine)} utterances, real-time factor {seconds / max(audio_seconds, 1e-9):.4f}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True)
    parser.add_argument("--model", default="average.pth", help="file of weights in the experiment directory")
    parser.add_argument("--data_dir", type=Path, required=True, help="dump/raw/<set>")
    parser.add_argument("--out_dir", type=Path, required=True, help="exp/<tag>/decode_<name>/<set>")
    parser.add_argument("--num_jobs", type=int, default=1)
    parser.add_argument("--job", type=int, default=1, help="1 .. num_jobs")
    parser.add_argument("--finish", choices=("true", "false"), default="false", help="put the parts together")
    parser.add_argument("--batch_seconds", type=float, default=60.0, help="audio decoded at once")
    parser.add_argument("--ngpu", type=int, default=0)
    parser.add_argument("--write_alignments", type=true_false, default=False, help="write ctm: words with times")
    parser.add_argument("--write_posteriors", type=true_false, default=False, help="write posteriors.scp and archives")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
