"""A disk that fills up, or cannot be written: one clear line, nothing half-written counts as done, and then it goes on.

The disk is a small tmpfs, which root may mount; others see the limit of a file's size alone.
"""

import os
import resource
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.writing import write_audio
from tests.helpers.house import ROOT

pytest_plugins = ("tests.helpers.disk",)

@pytest.mark.parametrize("kilobytes", [40, 420])
def test_a_full_disk_in_stage_3_is_one_line_and_with_space_it_goes_on(finished, disk, kilobytes):
    whole = finished.files()
    shutil.rmtree(finished.folder / "dump")
    disk(finished.folder / "dump", kilobytes)
    output = finished.run("--stage", "3", "--stop_stage", "4", code=1)
    assert disk.full in output and "Traceback" not in output
    assert f"stage {3 if 'stage 3 format stopped' in output else 4} " in output.splitlines()[-1]
    disk.again("size=64m")
    finished.run("--stage", "3", "--stop_stage", "5")
    assert finished.files() == whole


def test_a_full_disk_in_stage_6_is_one_line_and_with_space_it_goes_on(finished, disk):
    disk(finished.folder / "data/report", 12)
    output = finished.run("--stage", "6", "--stop_stage", "6", code=1)
    assert disk.full in output and "Traceback" not in output
    disk.again("size=8m")
    assert "stage 6 report: " in finished.run("--stage", "6", "--stop_stage", "6")
    assert not list((finished.folder / "data/report").rglob("*.tmp"))


def test_a_full_disk_under_the_records_is_one_line(finished, disk):
    records = finished.folder / "data/.stages"
    shutil.rmtree(records)
    disk(records, 4)
    (records / "filler").write_bytes(b"x" * 4096)
    output = finished.run("--stop_stage", "1", code=1)
    assert disk.full in output and "Traceback" not in output
    (records / "filler").unlink()
    disk.again("size=1m")
    finished.run("--stop_stage", "5")


def test_folders_that_cannot_be_written_are_one_line(finished, disk):
    """Root may write what nobody may: only a disk mounted read-only stops everybody."""
    shutil.rmtree(finished.folder / "dump")
    disk(finished.folder / "dump", 1000)
    disk.again("ro")
    output = finished.run("--stage", "3", "--stop_stage", "3", code=1)
    assert "read-only file system" in output and "Traceback" not in output


@pytest.mark.parametrize("form", ["flac", "wav"])
def test_audio_is_whole_or_an_error_wherever_the_disk_ends(tmp_path, disk, form):
    """Libsndfile alone says nothing when the last block of a FLAC file does not fit."""
    samples = (3000 * np.random.default_rng(0).standard_normal(16000)).astype(np.int16)
    write_audio(tmp_path / f"whole.{form}", samples, 16000)
    size = (tmp_path / f"whole.{form}").stat().st_size
    disk(tmp_path / "small", 4)
    results = set()
    for kilobytes in range(4, size // 1024 + 8, 4):
        path = tmp_path / f"small/a.{form}"
        path.unlink(missing_ok=True)
        disk.again(f"size={kilobytes}k")
        try:
            write_audio(path, samples, 16000)
        except OSError as error:
            assert str(error.filename) == str(path)
            results.add("refused")
        else:
            assert np.array_equal(soundfile.read(path, dtype="int16")[0], samples)
            results.add("whole")
    assert results == {"refused", "whole"}


@pytest.mark.parametrize("words", [["--audio_format", "wav"], ["--audio_format", "flac.ark"]])
def test_a_limit_of_file_sizes_is_one_line_without_root_too(finished, words):
    process = finished.start("--stage", "3", "--stop_stage", "3", *words,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1 and "file too large. Allow larger files: ulimit -f" in out + err
    assert "Traceback" not in out + err
    assert not (finished.folder / "dump/raw/.stages/train/3.json").exists()


def test_a_log_without_room_ends_no_job_but_one_that_cannot_be_made_does(tmp_path, disk):
    disk(tmp_path / "logs", 4)
    loud = ["bash", "-c", "for i in {1..2000}; do echo line $i; done; touch done"]
    run = [str(ROOT / "local/launch/run.py"), str(tmp_path / "logs/a.log"), *loud]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0 and (tmp_path / "done").exists() and "line 2000" in done.stderr
    assert done.stderr.count("logs/a.log: no space left on device; lines will be missing there.") == 1
    (tmp_path / "done").unlink()
    disk.again("ro")
    done = subprocess.run([*run[:1], str(tmp_path / "logs/b.log"), *loud], cwd=tmp_path, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "read-only file system" in done.stderr and not (tmp_path / "done").exists()
