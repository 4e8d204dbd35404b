"""A file from the network by http or https: resumed where it stopped, known by its sum, of bounded size."""

import hashlib
import http.client
import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

CHUNK = 1 << 18  # bytes
TIMEOUT_SECONDS = 60
LABELS = {"sha256": "SHA-256", "md5": "MD5"}
FAILURES = (urllib.error.URLError, http.client.HTTPException, OSError, ValueError)  # ValueError: an odd length
MOST_BYTES = 1 << 40
SCHEMES = ("http", "https")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """To another host, but never to another scheme, except from http to https; urllib would go to ftp, too."""

    def redirect_request(self, request, file, code, message, headers, new_url):  # noqa: ANN001, ANN201
        old, new = (urllib.parse.urlsplit(url).scheme for url in (request.full_url, new_url))
        if new not in SCHEMES or (old, new) == ("https", "http"):
            raise urllib.error.URLError(f"it leads to {new}: instead of {old}:, which is not followed")
        return super().redirect_request(request, file, code, message, headers, new_url)


class _Only(urllib.request.OpenerDirector):
    """http and https, proxies of the environment, redirections as above; no file:, ftp: or data:."""

    def __init__(self) -> None:
        super().__init__()
        for handler in (urllib.request.ProxyHandler, urllib.request.UnknownHandler, urllib.request.HTTPHandler,
                        urllib.request.HTTPSHandler, urllib.request.HTTPDefaultErrorHandler, _Redirects,
                        urllib.request.HTTPErrorProcessor):  # fmt: skip
            self.add_handler(handler())


def download(
    urls: list[str], path: Path | str, *, sha256: str = "", md5: str = "", attempts: int = 3, trust_first: bool = False
) -> str:
    """Fetch ``path`` from the first address that gives it, unless it is there; return its SHA-256.

    A broken transfer goes on where it stopped (``<path>.part``). Nothing is fetched without a sum to compare with:
    ``sha256``, or ``md5`` for corpora that publish nothing better, or that of an earlier download in ``<path>.sha256``
    (form of sha256sum), which is written every time; ``trust_first`` takes a first one as it comes. Where an address
    gives something else, the next one is tried.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = path.with_name(path.name + ".sha256")
    due = {"sha256": sha256 or _recorded(record), "md5": md5}
    if path.is_file():
        return _check(path, path, due, record)
    if not any(due.values()) and not trust_first:
        raise InputError(f"{path}: no sum of it is known to compare a download with. Fetch it by hand, or write its "
                         f"SHA-256 from a source that you trust into {record}; or take the first one as it comes, "
                         "where local/data.py has --trust_download true.")
    part, reasons = path.with_name(path.name + ".part"), []
    for url in urls:
        for _ in range(attempts):
            try:
                _fetch(url, part)
                digest = _check(part, path, due, record)
            except (*FAILURES, InputError) as error:
                if isinstance(error, InputError) and url == urls[-1]:
                    raise
                reasons.append(f"{url}: {getattr(error, 'reason', None) or error or type(error).__name__}")
                if isinstance(error, InputError) or getattr(error, "code", 0) in (403, 404, 410):
                    break
                continue
            os.replace(part, path)
            return digest
    raise InputError(
        f"{path}: could not be downloaded ({'; '.join(dict.fromkeys(reasons))}). Run again to go on where it stopped, "
        f"or put the file there by hand."
    )


def _recorded(record: Path) -> str:
    """The sum of an earlier download, or from the user; empty where there is none."""
    words = record.read_text(errors="replace").split() if record.is_file() else []
    if words and not re.fullmatch(r"[0-9a-fA-F]{64}", words[0]):
        raise InputError(f"{record}: {words[0][:80]!r} is no SHA-256. Correct it, or delete the file.")
    return words[0] if words else ""


def _check(file: Path, path: Path, due: dict[str, str], record: Path) -> str:
    """The SHA-256 of ``file``, recorded when new; a wrong transfer is deleted, a wrong file of the user's is not."""
    digests = {}
    for name, digest in due.items():
        if digest or name == "sha256":
            with file.open("rb") as stream:
                digests[name] = hashlib.file_digest(stream, name).hexdigest()
        if digest and digests[name] != digest.lower():
            if file != path:
                file.unlink()
            raise InputError(f"{path}: {LABELS[name]} {digests[name]} where {digest} is due. "
                             "Delete it and run again, or check its source.")
    if not record.is_file():
        write_atomic(record, f"{digests['sha256']}  {path.name}\n")
    return digests["sha256"]


def _fetch(url: str, part: Path) -> None:
    """Append to ``part`` what is missing from it; start anew where the server's file changed or it knows no ranges."""
    tag_file = part.with_name(part.name + ".tag")
    tag = tag_file.read_text() if tag_file.is_file() else ""
    have = part.stat().st_size if part.is_file() and tag.startswith(url + "\n") else 0
    if urllib.parse.urlsplit(url).scheme not in SCHEMES:
        raise urllib.error.URLError("an address begins with https: or http:")
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag.partition("\n")[2])
    try:
        response = _Only().open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is no beginning of the server's file
            part.unlink()
        raise
    with response:
        if not _continues(response, have):
            have = 0
        _note_validator(response, url, tag_file)
        length = response.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        room = min(MOST_BYTES, shutil.disk_usage(part.parent).free + have)
        if (total or 0) > room:
            raise InputError(f"{part}: {total} bytes, more than the {room} that there is room for. Free some space.")
        with part.open("ab" if have else "wb") as file:
            for block in progress(_blocks(response), part.stem, total=total and -(-total // CHUNK), unit="block"):
                file.write(block)
                if file.tell() > room:
                    raise InputError(f"{part}: more than {room} bytes came. Look at {url}, or free some space.")
            file.flush()
            os.fsync(file.fileno())
    if total is not None and part.stat().st_size != total:
        raise OSError(f"{part.stat().st_size} of {total} bytes, then the connection ended")
    tag_file.unlink(missing_ok=True)


def _continues(response: http.client.HTTPResponse, have: int) -> bool:
    """Whether the answer goes on exactly at byte ``have``."""
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status == 206 and match is not None and int(match[1]) == have


def _note_validator(response: http.client.HTTPResponse, url: str, tag_file: Path) -> None:
    """Remember which version of the file the part belongs to; without a strong validator nothing is resumed."""
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    if validator:
        write_atomic(tag_file, f"{url}\n{validator}")
    else:
        tag_file.unlink(missing_ok=True)


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while block := response.read(CHUNK):
        yield block
