"""egs2/tedlium2/bljust/local/data.py on generated trees in the layout of the release: SPHERE audio and STM files."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.kaldi.directory import read_dir
from tests.helpers.spheres import sphere

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/tedlium2/bljust"
SECONDS = 3
LINES = """;; a comment
{talk} 1 {talk} 0.00 0.40 <o,f0,male> ignore_time_segment_in_scoring
{talk} 1 {talk} 0.50 1.25 <o,f0,male> it 's the(2) {{NOISE}} kennedy 's <unk> <sil> idea ({talk}-F0_M-S1)
{talk} 1 {talk} 1.29 2.00 <F0_F> i 'm not 'cause <sil>
{talk} 1 guest 2.00 3.25 <NA> thank you
{talk} 1 {talk} 2.50 2.90 <o,f0,male> <sil>
"""
TEXTS = ["it's the kennedy 's <unk> idea", "i'm not 'cause", "thank you"]  # kennedy's is not in the dictionary
DICTIONARY = "it's IH T S\nit's(2) AH T S\ni'm AY M\nthank TH AE NG K\n"


def run_data(folder, *words, script=RECIPE / "local/data.py"):
    """Stage 1 in ``folder``: the finished process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def samples_of(name):
    return np.random.default_rng(len(name)).integers(-9000, 9000, SECONDS * 16000).astype(np.int16)


@pytest.fixture
def release(tmp_path):
    """Two talks to train on, one each for dev and test."""
    root = tmp_path / "TEDLIUM_release2"
    for name, talks in (("train", ["AlBee_2009", "CyDee_2010X"]), ("dev", ["EvEff_2004"]), ("test", ["GiAitch_2008P"])):
        for kind in ("sph", "stm"):
            (root / name / kind).mkdir(parents=True)
        for talk in talks:
            (root / name / f"stm/{talk}.stm").write_text(LINES.format(talk=talk))
            (root / name / f"sph/{talk}.sph").write_bytes(sphere(samples_of(talk)))
    (root / "TEDLIUM.152k.dic").write_text(DICTIONARY)
    return root


def test_segments_speakers_text_and_audio_are_those_of_the_stm_files(release, tmp_path):
    done = run_data(tmp_path, "--tedlium2_dir", tmp_path, "--excerpt", "true")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("train 6 segments, 3 speakers, 0.00 h; dev 3 ")
    train = read_dir(tmp_path / "data/train", require_text=True)
    first, second = "AlBee_2009-0000050-0000125", "AlBee_2009-0000129-0000200"
    guest = "guest-AlBee_2009-0000200-0000325"
    assert [train.text[name] for name in (first, second, guest)] == TEXTS
    assert train.segments[second] == ("AlBee_2009", 1.29, 2.0)
    assert {train.utt2spk[name] for name in (first, second)} == {"AlBee_2009"} and train.utt2spk[guest] == "guest"
    for recording, path in train.wavs.items():
        samples, rate = read_audio(path)
        assert rate == 16000 and np.array_equal(samples, samples_of(recording) / np.float32(32768))


def test_what_is_not_used_is_counted_and_listed_in_every_set(release, tmp_path):
    done = run_data(tmp_path, "--tedlium2_dir", release, "--excerpt", "true")
    assert done.stdout.endswith("8 left out, see data/tedlium2_left_out.txt\n")
    rows = (tmp_path / "data/tedlium2_left_out.txt").read_text().splitlines()
    assert rows[-2:] == ["test GiAitch_2008P-0000000-0000040 ignore_time_segment_in_scoring",
                         "test GiAitch_2008P-0000250-0000290 no words"]
    for name in ("train", "dev", "test"):
        assert sum(row.startswith(name) for row in rows) == len(read_dir(tmp_path / "data" / name).segments) * 2 / 3
        assert "ignore_time" not in (tmp_path / "data" / name / "text").read_text()


def test_segments_behind_their_recording_twice_or_without_length_are_left_out_with_the_reason(release, tmp_path):
    talk = "EvEff_2004"
    with (release / f"dev/stm/{talk}.stm").open("a") as file:
        for start, end in ((2.0, 3.51), (1.0, 1.0), (0.5, 1.25)):
            file.write(f"{talk} 1 {talk} {start} {end} <o,f0,male> and so\n")
    assert run_data(tmp_path, "--tedlium2_dir", release, "--excerpt", "true").returncode == 0
    rows = [row for row in (tmp_path / "data/tedlium2_left_out.txt").read_text().splitlines() if row.startswith("dev")]
    assert len(rows) == 2 + 3 and len(read_dir(tmp_path / "data/dev").segments) == 3
    for why in ("ends at 3.51 s of a recording of 3.00 s", "no time: 1.0 to 1.0 s", "the same times as another"):
        assert sum(why in row for row in rows) == 1


@pytest.mark.parametrize(("text", "words"), [
    ("don 't you 've {BREATH} uh(3) stop", "don't you've uh stop"),
    ("'til {UH} 'til", "'til'til"),
    ("<unk> 's", "<unk>'s"),
    ("go (2) on (word)", "go on"),
    ("five(2) (AlBee_2009-F0_M-S1)", "five"),
    ("<sil> {NOISE} <sil>", ""),
])
def test_text_is_cleaned_by_the_documented_rules(text, words, monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPE / "local"))
    from tedlium2 import clean

    assert clean(text, None) == words
    assert "'" not in clean("a b c", {"a'b"})
    assert clean("it 's", {"it's"}) == "it's" and clean("it 's", {"it"}) == "it 's"


def problems_of(folder, *words):
    """The one line of a stage 1 that must fail, and its list."""
    done = run_data(folder, *words)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stdout + done.stderr
    assert not (folder / "data/train").exists()
    return done.stderr, (folder / "data/tedlium2_problems.txt").read_text().splitlines()


def test_a_part_of_the_release_is_refused_unless_asked_for(release, tmp_path):
    (release / "TEDLIUM.152k.dic").unlink()
    line, problems = problems_of(tmp_path, "--tedlium2_dir", release)
    assert "--excerpt true" in line and "TEDLIUM.152k.dic: no such file" in problems[0]
    pattern = r"(\w+): (\d+) talks where the release has (\d+)"
    counts = [re.search(pattern, problem).groups() for problem in problems[1:]]
    assert counts == [("train", "2", "1495"), ("dev", "1", "8"), ("test", "1", "11")]


def test_every_damaged_or_lonely_file_is_listed(release, tmp_path):
    train = release / "train"
    (train / "sph/AlBee_2009.sph").unlink()
    (train / "stm/CyDee_2010X.stm").unlink()
    audio = {"Cut": sphere(9000)[:-3000], "Empty": b"", "Slow": sphere(9000, rate=8000), "Good": sphere(48000),
             "Packed": sphere(9000, coding="pcm,embedded-shorten-v2.00")}
    for name, content in audio.items():
        (train / f"sph/{name}.sph").write_bytes(content)
        (train / f"stm/{name}.stm").write_text(LINES.format(talk=name))
    (train / "stm/Good.stm").write_text("Good 1 Good 0.1 <o,f0,male> and\n")
    (release / "dev/stm/EvEff_2004.stm").write_bytes(b"EvEff_2004 1 EvEff_2004 0 1 <o,f0,male> caf\xe9\n")
    (release / "test/stm/GiAitch_2008P.stm").write_text(LINES.format(talk="Other"))
    _, problems = problems_of(tmp_path, "--tedlium2_dir", release, "--excerpt", "true")
    wanted = {"AlBee_2009.stm": "no audio", "CyDee_2010X.sph": "no transcript", "Cut.sph": "of 9000 samples",
              "Empty.sph": "an empty file", "Slow.sph": "8000 Hz", "Packed.sph": "shorten",
              "Good.stm:1": "not 'talk channel speaker", "EvEff_2004.stm:1": "not UTF-8",
              "GiAitch_2008P.stm:2": "a line of the talk Other"}
    assert len(problems) == len(wanted)
    for name, what in wanted.items():
        assert any(name in problem and what in problem for problem in problems), (name, problems)


def test_a_missing_set_is_named(release, tmp_path):
    (release / "dev").rename(release / "elsewhere")
    line, _ = problems_of(tmp_path, "--tedlium2_dir", release, "--excerpt", "true")
    assert f"{release}/dev/stm: no such folder" in line


def test_a_folder_that_is_not_the_release_is_named(tmp_path):
    done = run_data(tmp_path, "--tedlium2_dir", tmp_path)
    assert done.returncode == 1 and "neither train, dev nor test in it" in done.stderr


def test_the_archive_is_fetched_checked_and_unpacked_once(release, tmp_path):
    """The recipe's own commands with the sum of a small archive in the place of the release's."""
    served, home = tmp_path / "served", tmp_path / "recipe"
    served.mkdir()
    home.mkdir()
    with tarfile.open(served / "TEDLIUM_release2.tar.gz", "w:gz") as tar:
        tar.add(release, release.name)
    digest = hashlib.sha256((served / "TEDLIUM_release2.tar.gz").read_bytes()).hexdigest()
    (home / "tedlium2.py").write_text((RECIPE / "local/tedlium2.py").read_text())
    source = (RECIPE / "local/data.py").read_text()
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/TEDLIUM_release2.tar.gz"
        words = ["--tedlium2_url", address, "--excerpt", "true"]
        (home / "data.py").write_text(source)
        assert "SHA-256" in run_data(home, *words, script=home / "data.py").stderr  # not the release
        (home / "data.py").write_text(re.sub(r'SHA256 = "\w+"', f'SHA256 = "{digest}"', source))
        assert run_data(home, *words, script=home / "data.py").returncode == 0
    finally:
        server.shutdown()
        server.server_close()
    again = run_data(home, "--excerpt", "true", script=home / "data.py")
    assert again.returncode == 0 and again.stdout.startswith("train 6 segments")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_address_and_sum_are_torchaudios():
    tables = pytest.importorskip("torchaudio.datasets.tedlium", reason="torchaudio is not installed")
    known = tables._RELEASE_CONFIGS["release2"]
    source = (RECIPE / "local/data.py").read_text()
    assert f'URL = "{known["url"]}"' in source and f'SHA256 = "{known["checksum"]}"' in source
