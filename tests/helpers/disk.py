"""A small disk for a test: a tmpfs, which root may mount."""

import subprocess

import pytest


@pytest.fixture
def disk():
    """`disk(folder, kilobytes)` mounts one; `disk.again("size=64m")` gives the last one other options of mount.

    `disk.full`: what a command says of a full one, behind its name.
    """
    mounted = []

    def small(folder, kilobytes):
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"a small disk cannot be mounted here, which takes root: {done.stderr.strip()}")
        mounted.append(folder)

    small.full = "no space left on device. Free some space (df -h shows where), then run the stage again."
    small.again = lambda options: subprocess.run(
        ["mount", "-o", f"remount,{options}", str(mounted[-1])], capture_output=True, check=True)
    yield small
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
