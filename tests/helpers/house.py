"""A house for a test: a copy of the repository's shell without a set-up, and recipes in it; one is of noise."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = """#!/usr/bin/env bash
set -euo pipefail
CDPATH="" cd "$(dirname "$0")"
../../../local/bljust.sh --train_set train --unlabelled_sets extra --valid_set dev --test_sets test \\
    --token_type char --model_size tiny --nj 2 "$@"
"""
DATA = '''"""Four sets of noise, four utterances each."""
import sys
from pathlib import Path
import numpy as np
import soundfile

WORDS = ("one two", "three", "four", "two five")
Path("downloads").mkdir(exist_ok=True)
for number, name in enumerate(("train", "extra", "dev", "test")):
    folder = Path("data") / name
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"s{number}-{index}" for index in range(4)]
    for index, utterance in enumerate(ids):
        recording = Path(f"downloads/{utterance}.wav")
        if not recording.exists():
            noise = np.random.default_rng([number, index]).standard_normal(16000 + 800 * index)
            soundfile.write("downloads/part.wav", 0.1 * noise, 16000)
            Path("downloads/part.wav").rename(recording)
    (folder / "wav.scp").write_text("".join(f"{each} downloads/{each}.wav\\n" for each in ids))
    (folder / "text").write_text("".join(f"{each} {words}\\n" for each, words in zip(ids, WORDS)))
    (folder / "utt2spk").write_text("".join(f"{each} s{number}\\n" for each in ids))
    (folder / "spk2utt").write_text(f"s{number} {' '.join(ids)}\\n")
print("16 utterances", *sys.argv[1:])
'''


class Recipe:
    """A folder like egs2/<corpus>/bljust, and how to run it."""

    def __init__(self, house: Path, name: str = "toy") -> None:
        self.folder = house / "egs2" / name / "bljust"
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def start(self, *words: str, **options) -> subprocess.Popen:
        return subprocess.Popen([self.folder / "run.sh", *words], env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *words: str, code: int = 0) -> str:
        """Both outputs of a run that must end with ``code``."""
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, out + err
        return out + err

    def files(self) -> dict[str, bytes]:
        """All that the stages made; records hold times, and logs too."""
        found = {}
        for top in ("data", "dump", "exp"):
            for path in sorted((self.folder / top).rglob("*")):
                if path.is_file() and ".stages" not in path.parts and path.suffix != ".log":
                    found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found


def build_house(folder: Path) -> Path:
    """The repository's shared folders, with a set-up that does nothing."""
    for name in ("local", "conf", "espnet_bljust"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "setup.sh").write_text("#!/bin/sh\n")
    (folder / "setup.sh").chmod(0o755)
    return folder


def build_recipe(house: Path) -> Recipe:
    """The recipe of noise."""
    toy = Recipe(house)
    (toy.folder / "local").mkdir(parents=True)
    (toy.folder / "conf").mkdir()
    for name in ("path.sh", "cmd.sh"):
        (toy.folder / name).write_text((ROOT / "egs2/mini/bljust" / name).read_text())
    (toy.folder / "run.sh").write_text(RUN)
    (toy.folder / "run.sh").chmod(0o755)
    (toy.folder / "local/data.py").write_text(DATA)
    shutil.copy(ROOT / "egs2/mini/bljust/conf/train_bljust.yaml", toy.folder / "conf")
    return toy


def clone_recipe(house: Path, name: str) -> Recipe:
    """A recipe of the repository in the house, as cloned."""
    made = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
    shutil.copytree(ROOT / "egs2" / name / "bljust", house / "egs2" / name / "bljust", ignore=made)
    return Recipe(house, name)
