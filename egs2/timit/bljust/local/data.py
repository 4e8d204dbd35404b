"""Stage 1 of the recipe `timit`: every set twice, data/<set> with words and data/<set>_phn with the 48 phones."""

import argparse
from pathlib import Path

from timit import Speaker, Text, find_root, find_sentences, find_speakers, read_fold, read_phones, read_words

from espnet_bljust.command import run, true_false
from espnet_bljust.data.audio.headers import check_headers
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.folder import write_unlabelled
from espnet_bljust.data.kaldi.directory import KaldiDir, write_dir
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE

HERE = Path(__file__).parent
TRAINING_SPEAKERS = 462  # TIMIT's testset.doc: 630 speakers, 168 of them in TEST
SENTENCES = 8  # of a speaker, without the two SA sentences that all speakers read
EVERY = 4  # of as many speakers of an excerpt without TEST, the last is test and the one before dev
PROBLEMS = Path("data/timit_problems.txt")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timit_dir", default="", help="folder with TIMIT's TRAIN and TEST (db.sh: TIMIT)")
    parser.add_argument(
        "--excerpt", type=true_false, default=False, help="true: take a part of TIMIT, as NLTK's, as it is"
    )
    parser.add_argument(
        "--unlabelled_dir", default="", help="folder of any audio -> data/unlabelled (db.sh: UNLABELLED)"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    excerpt = arguments.excerpt
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.timit_dir or folders.get("TIMIT", "")
    if not source:
        raise InputError(
            "db.sh: TIMIT is empty. LDC sells the corpus (LDC93S1); name its folder there, or in "
            '--local_data_opts "--timit_dir /path".'
        )
    root = find_root(Path(source).absolute())
    speakers = find_speakers(root)
    sets = choose_sets(speakers, excerpt=excerpt)
    empty = [name for name, members in sets.items() if not members]
    if excerpt and empty:
        raise InputError(f"{root}: no speaker of {' and '.join(empty)} in this part. Add one, or leave TEST out.")
    problems = [] if excerpt else missing_speakers(sets)
    directories, notes = {}, []
    for name, members in sets.items():
        directories[name], found = collect(members, excerpt=excerpt)
        problems += found
    remedy = "Copy the corpus again, whole" + ("." if excerpt else ', or add --excerpt true to --local_data_opts.')
    raise_listed(problems, PROBLEMS, where=str(root), remedy=remedy)
    for name, (audio, texts, num_samples) in directories.items():
        write_set(name, audio, texts)
        hours = num_samples / SAMPLE_RATE / 3600
        notes.append(f"{name} {len(audio)} sentences, {len(sets[name])} speakers, {hours:.2f} h")
    notes += write_unlabelled(arguments.unlabelled_dir or folders.get("UNLABELLED", ""))
    others = len(speakers) - sum(map(len, sets.values()))
    print(f"{'; '.join(notes)}; left out: all SA sentences, and {others} speakers of TEST outside both lists")


def choose_sets(speakers: list[Speaker], *, excerpt: bool) -> dict[str, list[Speaker]]:
    """The standard sets; of an excerpt without a speaker of TEST, every fourth one for dev and for test."""
    dev, core = (set((HERE / f"{name}_speakers.txt").read_text().split()) for name in ("dev", "core_test"))
    train = [speaker for speaker in speakers if speaker.half == "train"]
    heard = [speaker for speaker in speakers if speaker.half == "test"]
    if excerpt and not heard:
        if len(train) < EVERY:
            raise InputError(f"--excerpt true: {len(train)} speakers are too few for train, dev and test. Give four.")
        place = {speaker: index % EVERY for index, speaker in enumerate(train)}
        return {
            "train": [speaker for speaker in train if place[speaker] < EVERY - 2],
            "dev": [speaker for speaker in train if place[speaker] == EVERY - 2],
            "test": [speaker for speaker in train if place[speaker] == EVERY - 1],
        }
    return {
        "train": train,
        "dev": [speaker for speaker in heard if speaker.name in dev],
        "test": [speaker for speaker in heard if speaker.name in core],
    }


def missing_speakers(sets: dict[str, list[Speaker]]) -> list[str]:
    """What the whole corpus has and this folder has not."""
    problems = []
    if len(sets["train"]) != TRAINING_SPEAKERS:
        problems.append(f"TRAIN: {len(sets['train'])} speakers where TIMIT has {TRAINING_SPEAKERS}.")
    for name, listed in (("dev", "dev"), ("test", "core_test")):
        due = set((HERE / f"{listed}_speakers.txt").read_text().split())
        found = {speaker.name for speaker in sets[name]}
        problems += [f"TEST: no folder of speaker {speaker}, of the {name} set." for speaker in sorted(due - found)]
    return problems


def collect(
    speakers: list[Speaker], *, excerpt: bool
) -> tuple[tuple[dict[str, Path], dict[str, Text], int], list[str]]:
    """Audio and transcripts by utterance, samples in all, and every problem."""
    fold = read_fold(HERE / "phones_61_to_48.txt")
    audio: dict[str, Path] = {}
    texts: dict[str, Text] = {}
    problems: list[str] = []
    for speaker in speakers:
        sentences = {name: files for name, files in find_sentences(speaker.folder).items() if not name.startswith("sa")}
        if not excerpt and len(sentences) != SENTENCES:
            problems.append(f"{speaker.folder}: {len(sentences)} sentences where every speaker has {SENTENCES}.")
        for name, files in sentences.items():
            absent = [ending.upper() for ending in ("wav", "phn", "txt") if ending not in files]
            if absent:
                problems.append(f"{speaker.folder / name}: no {' and no '.join(absent)} file.")
                continue
            utterance = f"{speaker.name}_{name}"
            audio[utterance] = files["wav"]
            try:
                texts[utterance] = Text(read_words(files["txt"]), read_phones(files["phn"], fold))
            except InputError as error:
                problems.append(str(error))
    lengths, found = check_headers(audio.values(), SAMPLE_RATE)
    return (audio, texts, sum(lengths.values())), problems + found


def write_set(name: str, audio: dict[str, Path], texts: dict[str, Text]) -> None:
    wavs = {utterance: str(path) for utterance, path in audio.items()}
    utt2spk = {utterance: utterance.split("_")[0] for utterance in audio}
    for suffix, field in (("", "words"), ("_phn", "phones")):
        text = {utterance: getattr(texts[utterance], field) for utterance in audio}
        write_dir(Path("data") / f"{name}{suffix}", KaldiDir(wavs=wavs, utt2spk=utt2spk, text=text))


if __name__ == "__main__":
    run(options(), main)
