"""The official parts of LibriSpeech and Libri-light's labelled ten hours: where they lie, and where they come from.

Parts, hours and folders: https://www.openslr.org/12 and its README.TXT; ten hours: Kahn et al., arXiv:1912.07875,
    librispeech_finetuning/1h/{0..5}/{clean,other}/<speaker>/<chapter>/...     six times ten minutes
    librispeech_finetuning/9h/{clean,other}/<speaker>/<chapter>/...            the rest of the ten hours
SHA-256 of the archives: torchaudio 2.11, `_CHECKSUMS` of torchaudio/datasets/librispeech.py and `_CHECKSUM` of
torchaudio/datasets/librilight_limited.py.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from espnet_bljust.data.corpus.librispeech import Source, find_part
from espnet_bljust.disk.archive import fetch
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.disk.text_file import read_lines
from espnet_bljust.errors import InputError

DOWNLOADS = Path("downloads")
OPENSLR = ("https://www.openslr.org", "https://us.openslr.org", "https://openslr.elda.org")  # the site and two mirrors
SHA256 = {
    "train-clean-100": "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
    "train-clean-360": "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf",
    "train-other-500": "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2",
    "dev-clean": "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    "dev-other": "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
    "test-clean": "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
    "test-other": "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29",
}
LIMITED_URL = "https://dl.fbaipublicfiles.com/librilight/data/librispeech_finetuning.tgz"
LIMITED_SHA256 = "5d1efdc777b548194d7e09ba89126e2188026df9fd57aa57eb14408d2b2342af"
FOLDS = range(6)  # of the hour, ten minutes each
LIMITED = ("10min", "1h", "10h")


def check_names(names: Sequence[str], kind: str) -> None:
    """``names`` are parts of the kind train, dev or test."""
    known = [name for name in SHA256 if name.startswith(kind)]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, SHA256, 1)
            raise InputError(f"{name}: not one of {', '.join(known)}.{f' Did you mean {near[0]}?' if near else ''}")


def find_parts(root: Path | None, names: Iterable[str]) -> dict[str, Source]:
    """The parts ``names`` whole, in the user's folder ``root``, or downloaded where there is none."""
    folders = {name: find_part(root or _download(name), name) for name in names}
    missing = [name for name, folder in folders.items() if folder is None]
    if missing:
        raise InputError(f"{root}: no {', no '.join(missing)} in it or in its LibriSpeech. Unpack the archives there, "
                         "name other parts (local/data.py --help), or leave LIBRISPEECH empty for a download.")
    return {name: Source(folder, name, folder.parent / "SPEAKERS.TXT") for name, folder in folders.items() if folder}


def limited(root: Path | None, amount: str, fold: int, speakers: Path) -> list[Source]:
    """Libri-light's ``10min``, ``1h`` or ``10h``, in the user's folder or downloaded."""
    if root is None:
        archive = DOWNLOADS / "librispeech_finetuning.tgz"
        root = fetch([LIMITED_URL], archive, DOWNLOADS / "librispeech_finetuning", sha256=LIMITED_SHA256)
    if (root / "librispeech_finetuning").is_dir():
        root = root / "librispeech_finetuning"
    folds = [fold] if amount == "10min" else FOLDS
    folders = [root / "1h" / str(number) / kind for number in folds for kind in ("clean", "other")]
    if amount == "10h":
        folders += [root / "9h" / kind for kind in ("clean", "other")]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise InputError(f"{root}: --labelled {amount} needs {', '.join(missing)}: not there. Unpack "
                         "librispeech_finetuning.tgz again, or leave LIBRILIGHT_LIMITED empty for a download.")
    return [Source(folder, "train-", speakers) for folder in folders]


def utterances_of(sources: Sequence[Source]) -> set[str]:
    """Ids by the names of the files: for a few hours, not for a whole part."""
    return {path.stem for source in sources for path in source.folder.glob("*/*/*.flac")}


def read_ids(path: Path, sources: Sequence[Source]) -> set[str]:
    """The first words of the lines; each must be an utterance of ``sources``."""
    ids = {line.split()[0] for line in read_lines(path) if line.strip()}
    problems = [
        f"{path}: {utterance} is no utterance of --unlabelled's parts. Name its part too, or drop the line."
        for utterance in sorted(ids)
        if not any(_audio(source.folder, utterance).is_file() for source in sources)
    ]
    raise_listed(problems, Path("data/librispeech_problems.txt"), "stage 1")
    return ids


def _audio(part: Path, utterance: str) -> Path:
    return part.joinpath(*utterance.split("-")[:2], f"{utterance}.flac")


def _download(name: str) -> Path:
    urls = [f"{site}/resources/12/{name}.tar.gz" for site in OPENSLR]
    return fetch(urls, DOWNLOADS / f"{name}.tar.gz", DOWNLOADS / name, sha256=SHA256[name])
