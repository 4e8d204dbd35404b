"""A data directory checked as a whole: its tables, then its audio; every problem in problems.txt of the folder."""

from pathlib import Path

from espnet_bljust.data.kaldi.audio_check import check_audio
from espnet_bljust.data.kaldi.directory import scan_dir
from espnet_bljust.data.kaldi.walk import Walked, walk_dir
from espnet_bljust.disk.problems import raise_problems


def check_dir(path: Path, *, require_text: bool = False, rate: int | None = None, pipes: bool = False) -> Walked:
    """What it holds, or an InputError that lists the problems.

    rate: Hz that all audio must have, which is read for it (without: the files must exist); pipes: wav.scp may hold
    commands.
    """
    walked, problems = walk_dir(path, require_text=require_text), []
    if walked is None:
        directory, problems = scan_dir(path, require_text=require_text)
        walked = Walked(len(directory.utterances), len(set(directory.utt2spk.values())))
    if not problems:
        problems = check_audio(path, rate=rate, pipes=pipes)
    raise_problems(problems, path / "problems.txt")
    (path / "problems.txt").unlink(missing_ok=True)
    return walked
