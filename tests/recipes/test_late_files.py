"""A network file system that shows what a job has written only later: the stages wait for it, say so, and give up."""

import re
import shutil
import threading
import time

import pytest

from espnet_bljust.disk.late import wait_for

# Runs the jobs as run.py does; then what they made vanishes for a while, as a stale folder of NFS has it.
LATE = """#!/bin/bash
run.py "$@" || exit $?
for made in dump/raw/org/*.tmp/data/format.1/part.json; do
    mv "$made" "$made.unseen"
    [ "$LATE_BY" = never ] || (exec >/dev/null 2>&1 8>&-; sleep "$LATE_BY"; mv "$made.unseen" "$made") &
done
"""


@pytest.fixture
def distant(finished):
    """The recipe before stage 3, with a launcher whose files come late."""
    shutil.rmtree(finished.folder / "dump")
    (finished.folder / "launcher").write_text(LATE)
    (finished.folder / "launcher").chmod(0o755)
    with open(finished.folder / "cmd.sh", "a") as file:
        file.write('train_cmd="./launcher"\n')
    return finished


def test_late_parts_are_waited_for_in_words(distant):
    distant.environment |= {"BLJUST_LATE_SECONDS": "60", "LATE_BY": "4"}
    output = distant.run("--stage", "3", "--stop_stage", "3")
    waits = re.findall(r"waiting up to 60 s for dump/raw/org/(\w+).tmp/data/format.1/part.json: its job has", output)
    assert waits and set(waits) <= {"dev", "extra", "test", "train"}


def test_parts_that_never_come_are_named(distant):
    distant.environment |= {"BLJUST_LATE_SECONDS": "1", "LATE_BY": "never"}
    output = distant.run("--stage", "3", "--stop_stage", "3", code=1)
    assert "format.1: part 1 of" in output and "run stage 3 again" in output and "Traceback" not in output
    distant.environment |= {"BLJUST_LATE_SECONDS": "60", "LATE_BY": "0"}
    assert "stage 3 format: 4 sets" in distant.run("--stage", "3", "--stop_stage", "3")


def test_nothing_is_waited_for_that_is_there_or_where_jobs_run_here(tmp_path, capfd, monkeypatch):
    (tmp_path / "there").touch()
    monkeypatch.setenv("BLJUST_LATE_SECONDS", "60")
    wait_for([tmp_path / "there"])
    monkeypatch.delenv("BLJUST_LATE_SECONDS")
    began = time.monotonic()
    wait_for([tmp_path / "absent"])
    assert time.monotonic() - began < 0.4 and capfd.readouterr().err == ""


def test_all_files_share_one_patience(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("BLJUST_LATE_SECONDS", "1.2")
    began = time.monotonic()
    threading.Timer(0.3, (tmp_path / "a").touch).start()
    wait_for([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    assert 1.0 < time.monotonic() - began < 2.5
    assert capfd.readouterr().err.count("waiting up to 1 s for") == 2
