"""TED-LIUM release 2 on disk: talks of many minutes with their segments in STM files.

    <root>/{train,dev,test}/sph/<talk>.sph     NIST SPHERE, 16 kHz
    <root>/{train,dev,test}/stm/<talk>.stm     talk channel speaker start end <labels> words ...
    <root>/TEDLIUM.152k.dic                    word phones ...; pronunciations after the first as word(2)

How words are cleaned is what Kaldi's recipe does (egs/tedlium/s5_r2/local/prepare_data.sh), but for noises:
1. A name of the utterance in round brackets at the end of a line goes, and so does the number of a pronunciation, (2).
2. <sil> goes, and so do noises in braces, {NOISE}, which Kaldi keeps as words.
3. A word that begins with an apostrophe is joined to the word before it where the dictionary has the two as one:
   `it 's` becomes `it's`. An excerpt without dictionary joins all of them.
4. <unk> stays: a word that was said and not written down.
"""

import re
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.disk.text_file import read_lines
from espnet_bljust.errors import InputError

SETS = ("train", "dev", "test")
DICTIONARY = "TEDLIUM.152k.dic"
IGNORED = "ignore_time_segment_in_scoring"
LABELS = re.compile(r"<[^<>,]*,[^<>]*>|<F0_[MF]>|<NA>")
DROPPED = re.compile(r"\([0-9]\)|\{[^{}]*\}|<sil>")


class Spoken(NamedTuple):
    """One line of an STM file."""

    talk: str
    speaker: str
    start_seconds: float
    end_seconds: float
    text: str  # as it stands there

    @property
    def name(self) -> str:
        """Kaldi's id: talk-start-end in hundredths of a second; a speaker who is not the talk's own comes first."""
        times = "-".join(f"{round(100 * time):07d}" for time in (self.start_seconds, self.end_seconds))
        return f"{self.talk}-{times}" if self.speaker == self.talk else f"{self.speaker}-{self.talk}-{times}"


def find_root(folder: Path) -> Path:
    """``folder`` or its subfolder TEDLIUM_release2, whichever holds train, dev and test."""
    for root in (folder, folder / "TEDLIUM_release2"):
        if any((root / name).is_dir() for name in SETS):
            return root
    raise InputError(f"{folder}: neither train, dev nor test in it. Name the folder TEDLIUM_release2.")


def find_talks(folder: Path) -> tuple[dict[str, tuple[Path, Path]], list[str]]:
    """Talk -> its STM and SPHERE files, and what has only one of them."""
    found = {}
    for kind in ("stm", "sph"):
        place = folder / kind
        if not place.is_dir():
            return {}, [f"{place}: no such folder."]
        found[kind] = {path.stem: path for path in sorted(place.iterdir()) if path.suffix == f".{kind}"}
    stm, sph = found["stm"], found["sph"]
    problems = [f"{stm[talk]}: no audio sph/{talk}.sph." for talk in sorted(stm.keys() - sph.keys())]
    problems += [f"{sph[talk]}: no transcript stm/{talk}.stm." for talk in sorted(sph.keys() - stm.keys())]
    return {talk: (stm[talk], sph[talk]) for talk in sorted(stm.keys() & sph.keys())}, problems


def read_stm(path: Path) -> list[Spoken]:
    """The lines of one talk, without comments."""
    spoken = []
    for number, raw in enumerate(path.read_bytes().splitlines(), 1):
        try:
            fields = raw.decode().split(maxsplit=5)
        except UnicodeDecodeError as error:
            raise InputError(f"{path}:{number}: byte {error.start + 1} is not UTF-8.") from None
        if not fields or fields[0].startswith(";;"):
            continue
        try:
            talk, _, speaker, start, end = fields[0], fields[1], fields[2], float(fields[3]), float(fields[4])
            round(100 * start), round(100 * end)  # no number, or one without end
        except (IndexError, ValueError, OverflowError):
            raise InputError(f"{path}:{number}: not 'talk channel speaker start end <labels> words'.") from None
        if talk != path.stem:
            raise InputError(f"{path}:{number}: a line of the talk {talk}.")
        text = fields[5] if len(fields) > 5 else ""
        labels = LABELS.match(text)
        spoken.append(Spoken(talk, speaker, start, end, text[labels.end() :].strip() if labels else text))
    if not spoken:
        raise InputError(f"{path}: no line with a segment.")
    return spoken


def clean(text: str, dictionary: Set[str] | None) -> str:
    """The words by the rules above."""
    words: list[str] = []
    for word in DROPPED.sub(" ", re.sub(r"\([^ ()]*\)$", "", text)).split():
        if words and word.startswith("'") and (dictionary is None or words[-1] + word in dictionary):
            words[-1] += word
        else:
            words.append(word)
    return " ".join(words)


def read_dictionary(root: Path) -> Set[str] | None:
    """All words; None without the file."""
    path = root / DICTIONARY
    if not path.is_file():
        return None
    return {line.split()[0] for line in read_lines(path) if line.strip()}
