"""Structure-aware damage to small real files: bytes and numbers anywhere, lines and words of text, members of archives.

A case is a folder in memory: name -> content. Everything comes from the one generator, so that a seed tells a case.
"""

import gzip
import io
import random
import tarfile
import zipfile
from pathlib import PurePath

MOST_BYTES = 1 << 16  # of a file; growing ones are cut
TEXT = {".scp", ".txt", ".tsv", ".csv", ".stm", ".phn", ".yaml", ".json", ".arpa", ".sh", ".dic", ""}
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 36, (1 << 63) - 1,
           (1 << 64) - 1)
WORDS = [
    b"", b"-1", b"0", b"nan", b"inf", b"-inf", b"1e999", b"9" * 40, b"9" * 5000, b"\xc2\xb2", b"\xd9\xa3", b"1_0",
    b"0x10", b"../../outside", b"/etc/passwd", b"~", b"$(touch outside)", b"`touch outside`", b"touch outside |",
    b"| touch outside", b"; touch outside;", b"a + b", b"x.ark:0", b"x.ark:99999999999999999999", b"-rf", b"--debug",
    b"'", b'"', b"\\", b"\0", b"\r", b"\n", b"\t", b"\x1b[2J", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    b"\xe2\x80\xa8", b"\xc2\x85", b"\xc2\xa0", b"%2F..", b"a" * 300, b"a" * 5000, b"[", b"{", b"*", b"&a [*a]",
    b"!!python/object/apply:os.system ['touch outside']", b": ", b"-", b"null", b"true", b"1e4", b"1.5", b"<unk>",
    b"<blank>", b"\\data\\", b"\\end\\", b"\\1-grams:", b"ngram 1=999999999", b"ngram 9=1", b"(((((((((((((", b"<s>",
    b"</s>", b";;", b"ignore_time_segment_in_scoring", b"|",
]  # fmt: skip
GLOBALS = (b"cposix\nsystem\n", b"cbuiltins\neval\n", b"cos\nsystem\n", b"cbuiltins\ngetattr\n",
           b"cargparse\nNamespace\n")  # fmt: skip
CALL = b"(S'touch outside'\ntR"  # the pickled call of one of these


def mutate(case: dict[str, bytes], chance: random.Random, others: list[dict[str, bytes]]) -> dict[str, bytes]:
    """A copy with one to six changes."""
    case = dict(case)
    for _ in range(1 + min(int(chance.expovariate(0.7)), 5)):
        name = chance.choice(sorted(case))
        if len(case) > 1 and chance.random() < 0.03:
            del case[name]
            continue
        donors = [other[name] for other in others if name in other]
        case[name] = _change(name, case[name], chance, donors)[:MOST_BYTES]
    return case


def _change(name: str, data: bytes, chance: random.Random, donors: list[bytes]) -> bytes:
    kind = PurePath(name).suffix
    if kind in (".zip", ".pth") and data[:2] == b"PK" and chance.random() < 0.8:
        return _zip(data, chance)
    if kind in (".tar", ".gz", ".tgz") and chance.random() < 0.8:
        return _tar(data, chance)
    if kind == ".safetensors" and chance.random() < 0.7:
        length = int.from_bytes(data[:8], "little")
        header = _text(data[8 : 8 + length], chance)
        return len(header).to_bytes(8, "little") + header + data[8 + length :]
    if kind in TEXT and chance.random() < 0.8:
        return _text(data, chance)
    if donors and chance.random() < 0.1:
        donor = chance.choice(donors)
        return data[: chance.randrange(len(data) + 1)] + donor[chance.randrange(len(donor) + 1) :]
    return _bytes(data, chance)


def _place(data: bytes, chance: random.Random) -> int:
    """Headers matter more than what follows."""
    end = len(data) if chance.random() < 0.5 else min(len(data), chance.choice((16, 64, 256, 1100)))
    return chance.randrange(end + 1)


def _bytes(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    length = chance.choice((1, 1, 2, 4, 8, chance.randrange(1, 200)))
    way = chance.randrange(8)
    if way == 0 and data:
        start = min(start, len(data) - 1)
        return data[:start] + bytes([data[start] ^ 1 << chance.randrange(8)]) + data[start + 1 :]
    if way in (1, 2):
        size, order = chance.choice((1, 2, 3, 4, 8)), chance.choice(("little", "big"))
        number = (chance.choice(NUMBERS) + chance.randrange(-2, 3)) % (1 << 8 * size)
        return data[:start] + number.to_bytes(size, order) + data[start + size :]
    if way == 3:
        return data[:start] + data[start + length :]
    if way == 4:
        return data[:start] + data[start : start + length] * chance.choice((2, 3, 20)) + data[start + length :]
    if way == 5:
        return data[:start]
    if way == 6:
        return data[:start] + chance.choice(WORDS) + data[start + chance.choice((0, length)) :]
    return data[:start] + chance.randbytes(length) + data[start + chance.choice((0, length)) :]


def _text(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    here, there = chance.randrange(len(lines)), chance.randrange(len(lines))
    way = chance.randrange(7)
    if way == 0:
        del lines[here]
    elif way == 1:
        lines.insert(there, lines[here])
    elif way == 2:
        lines[here], lines[there] = lines[there], lines[here]
    elif way == 3:
        lines[here] = b""
    elif way == 4:
        return _bytes(data, chance)
    else:
        marks = [mark for mark in (b" ", b"\t", b",", b":", b"=", b"/") if mark in lines[here]]
        separator = chance.choice(marks or [b" "])
        words = lines[here].split(separator)
        words[chance.randrange(len(words))] = chance.choice(WORDS)
        lines[here] = separator.join(words)
    return b"\n".join(lines)


def _zip(data: bytes, chance: random.Random) -> bytes:
    """A member changed, with a sum that fits; or its name; or a link."""
    members = _members(data)
    if not members:
        return _bytes(data, chance)
    here = chance.randrange(len(members))
    info, content = members[here]
    way = chance.randrange(6)
    if way == 0:
        info.filename = chance.choice(WORDS).decode(errors="replace") or "x"
    elif way == 1:
        info.external_attr = chance.choice((0o120777, 0o020666, 0o010666, 0o040755)) << 16
    elif way == 2 and content:
        position = chance.randrange(len(content))
        content = content[:position] + chance.choice(GLOBALS) + CALL + content[position:]
    elif way == 3:
        content = b"\0" * (1 << 22)
    else:
        content = (_text if info.filename.endswith((".yaml", ".json")) else _bytes)(content, chance)
    members[here] = (info, content)
    out = io.BytesIO()
    compression = zipfile.ZIP_DEFLATED if way == 3 else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", compression) as archive:
        for member, inside in members:
            member.compress_type = compression
            archive.writestr(member, inside)
    whole = out.getvalue()
    return _bytes(whole, chance) if chance.random() < 0.2 else whole


def _members(data: bytes) -> list[tuple[zipfile.ZipInfo, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(member, archive.read(member)) for member in archive.infolist() if member.file_size < 1 << 20]
    except Exception:  # damaged before: its bytes are changed instead
        return []


def _tar(data: bytes, chance: random.Random) -> bytes:
    """A header changed, with a sum that fits; packed again where it was."""
    packed = data[:2] == b"\x1f\x8b"
    try:
        plain = gzip.decompress(data) if packed else data
        with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
            members = [(member, (tar.extractfile(member) or io.BytesIO()).read()) for member in tar.getmembers()
                       if member.isreg() or member.isdir()]
    except Exception:
        return _bytes(data, chance)
    if not members or len(plain) > 1 << 20:
        return _bytes(data, chance)
    member, content = members[chance.randrange(len(members))]
    member.name = chance.choice(WORDS).decode(errors="surrogateescape") if chance.random() < 0.4 else member.name
    member.type = chance.choice((tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE,
                                 tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE, b"Z"))
    member.linkname = chance.choice(("", "../../outside", "/etc/passwd", member.name, "a/b.txt"))
    member.mode = chance.choice((0o644, 0o000, 0o4777))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for each, inside in members:
            try:
                tar.addfile(each, io.BytesIO(inside))
            except (ValueError, OSError, UnicodeError):
                continue
    whole = out.getvalue() if chance.random() < 0.7 else _bytes(out.getvalue(), chance)
    return gzip.compress(whole, 1, mtime=0) if packed else whole
