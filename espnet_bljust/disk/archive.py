"""Unpack an archive of unknown origin: plain files and folders inside the target, nothing else, of bounded size.

Refused: names that are absolute, climb (..), are too long or hold control characters; links, devices, pipes and sparse
files; more than MOST_MEMBERS of them, more than MOST_BYTES in all, and small archives that become large ones. The bytes
are counted as they are unpacked, since a header may say anything. Nothing is left of an archive that is refused.
"""

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from espnet_bljust.disk.download import download
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync_tree, temporary_dir
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

MOST_MEMBERS = 20_000_000
MOST_BYTES = 4 << 40  # unpacked; the largest corpora of speech come in parts of less than 1 TB
MOST_RATIO = 100  # unpacked to packed; text packs to a tenth, FLAC and WAV to no less than a third
SMALL_BYTES = 256 << 20  # up to here the ratio does not matter
LONGEST_NAME, LONGEST_PART = 1000, 255  # bytes; of file systems: 4096 and 255
LONGEST_HEADER = 1 << 20  # bytes that tarfile reads at once: a long name, or attributes
PACKERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}  # by the first two bytes
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
          ValueError, OverflowError, UnicodeError)  # fmt: skip
# What the system says of names that cannot stand together, or of bytes that cannot be unpacked.
CONTRADICTIONS = (None, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def extract(archive: Path | str, folder: Path | str) -> None:
    """Unpack all of a tar ``archive`` into a new ``folder``, which appears whole or not at all."""
    with _appearing(Path(folder)) as temporary, _open_tar(Path(archive), "Delete it and run again.") as tar:
        for member in _members(tar, archive):
            tar.extract(member, temporary, filter="data")


def extract_beside(archives: Iterable[Path]) -> None:
    """Unpack each tar archive into the folder it lies in, and delete it; a killed run goes on with what is left."""
    for archive in progress(list(archives), "unpacking", unit="archive"):
        with _open_tar(archive, "Fetch the corpus again.") as tar:
            for _ in _members(tar, archive):  # all of them are looked at before the first is written
                pass
        with _open_tar(archive, "Fetch the corpus again.") as tar:
            for member in _members(tar, archive):
                tar.extract(member, archive.parent, filter="data")
        sync_tree(archive.parent)
        archive.unlink()


def extract_zip(archive: Path | str, folder: Path | str) -> None:
    """Unpack all of a zip ``archive`` into a new ``folder``, which appears whole or not at all, as its sums say."""
    archive = Path(archive)
    limit = _limit(archive)
    with _appearing(Path(folder)) as temporary, _said(archive, "zip", "Delete it and run again."):
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > limit:
                raise _too_large(archive, limit)
            for member in members:
                kind = stat.S_IFMT(member.external_attr >> 16)
                _refuse(member.filename, archive, plain=kind in (0, stat.S_IFREG, stat.S_IFDIR))
                file.extract(member, temporary)  # reads as many bytes as were summed, and checks their sum


def fetch(urls: list[str], archive: Path, folder: Path, *, sha256: str = "", md5: str = "") -> Path:
    """``folder`` with the content of ``archive``, downloaded from one of ``urls`` and unpacked where it is not yet."""
    if not folder.is_dir():
        download(urls, archive, sha256=sha256, md5=md5)
        extract(archive, folder)
    return folder


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder that takes the place of ``folder`` in the end, or is gone after an error in the archive."""
    temporary = fresh_dir(temporary_dir(folder))
    try:
        yield temporary
    except InputError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_tree(temporary)
    swap_dir(temporary, folder)


@contextmanager
def _said(archive: Path, kind: str, remedy: str) -> Iterator[None]:
    """Damage as one line; what the system refuses (a full disk, say) stays what it is."""
    try:
        yield
    except DAMAGE as error:
        reason = _one_line(error)
    except OSError as error:
        if error.errno not in CONTRADICTIONS:
            raise
        reason = _one_line(error)
    else:
        return
    raise InputError(f"{archive}: not a whole {kind} archive ({reason}). {remedy}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def _open_tar(archive: Path, remedy: str) -> Iterator[tarfile.TarFile]:
    with _said(archive, "tar", remedy), archive.open("rb") as file:
        packer = PACKERS.get(file.read(2))
        file.seek(0)
        with packer(file) if packer else file as plain:
            bounded = _Bounded(plain, archive)
            with tarfile.open(fileobj=bounded, mode="r:") as tar:  # type: ignore[call-overload]
                yield tar


class _Bounded:
    """What is unpacked of an archive, up to its limit; tarfile asks no more of a file than these three."""

    def __init__(self, file: IO[bytes] | BinaryIO, archive: Path) -> None:
        self.file, self.archive, self.limit = file, archive, _limit(archive)

    def read(self, size: int) -> bytes:
        if size > LONGEST_HEADER:
            raise InputError(f"{self.archive}: a header of {size} bytes. Get the archive elsewhere.")
        self._check(self.file.tell() + size)
        return self.file.read(size)

    def seek(self, place: int) -> int:
        self._check(place)
        return self.file.seek(place)

    def tell(self) -> int:
        return self.file.tell()

    def _check(self, place: int) -> None:
        if place > self.limit + LONGEST_HEADER:
            raise _too_large(self.archive, self.limit)


def _limit(archive: Path) -> int:
    """Bytes that it may become."""
    return min(MOST_BYTES, max(SMALL_BYTES, MOST_RATIO * os.path.getsize(archive)))


def _too_large(archive: Path | str, limit: int) -> InputError:
    return InputError(f"{archive}: unpacks to more than {limit / 1e9:.1f} GB, or {MOST_MEMBERS} files, too much for "
                      "its size. Get the archive elsewhere, or unpack it yourself.")


def _members(tar: tarfile.TarFile, archive: Path | str) -> Iterator[tarfile.TarInfo]:
    """One after the other, each looked at: 100,000 files are unpacked in one pass, and not listed in memory."""
    for number, member in enumerate(iter(tar.next, None)):
        plain = (member.isreg() and not member.issparse()) or member.isdir()
        if number >= MOST_MEMBERS:
            raise _too_large(archive, 0)
        _refuse(member.name, archive, plain=plain)
        yield member
        tar.members.clear()


def _refuse(name: str, archive: Path | str, *, plain: bool) -> None:
    """InputError for a member that is not ``plain``, or whose name leaves the folder or cannot be one."""
    path = PurePosixPath(name)
    size = len(os.fsencode(name)) if name.isprintable() else 0
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{archive}: member {name[:200]!r} points outside the folder. Get the archive elsewhere.")
    if not plain:
        raise InputError(f"{archive}: member {name[:200]!r} is a link or device. Get the archive elsewhere.")
    if not 0 < size <= LONGEST_NAME or any(len(os.fsencode(part)) > LONGEST_PART for part in path.parts):
        raise InputError(f"{archive}: member {name[:200]!r}: no name of a file. Get the archive elsewhere.")
