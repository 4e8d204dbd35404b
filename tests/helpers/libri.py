"""Small trees in LibriSpeech's layout, generated or from real recordings, and stage 1 of a recipe on them."""

import io
import runpy
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared/corpora/librispeech/LibriSpeech"
SENTENCES = ("IT IS NOT YET DAY", "THE MEN'S HATS", "NO", "GO ON THEN", "A QUIET MORNING")


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run_data(recipe, folder, *words):
    """Stage 1 of ``recipe`` in ``folder``, as its command line runs it but in this process: status and both outputs."""
    local = ROOT / f"egs2/{recipe}/bljust/local"
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.syspath_prepend(str(local))
        patch.delitem(sys.modules, "parts", raising=False)
        patch.setattr(sys, "argv", [str(local / "data.py"), "--nj", "2", *map(str, words)])
        try:
            runpy.run_path(str(local / "data.py"), run_name="__main__")
            status = 0
        except SystemExit as end:
            status = end.code
    return Done(status, out.getvalue(), err.getvalue())


def write_chapter(part, speaker, chapter, count, seed=0):
    """``count`` utterances of noise, a third of a second and longer, and their transcripts; their ids."""
    folder = part / speaker / chapter
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"{speaker}-{chapter}-{number:04d}" for number in range(count)]
    for number, utterance in enumerate(ids):
        noise = np.random.default_rng([seed, int(speaker), int(chapter), number]).normal(0, 3000, 5000 + 700 * number)
        soundfile.write(folder / f"{utterance}.flac", noise.astype(np.int16), 16000, subtype="PCM_16")
    lines = [f"{utterance} {SENTENCES[number % len(SENTENCES)]}\n" for number, utterance in enumerate(ids)]
    (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    return ids


def write_speakers(path, speakers):
    """SPEAKERS.TXT from speaker -> part, every one with a minute of which hundredths are there."""
    head = ";ID  |SEX| SUBSET           |MINUTES| NAME\n"
    rows = [f"{speaker:<5}| F | {part:<17}| 0.01  | |CBW|Some Name\n" for speaker, part in speakers.items()]
    path.write_text(head + "".join(rows))


def generated(root, parts):
    """LibriSpeech/ with two speakers of two chapters a part; ids that sort otherwise as numbers are among them."""
    speakers = {}
    for index, part in enumerate(parts):
        for speaker in (str(19 + 100 * index), str(1903 + 100 * index)):
            speakers[speaker] = part
            for chapter in ("198", "1980"):
                write_chapter(root / "LibriSpeech" / part, speaker, chapter, 3)
    write_speakers(root / "LibriSpeech/SPEAKERS.TXT", speakers)
    return root


def real(root, parts):
    """A speaker of the excerpt a part, whatever part it is from, with SPEAKERS.TXT changed to say so."""
    folders = sorted(folder for folder in CORPUS.glob("train-clean-100/*") if folder.is_dir())
    speakers = {}
    for part, folder in zip(parts, folders, strict=False):
        shutil.copytree(folder, root / "LibriSpeech" / part / folder.name)
        speakers[folder.name] = part
    write_speakers(root / "LibriSpeech/SPEAKERS.TXT", speakers)
    return root
