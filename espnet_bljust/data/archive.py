"""Unpack a tar archive of unknown origin: plain files and folders inside the target, nothing else; fetch one."""

import tarfile
import zlib
from pathlib import Path, PurePosixPath

from espnet_bljust.data.download import download
from espnet_bljust.data.files import fresh_dir, swap_dir, temporary_dir
from espnet_bljust.errors import InputError


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
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(f"{archive}: not a whole tar archive ({error}). Delete it and run again.") from None
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
