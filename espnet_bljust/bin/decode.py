"""Stage 12: CTC decoding of one part of a set, and with `--finish true` the parts put together.

Needs no ESPnet. Writes Kaldi tables text, token, token_int, score (greedy: log probability of the best path, nats; beam
search: its score) and, as asked for, <n>best_recog/ with the same tables of the n-th best hypotheses, ctm (words with
times and confidences), and posteriors.scp (log posteriors of every frame, float32, in Kaldi archives).
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.decoding.parts import Wanted, merge
from espnet_bljust.decoding.search_settings import add_arguments, given, read_settings
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.measured_with import Digested, note_weights


def main(options: argparse.Namespace) -> None:
    """Decode part ``job`` of ``num_jobs``, or merge the parts."""
    if not 1 <= options.job <= options.num_jobs:
        raise InputError(f"--job {options.job}: not in 1 to {options.num_jobs} (--num_jobs). Give a part's number.")
    if options.finish:
        print(f"{options.out_dir}: {merge(options.data_dir, options.out_dir, options.num_jobs)} hypotheses")
        return
    from espnet_bljust.decoding.decode_set import decode_part
    from espnet_bljust.decoding.recogniser import Recogniser

    weights = Digested.of(options.exp_dir / options.model, options.model)
    settings = read_settings(options.inference_config, given(vars(options)), options.ngram)
    device = "cuda" if options.ngpu else "cpu"
    recogniser = Recogniser.from_experiment(options.exp_dir, options.exp_dir / options.model, device)
    recogniser.search_by(settings, options.ngram)
    made = decode_part(recogniser, options.data_dir, options.out_dir, part=(options.job, options.num_jobs),
                       wanted=Wanted(options.write_alignments, options.write_posteriors),
                       batch_seconds=options.batch_seconds)
    note_weights(made.folder, weights)
    print(f"{made.folder}: {made.utterances} utterances, real-time factor {made.real_time_factor:.4f}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True)
    parser.add_argument("--model", default="average.pth", help="file of weights in the experiment directory")
    parser.add_argument("--data_dir", type=Path, required=True, help="dump/raw/<set>")
    parser.add_argument("--out_dir", type=Path, required=True, help="exp/<tag>/decode_<name>/<set>")
    parser.add_argument("--num_jobs", type=int, default=1)
    parser.add_argument("--job", type=int, default=1, help="1 .. num_jobs")
    parser.add_argument("--finish", type=true_false, default=False, help="put the parts together")
    parser.add_argument("--batch_seconds", type=float, default=60.0, help="audio decoded at once")
    parser.add_argument("--ngpu", type=int, default=0)
    parser.add_argument("--write_alignments", type=true_false, default=False, help="write ctm: words with times")
    parser.add_argument("--write_posteriors", type=true_false, default=False, help="write posteriors.scp and archives")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
