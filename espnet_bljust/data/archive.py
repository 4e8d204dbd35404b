"""Unpack an archive of unknown origin: plain files and folders inside the target, nothing else; fetch one."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from espnet_bljust.data.download import download
from espnet_bljust.data.files import fresh_dir, swap_dir, sync_tree, temporary_dir
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError)  # with an errno, the disk's


def extract(archive: Path | str, folder: Path | str) -> None:
    """Unpack all of ``archive`` into a new ``folder``, which appears whole or not at all."""
    folder = Path(folder)
    temporary = fresh_dir(temporary_dir(folder))
    try:
        with tarfile.open(archive) as tar:
            for member in iter(tar.next, None):  # one pass: 100,000 files are unpacked once, and not listed in memory
                _refuse(member, archive)
                tar.extract(member, temporary, filter="data")
                tar.members.clear()
    except DAMAGE as error:
        if getattr(error, "errno", None):  # the disk's fault, and not the archive's
            raise
        raise InputError(f"{archive}: not a whole tar archive ({error}). Delete it and run again.") from None
    sync_tree(temporary)
    swap_dir(temporary, folder)


def extract_beside(archives: Iterable[Path]) -> None:
    """Unpack each tar archive into the folder it lies in, and delete it; a killed run goes on with what is left."""
    for archive in progress(list(archives), "unpacking", unit="archive"):
        try:
            with tarfile.open(archive) as tar:
                members = tar.getmembers()
                for member in members:
                    _refuse(member, archive)
                tar.extractall(archive.parent, members, filter="data")
        except DAMAGE as error:
            if getattr(error, "errno", None):
                raise
            raise InputError(f"{archive}: not a whole tar archive ({error}). Fetch the corpus again.") from None
        sync_tree(archive.parent)
        archive.unlink()


def extract_zip(archive: Path | str, folder: Path | str) -> None:
    """Unpack all of a zip ``archive`` into a new ``folder``, which appears whole or not at all, as its sums say."""
    folder = Path(folder)
    temporary = fresh_dir(temporary_dir(folder))
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                name = PurePosixPath(member.filename)
                if name.is_absolute() or ".." in name.parts or stat.S_ISLNK(member.external_attr >> 16):
                    raise InputError(f"{archive}: member {member.filename!r} is a link or points outside the folder. "
                                     "Get the archive elsewhere.")
            file.extractall(temporary)
    except DAMAGE as error:
        if getattr(error, "errno", None):
            raise
        raise InputError(f"{archive}: not a whole zip archive ({error}). Delete it and run again.") from None
    sync_tree(temporary)
    swap_dir(temporary, folder)


def _refuse(member: tarfile.TarInfo, archive: Path | str) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise InputError(f"{archive}: member {member.name!r} points outside the folder. Get the archive elsewhere.")
    if not (member.isreg() or member.isdir()):
        raise InputError(f"{archive}: member {member.name!r} is a link or device. Get the archive elsewhere.")


def fetch(urls: list[str], archive: Path, folder: Path, *, sha256: str = "", md5: str = "") -> Path:
    """``folder`` with the content of ``archive``, downloaded from one of ``urls`` and unpacked where it is not yet."""
    if not folder.is_dir():
        download(urls, archive, sha256=sha256, md5=md5)
        extract(archive, folder)
    return folder
