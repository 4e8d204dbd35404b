"""Stage 7 with skip_broken: utterances that cannot be trained on leave the experiment's sets.

    labelled   one too short for its transcript is speech of the pool instead, without its transcript
    pool       one without a frame goes
What stage 4 made stays as it is: the experiment gets tables of its own, labelled/ and pool/, where something differs.
"""

import heapq
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

from espnet_bljust.data.kaldi.sorted_tables import new_table, walk_together
from espnet_bljust.data.kaldi.tables import table_line
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync, temporary_dir
from espnet_bljust.errors import InputError
from espnet_bljust.planning.data_settings import Data
from espnet_bljust.planning.unfit import LIST, Unfit

SETS = ("labelled", "pool")  # folders of tables in the experiment
TABLES = ("wav.scp", "utt2num_samples", "text")
Row = tuple[str, tuple[str, ...]]  # utterance, and its value in each table


def set_aside(data: Data, unfit: Unfit, exp_dir: Path) -> Data:
    """Tables without the offenders of training, below ``exp_dir`` where they differ; where the sets lie then."""
    for name in SETS:
        shutil.rmtree(exp_dir / name, ignore_errors=True)  # of an earlier call
    if len(unfit.train) == unfit.num_train:
        raise InputError(f"{exp_dir / LIST}: all {unfit.num_train} labelled utterances are too short for their "
                         "transcripts. Take longer units (token_type bpe or word), or mend the transcripts.")
    train_dir, pool_dir = data.train_dir, data.pool_dir
    moved: list[Row] = []
    if unfit.train:
        frames = {one.utterance: one.frames for one in unfit.train}
        moved = [(name, values[:2]) for name, values in _rows(data.train_dir, TABLES) if frames.get(name)]
        kept = (row for row in _rows(data.train_dir, TABLES) if row[0] not in frames)
        train_dir = _write(kept, TABLES, exp_dir / "labelled")
    gone = {one.utterance for one in unfit.pool}
    names = {name for name, _ in moved}
    if gone or names.difference(name for name, _ in _rows(data.pool_dir, TABLES[1:2]) if name in names):
        rows = heapq.merge(_rows(data.pool_dir, TABLES[:2]), moved, key=lambda row: row[0])
        once = (next(same) for _, same in groupby(rows, key=lambda row: row[0]))
        kept = (row for row in once if row[0] not in gone)
        pool_dir = _write(kept, TABLES[:2], exp_dir / "pool")
    return data._replace(train_dir=train_dir, pool_dir=pool_dir)


def _rows(folder: Path, tables: Sequence[str]) -> Iterator[Row]:
    return walk_together([folder / table for table in tables], remedy="Run stage 4 again.")


def _write(rows: Iterator[Row], tables: Sequence[str], folder: Path) -> Path:
    temporary, count = fresh_dir(temporary_dir(folder)), 0
    with ExitStack() as stack:
        files = [stack.enter_context(new_table(temporary / table)) for table in tables]
        for count, (utterance, values) in enumerate(rows, 1):  # noqa: B007
            for table, file, value in zip(tables, files, values, strict=True):
                file.write(table_line(temporary / table, utterance, value))
        for file in files:
            sync(file)
    if not count:
        raise InputError(f"{folder}: nothing is left of this set without what is too short. Add longer recordings.")
    swap_dir(temporary, folder)
    return folder
