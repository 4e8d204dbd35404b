"""Words sought in bytes as they lie on the disk: in every archive within, and in the usual codings of text."""

import gzip
import io
import tarfile
import zipfile
import zlib

CODINGS = ("utf-8", "utf-16-le", "utf-16-be")


def traces(content: bytes, words: list[str]) -> list[str]:
    """The words that ``content`` holds, in any case of letters."""
    found = []
    for part in parts(content):
        lowered = part.lower()  # ASCII letters, in wide codings too
        found += [word for word in words if any(word.lower().encode(coding) in lowered for coding in CODINGS)]
    return sorted(set(found))


def parts(content: bytes):
    """The bytes themselves, then what archives in them hold (packs, weights of torch, pictures), names included."""
    yield content
    stream = io.BytesIO(content)
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from parts(archive.read(name))
    elif content[:2] == b"\x1f\x8b":
        yield from parts(gzip.decompress(content))
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=stream) as archive:
            for member in archive:
                yield repr(member.get_info()).encode()
                if member.isfile():
                    yield from parts(archive.extractfile(member).read())
    elif content[:8] == b"\x89PNG\r\n\x1a\n":
        place = 8
        while place < len(content):
            size, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
            chunk = content[place + 8 : place + 8 + size]
            if kind in (b"zTXt", b"iTXt"):  # keyword, 0, method or flags, compressed text
                yield zlib.decompressobj().decompress(chunk[chunk.index(b"\0") + 2 :]) if kind == b"zTXt" else chunk
            place += 12 + size
