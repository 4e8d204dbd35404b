import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMANDS = ["format_audio", "check_data", "filter_data", "make_tokens", "data_report", "perturb_data"]
HEAVY = {"torch", "scipy", "espnet2", "matplotlib", "torchaudio", "sentencepiece"}


def loaded_by(module):
    """Module names that ``import module`` loads, and the CPU seconds of Python's start and that import."""
    code = f"import sys, time, {module}; print(*sys.modules, time.process_time())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    *names, seconds = done.stdout.split()
    return {name.split(".")[0] for name in names}, float(seconds)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_data_command_starts_fast_and_without_torch(command):
    runs = [loaded_by(f"espnet_bljust.bin.{command}") for _ in range(3)]
    assert not HEAVY & runs[0][0]
    assert min(seconds for _, seconds in runs) < 1.0, "0.3 s on an idle core; busy ones take longer"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_command(command):
    module = f"espnet_bljust.bin.{command}"
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"usage: {command} ") and ("tage" in done.stdout or "Check" in done.stdout)


def test_check_data_ends_with_one_line_or_with_errors_and_status_1(data_dir):
    command = [sys.executable, "-m", "espnet_bljust.bin.check_data", str(data_dir), "--fs", "16k"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[-17:]) == (0, "no problem found\n"), done.stderr
    (data_dir / "text").write_text("")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {data_dir}/wav.scp:1: utterance ") and "Traceback" not in done.stderr
