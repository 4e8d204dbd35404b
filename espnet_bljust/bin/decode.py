"""Stage 12: CTC decoding of one part of a set, and with `--finish true` the parts put together.

Needs no ESPnet. Writes Kaldi tables text, token, token_int, score (greedy: log probability of the best path, nats; beam
search: its score) and, as asked for, <n>best_recog/ with the same tables of the n-th best hypotheses, ctm (words with
times and confidences), and posteriors.scp (log posteriors of every frame, float32, in Kaldi archives).
"""

import argparse
import shutil
import time
from pathlib import Path

from espnet_bljust.bin.command import run
from espnet_bljust.bin.flags import true_false
from espnet_bljust.bin.search_settings import add_arguments, read_settings
from espnet_bljust.data.files import sync_tree, write_atomic
from espnet_bljust.data.late import wait_for
from espnet_bljust.data.tables import read_table, write_table
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

SAMPLE_RATE = 16000
TABLES = ("text", "token", "token_int", "score")
CTM, POSTERIORS = "ctm", "posteriors.scp"


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

    from espnet_bljust.bin.recogniser import Recogniser
    from espnet_bljust.data.audio import read_audio
    from espnet_bljust.data.batching import fixed_batches

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


class Results:
    """What one part found, and its files."""

    def __init__(self, nbest: int, alignments: bool, posteriors: bool) -> None:
        self.tables: list[dict[str, dict[str, str]]] = [{name: {} for name in TABLES} for _ in range(nbest)]
        self.ctm: list[str] | None = [] if alignments else None
        self.posteriors: dict[str, object] | None = {} if posteriors else None

    def add(self, utterance: str, log_probability: "torch.Tensor", recogniser: "Recogniser") -> None:  # noqa: F821
        """Search one utterance."""
        from espnet_bljust.bin.word_times import ctm_lines

        hypotheses = recogniser.nbest(log_probability)
        for tables, hypothesis in zip(self.tables, hypotheses, strict=False):  # the beam may have held fewer
            tables["text"][utterance] = hypothesis.text
            tables["token"][utterance] = " ".join(hypothesis.tokens).strip()
            tables["token_int"][utterance] = " ".join(map(str, hypothesis.ids))
            tables["score"][utterance] = f"{hypothesis.score:.4f}"
        if self.ctm is not None:
            self.ctm += ctm_lines(utterance, recogniser.words(log_probability, hypotheses[0]))
        if self.posteriors is not None:
            self.posteriors[utterance] = log_probability.cpu().numpy()

    def write(self, part: Path, archive: Path) -> None:
        """The tables into ``part``, the posteriors into ``archive``."""
        for rank, tables in enumerate(self.tables, 1):
            folder = part if rank == 1 else part / nbest_dir(rank)
            folder.mkdir(parents=True, exist_ok=True)
            for name in TABLES:
                write_table(folder / name, tables[name])
        if self.ctm is not None:
            write_atomic(part / CTM, "".join(line + "\n" for line in self.ctm))
        if self.posteriors is not None:
            from kaldiio import WriteHelper

            archive.parent.mkdir(parents=True, exist_ok=True)
            with WriteHelper(f"ark,scp:{archive},{part / POSTERIORS}") as writer:
                for utterance in sorted(self.posteriors):
                    writer(utterance, self.posteriors[utterance])
            sync_tree(part)


def merge(options: argparse.Namespace) -> None:
    """All parts must be there and hold every utterance of the set once."""
    expected = set(read_table(options.data_dir / "wav.scp"))
    parts = [part_dir(options.out_dir, job) for job in range(1, options.num_jobs + 1)]
    wait_for(part / name for part in parts for name in TABLES)
    for name in TABLES:
        merged: dict[str, str] = {}
        for part in parts:
            merged.update(read_table(part / name, allow_empty=True))
        if set(merged) != expected:
            missing = sorted(expected - set(merged))
            raise InputError(f"{options.out_dir}: {len(missing)} utterances were not decoded, the first {missing[:1]}. "
                             "See the logs of the decoding jobs, and run stage 12 again.")
        write_table(options.out_dir / name, merged)
    merge_more(options.out_dir, parts)
    for part in options.out_dir.glob("part.*"):  # those of an earlier call with more jobs, too
        shutil.rmtree(part)
    print(f"{options.out_dir}: {len(expected)} hypotheses")


def merge_more(out_dir: Path, parts: list[Path]) -> None:
    """What was asked for beside the tables of the best; what an earlier call left and this one did not make goes."""
    for old in out_dir.glob(nbest_dir("*")):
        shutil.rmtree(old)
    for folder in sorted({found.name for part in parts for found in part.glob(nbest_dir("*"))}):
        (out_dir / folder).mkdir()
        for name in TABLES:
            merged = {}
            for part in parts:
                if (part / folder).is_dir():
                    merged.update(read_table(part / folder / name, allow_empty=True))
            write_table(out_dir / folder / name, merged)
    for name in (CTM, POSTERIORS):
        lines = [line for part in parts if (part / name).exists()
                 for line in (part / name).read_text(encoding="utf-8").splitlines(keepends=True)]
        (out_dir / name).unlink(missing_ok=True)
        if any((part / name).exists() for part in parts):
            write_atomic(out_dir / name, "".join(sorted(lines, key=lambda line: line.split(" ", 1)[0])))
    named = (out_dir / POSTERIORS).read_text(encoding="utf-8") if (out_dir / POSTERIORS).exists() else ""
    for archive in out_dir.glob("posteriors.*.ark"):
        if f"{archive}:" not in named:
            archive.unlink()


def nbest_dir(rank: int | str) -> str:
    """The folder of the n-th best hypotheses, as ESPnet names it."""
    return f"{rank}best_recog"


def part_dir(out_dir: Path, job: int) -> Path:
    """Where one job writes."""
    return out_dir / f"part.{job}"


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
