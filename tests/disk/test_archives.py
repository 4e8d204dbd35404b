"""archive.py on archives made here: what is unpacked, and all that is refused."""

import io
import stat
import tarfile
import zipfile

import pytest

from espnet_bljust.disk import archive as archives
from espnet_bljust.disk.archive import extract, extract_beside, extract_zip
from espnet_bljust.errors import InputError

pytest_plugins = ("tests.helpers.disk",)


def archive_of(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            data = b"x" if kind == tarfile.REGTYPE else b""
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_archive_is_unpacked_whole_in_place_of_what_was_there(tmp_path):
    archive = archive_of(tmp_path / "a.tgz", ("an4/etc/x", tarfile.REGTYPE, ""))
    (tmp_path / "out.tmp").mkdir()
    (tmp_path / "out.tmp" / "left").write_text("from a killed run")
    extract(archive, tmp_path / "out")
    assert [str(path.relative_to(tmp_path)) for path in sorted((tmp_path / "out").rglob("*"))] == [
        "out/an4",
        "out/an4/etc",
        "out/an4/etc/x",
    ]


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../outside", tarfile.REGTYPE, ""),
        ("/absolute", tarfile.REGTYPE, ""),
        ("a/../../outside", tarfile.REGTYPE, ""),
        ("link", tarfile.SYMTYPE, "/etc/passwd"),
        ("hard", tarfile.LNKTYPE, "x"),
        ("device", tarfile.CHRTYPE, ""),
        ("pipe", tarfile.FIFOTYPE, ""),
    ],
)
def test_archive_member_that_is_no_plain_file_inside_is_refused_by_name(tmp_path, name, kind, link):
    archive = archive_of(tmp_path / "a.tgz", ("x", tarfile.REGTYPE, ""), (name, kind, link))
    with pytest.raises(InputError, match="member"):
        extract(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_cut_archive_is_named(tmp_path):
    archive = archive_of(tmp_path / "a.tgz", *((f"x{number}", tarfile.REGTYPE, "") for number in range(50)))
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(InputError, match="not a whole tar archive"):
        extract(archive, tmp_path / "out")


def zip_of(path, members, compression=zipfile.ZIP_STORED):
    """``members``: name or ZipInfo -> content."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def linked(name, kind):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


NAMES = ["../outside", "/absolute", "a/../../outside", "a\nb", "x" * 300, "y/" * 600 + "z", "\x1b[2J", "a\x7f"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_that_leave_the_folder_or_cannot_be_one_are_refused(tmp_path, kind, name):
    path, out = tmp_path / "in" / "a", tmp_path / "in" / "out"
    path.parent.mkdir()
    if kind == "zip":
        zip_of(path, [("x", b"x"), (name, b"x")])
    else:
        archive_of(path, ("x", tarfile.REGTYPE, ""), (name, tarfile.REGTYPE, ""))
    with pytest.raises(InputError, match="member .*elsewhere") as caught:
        (extract_zip if kind == "zip" else extract)(path, out)
    assert "\n" not in str(caught.value) and str(caught.value).isprintable()
    assert list(tmp_path.rglob("*")) == [path.parent, path], "nothing is left of it"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_zip_member_that_is_no_plain_file_is_refused(tmp_path, kind):
    zip_of(tmp_path / "a.zip", [("x", b"x"), (linked("odd", kind), b"/etc/passwd")])
    with pytest.raises(InputError, match="odd.*link or device"):
        extract_zip(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bombs_are_refused_before_they_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL_BYTES", 1 << 20)
    zeros = bytes(1 << 23)
    zip_of(tmp_path / "a.zip", [("zeros", zeros)], zipfile.ZIP_DEFLATED)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        member = tarfile.TarInfo("zeros")
        member.size = len(zeros)
        tar.addfile(member, io.BytesIO(zeros))
    for name, unpack in (("a.zip", extract_zip), ("a.tgz", extract)):
        with pytest.raises(InputError, match="too much for its size"):
            unpack(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.tmp").exists()


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 10)
    archive = archive_of(tmp_path / "a.tgz", *((f"x{number}", tarfile.REGTYPE, "") for number in range(11)))
    with pytest.raises(InputError, match="or 10 files"):
        extract(archive, tmp_path / "out")
    zip_of(tmp_path / "a.zip", [(f"x{number}", b"") for number in range(11)])
    with pytest.raises(InputError, match="or 10 files"):
        extract_zip(tmp_path / "a.zip", tmp_path / "out")


def test_a_header_of_a_gigabyte_is_not_read(tmp_path):
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    (tmp_path / "a.tar").write_bytes(member.tobuf() + bytes(1024))
    with pytest.raises(InputError, match="a header of 1073741824 bytes"):
        extract(tmp_path / "a.tar", tmp_path / "out")


def test_sparse_member_is_refused(tmp_path):
    member = tarfile.TarInfo("x")
    member.type = tarfile.GNUTYPE_SPARSE
    (tmp_path / "a.tar").write_bytes(member.tobuf(format=tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(InputError, match="'x' is a link or device"):
        extract(tmp_path / "a.tar", tmp_path / "out")


def test_archives_beside_are_looked_at_whole_before_anything_is_written(tmp_path):
    archive = archive_of(tmp_path / "in.tgz", ("x", tarfile.REGTYPE, ""), ("link", tarfile.SYMTYPE, "/etc"))
    with pytest.raises(InputError, match="link"):
        extract_beside([archive])
    assert [path.name for path in tmp_path.iterdir()] == ["in.tgz"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_packing_of_tar_with_a_folder_for_its_root_is_unpacked(tmp_path, mode):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "w\u00f6rd s").write_text("x")
    with tarfile.open(tmp_path / "a.tar", mode) as tar:
        tar.add(tmp_path / "a", ".")
    extract(tmp_path / "a.tar", tmp_path / "out")
    assert (tmp_path / "out" / "w\u00f6rd s").read_text() == "x"


def test_a_full_disk_is_not_taken_for_a_damaged_archive(tmp_path, disk):
    """Whoever is told so deletes hours of download."""
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("large")
        member.size = 100_000
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    disk(tmp_path / "small", 16)
    with pytest.raises(OSError, match="No space left on device"):
        extract(archive, tmp_path / "small/out")
    assert not (tmp_path / "small/out").exists()
    disk.again("size=1m")
    extract(archive, tmp_path / "small/out")
    assert (tmp_path / "small/out/large").stat().st_size == 100_000
