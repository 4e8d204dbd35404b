"""The tables that decoding writes, by one job or by several whose parts are merged."""

import shutil
from pathlib import Path
from typing import NamedTuple

from kaldiio import WriteHelper

from espnet_bljust.data.kaldi.tables import read_table, write_table
from espnet_bljust.disk.files import sync_tree, write_atomic
from espnet_bljust.disk.late import wait_for
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.measured_with import WEIGHTS, merge_weights

TABLES = ("text", "token", "token_int", "score")
CTM, POSTERIORS = "ctm", "posteriors.scp"


class Wanted(NamedTuple):
    """What is written beside the tables of the hypotheses."""

    alignments: bool = False  # ctm: words with times
    posteriors: bool = False  # posteriors.scp and archives


class Results:
    """What one part found, and its files."""

    def __init__(self, nbest: int, wanted: Wanted) -> None:
        self.tables: list[dict[str, dict[str, str]]] = [{name: {} for name in TABLES} for _ in range(nbest)]
        self.ctm: list[str] | None = [] if wanted.alignments else None
        self.posteriors: dict[str, object] | None = {} if wanted.posteriors else None

    def add(self, utterance: str, log_probability: "torch.Tensor", recogniser: "Recogniser") -> None:  # noqa: F821
        """Search one utterance."""
        from espnet_bljust.decoding.word_times import ctm_lines

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
            archive.parent.mkdir(parents=True, exist_ok=True)
            with WriteHelper(f"ark,scp:{archive},{part / POSTERIORS}") as writer:
                for utterance in sorted(self.posteriors):
                    writer(utterance, self.posteriors[utterance])
            sync_tree(part)


def merge(data_dir: Path, out_dir: Path, num_jobs: int) -> int:
    """The parts of a set put together, how many hypotheses; all must be there and hold every utterance once."""
    expected = set(read_table(data_dir / "wav.scp"))
    parts = [part_dir(out_dir, job) for job in range(1, num_jobs + 1)]
    wait_for(part / name for part in parts for name in (*TABLES, WEIGHTS))
    for name in TABLES:
        merged: dict[str, str] = {}
        for part in parts:
            merged.update(read_table(part / name, allow_empty=True))
        if set(merged) != expected:
            missing = sorted(expected - set(merged))
            raise InputError(f"{out_dir}: {len(missing)} utterances were not decoded, the first {missing[:1]}. "
                             "See the logs of the decoding jobs, and run stage 12 again.")
        write_table(out_dir / name, merged)
    merge_more(out_dir, parts)
    merge_weights(parts, out_dir)
    for part in out_dir.glob("part.*"):  # those of an earlier call with more jobs, too
        shutil.rmtree(part)
    return len(expected)


def merge_more(out_dir: Path, parts: list[Path]) -> None:
    """What was asked for beside the tables of the best; what an earlier call left and this one did not make goes."""
    for old in out_dir.glob(nbest_dir("*")):
        shutil.rmtree(old)
    for folder in sorted({place.name for part in parts for place in part.glob(nbest_dir("*"))}):
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
