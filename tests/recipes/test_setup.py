"""setup.sh on a copy of the repository, with stand-ins for Python, pip and uv: its decisions, not the packages."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/bash
# A Python whose venv is a folder with another such Python in it.
case "$1 $2" in
    "-c "*) exec {real} "$@" ;;
    "--version "*) echo "Python stand-in" ;;
    "-m venv")
        echo "venv by $0" >>"$LOG"
        mkdir -p "$4/bin" && echo "home = x" >"$4/pyvenv.cfg" && cp "$0" "$4/bin/python" ;;
    "-m pip") echo "pip ${{*:3}}" >>"$LOG"; cp "$UV" "$(dirname "$0")/uv.part"
        mv "$(dirname "$0")/uv.part" "$(dirname "$0")/uv" ;;
    "-m espnet_bljust.bin.doctor") echo "doctor: fine" ;;
    *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""
UV = """#!/bin/bash
sleep "${UV_SECONDS:-0}"
echo "uv $*" >>"$LOG"
case "$*" in *lock*) exit "${UV_STATUS:-0}" ;; esac
"""
REAL = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"


class House:
    """A copy of setup.sh with its requirements, and a PATH of stand-ins before the system's."""

    def __init__(self, folder: Path) -> None:
        self.root, self.tools, self.log = folder / "house", folder / "tools", folder / "log"
        shutil.copytree(ROOT / "requirements", self.root / "requirements")
        for name in ("setup.sh", "setup.cfg"):
            shutil.copy(ROOT / name, self.root)
        self.tools.mkdir()
        (folder / "uv").write_text(UV)
        (folder / "uv").chmod(0o755)
        for name in ("python3.13", "python3.12", "python3"):
            self.tool(name, "#!/bin/sh\necho shim: no such version >&2\nexit 127\n")
        self.tool("pyenv", f"#!/bin/sh\necho {folder}/pyenv\n")
        self.environment = {"PATH": f"{self.tools}:/usr/bin:/bin", "HOME": str(folder), "LOG": str(self.log),
                            "UV": str(folder / "uv")}

    def tool(self, name: str, text: str) -> Path:
        path = self.tools / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def python(self, name: str) -> Path:
        return self.tool(name, PYTHON.format(real=REAL))

    def run(self, *words: str, code: int = 0, **environment: str) -> str:
        result = subprocess.run([self.root / "setup.sh", *words], capture_output=True, text=True,
                                env={**self.environment, **environment}, timeout=60)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr

    def calls(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_the_environment_is_made_once_and_then_left_alone(house):
    house.python("python3.12")
    assert "doctor: fine" in house.run()
    calls = house.calls()
    assert [call.split()[0] for call in calls] == ["venv", "pip", "uv", "uv"]
    assert "--require-hashes" in calls[1] and "uv.txt" in calls[1]
    assert "--require-hashes -r" in calls[2] and "lock.txt" in calls[2]
    assert "--no-deps --no-build-isolation --offline --editable" in calls[3]
    start = time.monotonic()
    assert house.run("--quiet") == ""
    assert "doctor: fine" in house.run()
    assert house.calls() == [] and time.monotonic() - start < 2


@pytest.mark.parametrize("name", ["requirements/lock.txt", "setup.cfg"])
def test_a_changed_lock_or_package_is_installed_over_the_same_environment(house, name):
    house.python("python3.12")
    house.run()
    house.calls()
    with open(house.root / name, "a") as file:
        file.write("# another\n")
    house.run("--quiet")
    assert [call.split()[0] for call in house.calls()] == ["pip", "uv", "uv"]


def test_a_shim_that_fails_is_passed_over_for_one_of_pyenv(house):
    house.python("../pyenv/versions/3.12.1/bin/python3")
    house.run()
    assert house.calls()[0].endswith("/pyenv/versions/3.12.1/bin/python3")


def test_without_a_python_the_remedy_is_named(house):
    output = house.run(code=1)
    assert output.startswith("setup.sh: finding Python: no Python 3.12 or 3.13") and "--python PATH" in output
    assert output.count("\n") == 1


def test_a_named_python_is_tried_and_refused_when_unfit(house):
    assert "/bin/false is no Python 3.12 or 3.13" in house.run("--python", "/bin/false", code=1)


def test_a_failing_step_is_named_and_the_next_run_goes_on(house):
    house.python("python3.13")
    output = house.run(code=1, UV_STATUS="2")
    assert "setup.sh: installing requirements/lock.txt: uv failed. Check the network" in output
    assert not (house.root / ".venv/bljust.stamp").exists()
    house.calls()
    house.run()
    assert [call.split()[0] for call in house.calls()] == ["pip", "uv", "uv"]


def test_a_full_disk_is_seen_before_anything_is_made(house):
    house.python("python3.12")
    house.tool("df", "#!/bin/sh\necho Filesystem\necho /dev/x 9999999 9 1048576 90% /\n")
    assert "has 1 GB free, .venv needs about 8 GB" in house.run(code=1)
    assert house.calls() == [] and not (house.root / ".venv").exists()


def test_a_folder_that_is_no_environment_is_not_touched(house):
    house.python("python3.12")
    (house.root / ".venv").mkdir()
    (house.root / ".venv/mine").write_text("x")
    assert "is no Python environment. Move it away" in house.run(code=1)
    assert (house.root / ".venv/mine").exists()


def test_two_set_ups_at_once_install_once(house):
    house.python("python3.12")
    environment = {**house.environment, "UV_SECONDS": "0.3"}
    both = [subprocess.Popen([house.root / "setup.sh"], env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait(timeout=60) for each in both] == [0, 0]
    assert [call.split()[0] for call in house.calls()] == ["venv", "pip", "uv", "uv"]


def test_a_killed_set_up_is_not_taken_for_a_whole_one(house):
    house.python("python3.12")
    process = subprocess.Popen([house.root / "setup.sh"], env={**house.environment, "UV_SECONDS": "2"},
                               stderr=subprocess.DEVNULL, start_new_session=True)
    while not (house.root / ".venv/bin/uv").exists():
        time.sleep(0.02)
    os.killpg(process.pid, 9)
    process.wait()
    assert not (house.root / ".venv/bljust.stamp").exists()
    assert "doctor: fine" in house.run()


def test_another_torch_leaves_the_hashed_lock_without_torch_and_cuda(house):
    house.python("python3.12")
    house.run("--torch-backend", "cpu")
    calls = house.calls()
    assert "--torch-backend cpu torch==" in calls[2] and " torchaudio==" in calls[2]
    assert "--require-hashes --no-deps" in calls[3]
    rest = (house.root / ".venv/lock.cpu.txt").read_text().splitlines()
    assert [line for line in rest if line.startswith("numpy==")]
    assert not [line for line in rest if line.startswith(("torch==", "torchaudio==", "nvidia-", "triton=="))]
    house.run("--quiet")
    assert house.calls() == []  # path.sh, without the option, keeps what was chosen


def test_an_unknown_option_is_refused(house):
    assert "--quite is no option of setup.sh" in house.run("--quite", code=1)
