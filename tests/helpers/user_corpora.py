"""Corpora of a user in every form of docs/your_corpus.md, and egs2/TEMPLATE's stage 1 on them."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.kaldi.directory import read_dir

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/TEMPLATE/bljust"
CORPORA = ROOT.parent / "shared/corpora"
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason=f"real recordings are not at {CORPORA}")
SPEAKERS, EACH = 10, 3
WORDS = {f"{chr(97 + i)}{j}": f"Word {chr(97 + i)} no {'xyz'[j]}!" for i in range(SPEAKERS) for j in range(EACH)}


def run_data(folder, *words):
    """Stage 1 in ``folder``: the finished process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def fails(folder, *words):
    """The one line of a run that must stop."""
    done = run_data(folder, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr
    return done.stderr


def audio(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.05, 3200), 16000)


def folder_form(root):
    for name, words in WORDS.items():
        audio(root / name[0] / f"{name}.wav")
        (root / name[0] / f"{name}.txt").write_text(words)
    (root / "README.txt").write_text("no transcript")
    return root


def librispeech_form(root):
    for name, words in WORDS.items():
        chapter = root / name[0] / name[1]
        audio(chapter / f"{name[0]}-{name[1]}-0.flac")
        (chapter / f"{name[0]}-{name[1]}.trans.txt").write_text(f"{name[0]}-{name[1]}-0 {words}\n")
    return root


def kaldi_form(root):
    root.mkdir()
    rows = sorted(WORDS)
    for name in rows:
        audio(root / "wav" / f"{name}.wav")
    (root / "wav.scp").write_text("".join(f"{name} wav/{name}.wav\n" for name in rows))
    (root / "text").write_text("".join(f"{name} {WORDS[name]}\n" for name in rows))
    (root / "utt2spk").write_text("".join(f"{name} {name[0]}\n" for name in rows))
    return root


def table_form(root, delimiter=",", extra=("speaker",)):
    root.mkdir()
    lines = [delimiter.join(["path", "text", *extra])]
    for name, words in WORDS.items():
        audio(root / "audio" / f"{name}.ogg")
        fields = {"speaker": name[0], "split": {"0": "train", "1": "valid", "2": "test"}[name[1]]}
        lines.append(delimiter.join([f"audio/{name}.ogg", f'"{words}"', *(fields[key] for key in extra)]))
    (root / f"my.{'tsv' if delimiter == chr(9) else 'csv'}").write_text("\n".join(lines) + "\n")
    return root


FORMS = {"folder": folder_form, "librispeech": librispeech_form, "kaldi": kaldi_form, "csv": table_form,
         "tsv": lambda root: table_form(root, "\t"), "semicolon": lambda root: table_form(root, ";")}  # fmt: skip


def sets_of(folder):
    return {name: read_dir(folder / "data" / name, require_text=name != "unlabelled")
            for name in ("train", "dev", "test", "unlabelled")}  # fmt: skip
