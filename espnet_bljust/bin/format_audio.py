"""Stage 3: one job's part of `data/<set>` as 16-bit mono audio, or with `--finish true` all parts put together."""

import argparse
from pathlib import Path

from espnet_bljust.command import run, sampling_rate, true_false
from espnet_bljust.data.audio.truncation import DEFAULT, Tolerance
from espnet_bljust.data.preparation.format import FormatOptions, format_part
from espnet_bljust.data.preparation.format_merge import format_and_merge, merge_parts
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE


def main(options: argparse.Namespace) -> None:
    """Make one part, merge those that are made, or both for all of them."""
    if options.num_jobs < 1:
        raise InputError(f"--num_jobs {options.num_jobs}: at least 1.")
    data_dir, out_dir, num_jobs = options.data_dir, options.out_dir, options.num_jobs
    form = FormatOptions(options.audio_format, options.fs, options.mixdown, options.max_missing)
    if options.job is not None:
        part = format_part(data_dir, out_dir, part=(options.job, num_jobs), options=form, pipes=options.allow_pipes)
        if num_jobs > 1:  # for the log; the merge says it of a single job
            print(f"{data_dir} part {options.job}/{num_jobs}: {part.utterances} utterances, {part.broken} broken")
        return
    if options.finish:
        done = merge_parts(data_dir, out_dir, num_jobs=num_jobs, options=form, skip_broken=options.skip_broken)
    else:
        done = format_and_merge(data_dir, out_dir, num_jobs=num_jobs, options=form, skip_broken=options.skip_broken,
                                pipes=options.allow_pipes)
    print(f"{out_dir}: {done.kept} utterances, {done.seconds / 3600:.2f} h, {form.audio_format} {form.rate} Hz;"
          f" {done.resampled} resampled, {done.overshoot} samples clipped by it, {done.broken} broken left out"
          + (f"; {done.shortfalls}: {out_dir}/short.txt" if done.short else ""))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="Kaldi data directory")
    parser.add_argument("--out_dir", type=Path, required=True, help="dump/raw/org/<set>")
    parser.add_argument("--audio_format", default="flac", help="flac, wav, flac.ark or wav.ark (default: flac)")
    parser.add_argument("--fs", type=sampling_rate, default=SAMPLE_RATE, help="Hz (default: %(default)s)")
    parser.add_argument("--mixdown", type=true_false, default=False, help="average several channels (default: false)")
    parser.add_argument("--max_missing", type=Tolerance.read, default=DEFAULT,
                        help="seconds, and share, of what a header promises that may be missing (default: 0.1 0.02)")
    parser.add_argument("--num_jobs", type=int, default=1, help="parts in all (default: 1)")
    parser.add_argument("--job", type=int, help="the part to make, from 1; without it and --finish: all of them")
    parser.add_argument("--finish", type=true_false, default=False, help="merge the parts (default: false)")
    parser.add_argument("--skip_broken", type=true_false, default=False, help="drop unreadable audio (default: false)")
    parser.add_argument("--allow_pipes", type=true_false, default=False,
                        help="run entries of wav.scp that are commands (default: false)")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
