"""Where each utterance of a pool stands in wav.scp and how long it is: 12 bytes an utterance on disk, none in memory.

    rows of (byte at which the line of wav.scp begins: int64, samples: int32), in wav.scp's order, little-endian
    one row more: (size of wav.scp, 0), which tells a row's end and whether both files still belong together

wav.scp stays the only place of names and audio; a line is read when its utterance is due.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

import numpy as np

from espnet_bljust.data.audio.reading import ARCHIVE
from espnet_bljust.disk.files import sync
from espnet_bljust.errors import InputError

ROW = np.dtype([("line", "<i8"), ("samples", "<i4")])
ROWS_AT_ONCE = 2**18
MOST_BYTES = 4  # a sample, in a stretch worth reading as a whole: twice those of 16-bit audio


def write_index(pool_dir: Path, path: Path) -> "PoolIndex":
    """Index ``pool_dir``'s wav.scp and utt2num_samples, which must hold the same utterances in sorted order."""
    temporary = path.with_name(path.name + ".tmp")
    rows = np.fromiter(_rows(pool_dir / "wav.scp", pool_dir / "utt2num_samples"), ROW)
    with temporary.open("wb") as file:
        rows.tofile(file)
        sync(file)
    os.replace(temporary, path)
    return PoolIndex(path, pool_dir / "wav.scp")


def num_lines(path: Path) -> int:
    """Lines of a file, without looking into them."""
    if not path.is_file():
        raise InputError(f"{path}: no such file. Run the stage that makes it, or check the name.")
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(2**22), b""))


def _rows(wavs: Path, samples: Path) -> Iterator[tuple[int, int]]:
    begin, previous = 0, b""
    with wavs.open("rb") as lines, samples.open("rb") as counts:
        for number, (line, row) in enumerate(zip_longest(lines, counts, fillvalue=b""), 1):
            key, name_and_count = line.split(None, 1)[:1], row.split()
            if len(name_and_count) != 2 or key != name_and_count[:1] or not name_and_count[1].isdigit():
                raise InputError(f"{samples}:{number}: not the samples of the utterance on that line of wav.scp. "
                                 "Run stage 4 again.")
            if key[0] <= previous:
                raise InputError(f"{wavs}:{number}: {key[0].decode()} does not sort behind the line above. "
                                 "Run stage 4 again.")
            yield begin, int(name_and_count[1])
            begin, previous = begin + len(line), key[0]
    yield begin, 0


class PoolIndex:
    """Opened for every read, so that it costs a process nothing and any process may have it."""

    def __init__(self, path: Path, wavs: Path) -> None:
        self.path, self.wavs = path, wavs
        if not path.is_file():
            raise InputError(f"{path}: no such file. Run stage 7 again: it makes it.")
        rows, rest = divmod(path.stat().st_size, ROW.itemsize)
        self._length = rows - 1
        if rest or rows < 2 or self._read(rows - 1, rows)["line"][0] != wavs.stat().st_size:
            raise InputError(f"{path}: damaged, or made of another {wavs}. Run stage 7 again.")

    def __len__(self) -> int:
        return self._length

    def samples(self, first: int, end: int) -> np.ndarray:
        """(utterance,) int32, of utterances first to end - 1."""
        return self._read(first, end)["samples"]

    def sums(self, size: int) -> np.ndarray:
        """(run,) int64: samples of every ``size`` utterances in a row; the last run may be shorter."""
        step = max(1, ROWS_AT_ONCE // size) * size
        parts = [self.samples(first, min(first + step, len(self))) for first in range(0, len(self), step)]
        return np.concatenate([np.add.reduceat(part, np.arange(0, len(part), size), dtype=np.int64) for part in parts])

    def entry(self, number: int) -> tuple[str, str]:
        """Utterance id and entry of wav.scp."""
        begin, end = self._read(number, number + 2)["line"].tolist()
        with self.wavs.open("rb", buffering=0) as file:
            file.seek(begin)
            utterance, entry = file.read(end - begin).decode().split(maxsplit=1)
        return utterance, entry.rstrip()

    def expect(self, first: int, end: int) -> None:
        """Tell the operating system that the audio of these neighbours will be read, so that it reads it in one go.

        Only where they stand in one archive with little between them. It is a hint: nothing waits, nothing can fail.
        """
        ends = [ARCHIVE.fullmatch(self.entry(number)[1]) for number in (first, end - 1)]
        if not all(ends) or ends[0]["path"] != ends[1]["path"] or not hasattr(os, "posix_fadvise"):
            return
        begin, last = (int(each["offset"]) for each in ends)
        if 0 < last - begin <= MOST_BYTES * int(self.samples(first, end).sum()):
            with suppress(OSError), open(ends[0]["path"], "rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), begin, last - begin, os.POSIX_FADV_WILLNEED)

    def _read(self, first: int, end: int) -> np.ndarray:
        return np.fromfile(self.path, ROW, count=end - first, offset=first * ROW.itemsize)
