"""download.py and archive.py against a server in a thread and archives made here."""

import hashlib
import io
import stat
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from espnet_bljust.data import archive as archives
from espnet_bljust.data import download as downloads
from espnet_bljust.data.archive import extract, extract_beside, extract_zip
from espnet_bljust.data.download import download
from espnet_bljust.errors import InputError

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(HTTPServer):
    """Serves ``content``; ``stop_after`` bytes of a body it hangs up; ``requests`` are the Range headers seen."""

    content, tag, stop_after, ranges_known = CONTENT, '"v1"', None, True
    leads_to, says_length = "", True

    def __init__(self):
        self.requests = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/an4.tar.gz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        start, wanted = 0, self.headers.get("Range")
        server.requests.append(wanted)
        if wanted and server.ranges_known and self.headers.get("If-Range") == server.tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if server.leads_to and not self.path.endswith("again"):
            self.send_response(302)
            self.send_header("Location", server.leads_to)
            self.end_headers()
            return
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.end_headers()
        self.wfile.write(body[: server.stop_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_download_records_its_hash_and_a_second_call_asks_nobody(server, tmp_path):
    path = tmp_path / "an4.tar.gz"
    assert download([server.url], path, sha256=DIGEST) == DIGEST
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "an4.tar.gz.sha256").read_text() == f"{DIGEST}  an4.tar.gz\n"
    assert download([server.url], path) == DIGEST
    assert server.requests == [None]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["an4.tar.gz", "an4.tar.gz.sha256"]


def test_broken_download_goes_on_where_it_stopped(server, tmp_path):
    server.stop_after = 600_000
    path = tmp_path / "an4.tar.gz"
    with pytest.raises(InputError, match="Run again to go on"):
        download([server.url], path, attempts=1, sha256=DIGEST)
    assert not path.exists()
    server.stop_after = None
    assert download([server.url], path, sha256=DIGEST) == DIGEST
    assert server.requests == [None, "bytes=600000-"]


def test_file_that_changed_on_the_server_is_fetched_anew(server, tmp_path):
    server.stop_after = 1000
    path = tmp_path / "an4.tar.gz"
    with pytest.raises(InputError):
        download([server.url], path, attempts=1, sha256=DIGEST)
    server.stop_after, server.tag, server.content = None, '"v2"', b"new" * 1000
    download([server.url], path, md5=hashlib.md5(server.content).hexdigest())
    assert path.read_bytes() == b"new" * 1000


def test_server_without_ranges_sends_the_whole_file_again(server, tmp_path):
    server.stop_after = 1000
    with pytest.raises(InputError):
        download([server.url], tmp_path / "a", attempts=1, sha256=DIGEST)
    server.stop_after, server.ranges_known = None, False
    assert download([server.url], tmp_path / "a", sha256=DIGEST) == DIGEST


def test_killed_between_last_byte_and_rename_still_ends_whole(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT)
    (tmp_path / "a.part.tag").write_text(f'{server.url}\n"v1"')
    assert download([server.url], tmp_path / "a", sha256=DIGEST) == DIGEST


def test_wrong_hash_is_refused_and_the_transfer_deleted(server, tmp_path):
    with pytest.raises(InputError, match=f"SHA-256 {DIGEST} where 00"):
        download([server.url], tmp_path / "a", sha256="00")
    assert list(tmp_path.glob("a*")) in ([], [tmp_path / "a.part.tag"])


def test_later_download_must_equal_the_recorded_hash(server, tmp_path):
    download([server.url], tmp_path / "a", sha256=DIGEST)
    (tmp_path / "a").unlink()
    server.content = b"other"
    with pytest.raises(InputError, match="SHA-256"):
        download([server.url], tmp_path / "a")


def test_next_address_is_tried_when_the_first_does_not_answer(server, tmp_path):
    assert download(["http://127.0.0.1:9/a", server.url], tmp_path / "a", sha256=DIGEST) == DIGEST


def test_without_a_sum_nobody_is_asked(server, tmp_path):
    with pytest.raises(InputError, match="no sum of it is known"):
        download([server.url], tmp_path / "a")
    assert server.requests == []
    (tmp_path / "a.sha256").write_text(f"{DIGEST}  a\n")  # as a user writes it
    assert download([server.url], tmp_path / "a") == DIGEST


def test_a_first_download_is_taken_as_it_comes_where_the_user_says_so(server, tmp_path):
    assert download([server.url], tmp_path / "a", trust_first=True) == DIGEST
    (tmp_path / "a").unlink()
    server.content = b"other"
    with pytest.raises(InputError, match="SHA-256"):
        download([server.url], tmp_path / "a", trust_first=True)


def test_next_address_is_tried_when_the_first_gives_something_else(server, tmp_path):
    other = Server()
    other.content = b"other"
    threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        assert download([other.url, server.url], tmp_path / "a", sha256=DIGEST) == DIGEST
    finally:
        other.shutdown()
        other.server_close()


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:,x", "gopher://x/"])
def test_only_http_is_asked_and_followed(server, tmp_path, target):
    server.leads_to = target
    for url in (target, server.url):
        with pytest.raises(InputError, match="could not be downloaded") as caught:
            download([url], tmp_path / "a", sha256=DIGEST, attempts=1)
        assert any(why in str(caught.value) for why in ("begins with https", "is not followed", "is not allowed"))
    assert not list(tmp_path.glob("a*"))


def test_a_redirection_to_http_is_followed_but_not_from_https(server, tmp_path):
    server.leads_to = server.url + "?again"
    assert download([server.url], tmp_path / "a", sha256=DIGEST) == DIGEST
    request = downloads.urllib.request.Request("https://example.org/a")
    with pytest.raises(downloads.urllib.error.URLError, match="not followed"):
        downloads._Redirects().redirect_request(request, None, 302, "", {}, "http://example.org/a")


@pytest.mark.parametrize("says_so", [True, False], ids=["announced", "unannounced"])
def test_more_than_there_is_room_for_is_refused(server, tmp_path, monkeypatch, says_so):
    monkeypatch.setattr(downloads, "MOST_BYTES", 500_000)
    server.says_length = says_so
    with pytest.raises(InputError, match="room for|came"):
        download([server.url], tmp_path / "a", sha256=DIGEST)
    assert not (tmp_path / "a").exists()


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
