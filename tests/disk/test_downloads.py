"""download.py against a server in a thread."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from espnet_bljust.disk import download as downloads
from espnet_bljust.disk.download import download
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


def test_killed_in_the_middle_again_and_again_it_goes_on_where_it_was(server, tmp_path):
    server.RequestHandlerClass = DrippingHandler
    server.handle_error = lambda *_: None  # the other side was killed
    path, part = tmp_path / "a", tmp_path / "a.part"
    program = "import sys; from espnet_bljust.disk.download import download as get; get([sys.argv[1]], *sys.argv[2:])"
    (tmp_path / "a.sha256").write_text(f"{DIGEST}  a\n")
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
    assert download([server.url], path, sha256=DIGEST) == DIGEST
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0 for wanted in server.requests]
    assert len(starts) == 4 and starts[0] == 0 and starts[1] > 0 and starts[2] >= 500_000 and starts[3] >= 1_000_000


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
