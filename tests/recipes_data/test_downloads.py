"""download.py and archive.py against a server in a thread and archives made here."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from espnet_bljust.data.archive import extract
from espnet_bljust.data.download import download
from espnet_bljust.errors import InputError

pytest_plugins = ("tests.faults.disk",)
CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(HTTPServer):
    """Serves ``content``; ``stop_after`` bytes of a body it hangs up; ``requests`` are the Range headers seen."""

    content, tag, stop_after, ranges_known = CONTENT, '"v1"', None, True

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
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.end_headers()
        self.wfile.write(body[: server.stop_after])

    def log_message(self, *_):
        pass


class DrippingHandler(Handler):
    """Sends slowly."""

    def setup(self):
        super().setup()
        self.wfile = SlowFile(self.wfile)


class SlowFile:
    def __init__(self, file):
        self.file = file

    def write(self, data):
        for start in range(0, len(data), 65536):
            self.file.write(data[start : start + 65536])
            time.sleep(0.02)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_first_download_records_its_hash_and_a_second_call_asks_nobody(server, tmp_path):
    path = tmp_path / "an4.tar.gz"
    assert download([server.url], path) == DIGEST
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "an4.tar.gz.sha256").read_text() == f"{DIGEST}  an4.tar.gz\n"
    assert download([server.url], path) == DIGEST
    assert server.requests == [None]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["an4.tar.gz", "an4.tar.gz.sha256"]


def test_broken_download_goes_on_where_it_stopped(server, tmp_path):
    server.stop_after = 600_000
    path = tmp_path / "an4.tar.gz"
    with pytest.raises(InputError, match="Run again to go on"):
        download([server.url], path, attempts=1)
    assert not path.exists()
    server.stop_after = None
    assert download([server.url], path) == DIGEST
    assert server.requests == [None, "bytes=600000-"]


def test_file_that_changed_on_the_server_is_fetched_anew(server, tmp_path):
    server.stop_after = 1000
    path = tmp_path / "an4.tar.gz"
    with pytest.raises(InputError):
        download([server.url], path, attempts=1)
    server.stop_after, server.tag, server.content = None, '"v2"', b"new" * 1000
    download([server.url], path)
    assert path.read_bytes() == b"new" * 1000


def test_server_without_ranges_sends_the_whole_file_again(server, tmp_path):
    server.stop_after = 1000
    with pytest.raises(InputError):
        download([server.url], tmp_path / "a", attempts=1)
    server.stop_after, server.ranges_known = None, False
    assert download([server.url], tmp_path / "a") == DIGEST


def test_killed_between_last_byte_and_rename_still_ends_whole(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT)
    (tmp_path / "a.part.tag").write_text(f'{server.url}\n"v1"')
    assert download([server.url], tmp_path / "a") == DIGEST


def test_killed_in_the_middle_again_and_again_it_goes_on_where_it_was(server, tmp_path):
    server.RequestHandlerClass = DrippingHandler
    server.handle_error = lambda *_: None  # the other side was killed
    path, part = tmp_path / "a", tmp_path / "a.part"
    program = "import sys; from espnet_bljust.data.download import download; download(sys.argv[1:2], sys.argv[2])"
    command = [sys.executable, "-c", program, server.url, path]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for least in (1, 500_000, 1_000_000):  # bytes there when it is killed
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        while not part.exists() or part.stat().st_size < least:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
        process.wait()
        assert not path.exists()
    assert download([server.url], path) == DIGEST
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0 for wanted in server.requests]
    assert len(starts) == 4 and starts[0] == 0 and starts[1] > 0 and starts[2] >= 500_000 and starts[3] >= 1_000_000


def test_wrong_hash_is_refused_and_the_transfer_deleted(server, tmp_path):
    with pytest.raises(InputError, match=f"SHA-256 {DIGEST} where 00"):
        download([server.url], tmp_path / "a", sha256="00")
    assert list(tmp_path.glob("a*")) in ([], [tmp_path / "a.part.tag"])


def test_later_download_must_equal_the_recorded_hash(server, tmp_path):
    download([server.url], tmp_path / "a")
    (tmp_path / "a").unlink()
    server.content = b"other"
    with pytest.raises(InputError, match="SHA-256"):
        download([server.url], tmp_path / "a")


def test_next_address_is_tried_when_the_first_does_not_answer(server, tmp_path):
    assert download(["http://127.0.0.1:9/a", server.url], tmp_path / "a") == DIGEST


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
