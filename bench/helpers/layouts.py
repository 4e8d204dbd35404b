"""Corpora of any size in the layouts that stage 1 reads, and what stages 4 to 6 read: real folders, names and tables.

The audio is hard links to a few small files, since preparation reads no more than headers. Each function fills a folder
with ``count`` utterances; RUN says how the recipe's local/data.py is called on it.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
import soundfile

from espnet_bljust.units import SAMPLE_RATE

CHAPTER = 40  # utterances of a chapter
CHAPTERS = 10  # of a speaker
SPEAKER = 50  # utterances of a speaker in the other layouts
LINKS = 50_000  # of one file; ext4 allows 65,000
WORDS = "the same words as many as LibriSpeech has in one of its sentences in the mean which are about thirty four"
RUN = {  # layout -> recipe, and the words of its local/data.py; {} is the folder
    "commonvoice": ("covost2", "--lang nl --commonvoice {}/cv"),
    "table": ("TEMPLATE", "--lang en --labelled {}/my.csv"),
    "folder": ("TEMPLATE", "--lang en --labelled {}/mine"),
    "aishell": ("aishell", "--aishell1_dir {}/aishell1 --aishell2_dir {}/aishell2"),
}


class Audio:
    """Hard links to one second of silence, a new file every LINKS."""

    def __init__(self, path: Path, *, seconds: float = 1.0) -> None:
        self.path, self.samples, self.count = path, np.zeros(round(SAMPLE_RATE * seconds), np.int16), 0

    def link(self, target: str) -> None:
        if self.count % LINKS == 0:
            self.path.unlink(missing_ok=True)
            soundfile.write(self.path, self.samples, SAMPLE_RATE)
        self.count += 1
        os.link(self.path, target)


def librispeech(folder: Path, count: int) -> None:
    """LibriSpeech/train-big."""
    part = folder / "LibriSpeech" / "train-big"
    part.mkdir(parents=True)
    audio = Audio(folder / "one.flac", seconds=0.256)  # one frame
    for start in range(0, count, CHAPTER):
        speaker, chapter = str(start // (CHAPTER * CHAPTERS) + 1), str(start // CHAPTER + 100_000)
        place = part / speaker / chapter
        place.mkdir(parents=True)
        stem = f"{speaker}-{chapter}"
        ids = [f"{stem}-{number:04d}" for number in range(min(CHAPTER, count - start))]
        for utterance in ids:
            audio.link(f"{place}/{utterance}.flac")
        (place / f"{stem}.trans.txt").write_text("".join(f"{utterance} {WORDS.upper()}\n" for utterance in ids))


def commonvoice(folder: Path, count: int) -> None:
    """Dutch: seven tenths in train, dev and test, three in other.tsv."""
    nl = folder / "cv/nl"
    (nl / "clips").mkdir(parents=True)
    audio = Audio(folder / "one.mp3")
    head = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccent\tlocale\tsegment\n"
    files = {name: (nl / f"{name}.tsv").open("w") for name in ("validated", "train", "dev", "test", "other")}
    for file in files.values():
        file.write(head)
    for number in range(count):
        client = hashlib.sha512(str(number // SPEAKER).encode()).hexdigest()
        name = f"common_voice_nl_{17_000_000 + number}.mp3"
        audio.link(f"{nl}/clips/{name}")
        tenth = number // SPEAKER % 10
        row = f"{client}\t{name}\t{WORDS.capitalize()}.\t2\t0\t\t\t\tnl\t\n"
        for table in ("other",) if tenth > 6 else ("validated", ("train", "dev", "test")[max(0, tenth - 4)]):
            files[table].write(row)
    for file in files.values():
        file.close()


def speaker_folder(top: Path, number: int, form: str) -> str:
    """The folder below ``top`` of the speaker of that utterance, made with the first."""
    place = form.format(number // SPEAKER)
    if number % SPEAKER == 0:
        (top / place).mkdir(parents=True)
    return place


def table(folder: Path, count: int) -> None:
    """A csv of a user, with a speaker's audio in a folder each."""
    audio = Audio(folder / "one.wav", seconds=0.05)
    with (folder / "my.csv").open("w") as file:
        file.write("path,text,speaker\n")
        for number in range(count):
            place = speaker_folder(folder, number, "audio/s{}")
            audio.link(f"{folder}/{place}/{number}.wav")
            file.write(f'{place}/{number}.wav,"{WORDS}, number {number}",s{number // SPEAKER}\n')


def folder(folder: Path, count: int) -> None:
    """Audio with text beside it."""
    audio = Audio(folder / "one.wav", seconds=0.05)
    for number in range(count):
        place = folder / f"mine/s{number // SPEAKER}"
        if number % SPEAKER == 0:
            place.mkdir(parents=True)
        audio.link(f"{place}/{number}.wav")
        (place / f"{number}.txt").write_text(f"{WORDS}, number {number}\n")


def aishell(folder: Path, count: int) -> None:
    """AISHELL-2 of ``count`` recordings, AISHELL-1 of a tenth of that."""
    audio = Audio(folder / "one.wav", seconds=0.05)
    lines = []
    for number in range(count // 10):
        speaker, name = f"S{number // SPEAKER * 3 + number % 3:05d}", ("train", "dev", "test")[number % 3]
        place = folder / f"aishell1/wav/{name}/{speaker}"
        place.mkdir(parents=True, exist_ok=True)
        audio.link(f"{place}/BAC009{speaker}W{number:07d}.wav")
        lines.append(f"BAC009{speaker}W{number:07d} 而 对 楼市 成交 抑制 作用 最 大 的 限 购 {number}\n")
    (folder / "aishell1/transcript").mkdir(parents=True)
    (folder / "aishell1/transcript/aishell_transcript_v0.8.txt").write_text("".join(lines))
    data = folder / "aishell2"
    data.mkdir()
    with (data / "wav.scp").open("w") as wavs, (data / "trans.txt").open("w") as texts:
        for number in range(count):
            place = speaker_folder(data, number, "wav/C{:05d}")
            audio.link(f"{data}/{place}/IC{number:08d}.wav")
            wavs.write(f"IC{number:08d}\t{place}/IC{number:08d}.wav\n")
            texts.write(f"IC{number:08d}\t厨房用品和别的东西{number}\n")


def dump(folder: Path, count: int) -> None:
    """dump/raw/org as stage 3 makes it: half labelled, half not, a hundredth each for dev and test."""
    sizes = {"train": count // 2, "unlabelled": count // 2, "dev": count // 100, "test": count // 100}
    for name, size in sizes.items():
        place = folder / "dump/raw/org" / name
        place.mkdir(parents=True)
        tables = ["wav.scp", "utt2spk", "utt2num_samples", "utt2hash", "utt2level"]
        files = {table: (place / table).open("w") for table in [*tables, *([] if name == "unlabelled" else ["text"])]}
        for number in range(size):
            utterance = f"{name}{number // SPEAKER:06d}-{number:08d}"
            audio = hashlib.blake2b(utterance.encode(), digest_size=16).hexdigest()
            values = {"wav.scp": f"dump/raw/org/{name}/data/format.1/{utterance}.flac", "utt2spk": utterance[:-9],
                      "utt2num_samples": 160_000 + number % 1000, "utt2hash": audio, "utt2level": "9000 900.0 0",
                      "text": f"{WORDS} word{number % 50_000}"}  # fmt: skip
            for name_of, file in files.items():
                file.write(f"{utterance} {values[name_of]}\n")
        for file in files.values():
            file.close()


LAYOUTS = {"librispeech": librispeech, "commonvoice": commonvoice, "table": table, "folder": folder,
           "aishell": aishell, "dump": dump}  # fmt: skip
