"""From a corpus as its recipe found it to data/<set>: transcripts normalised, sets apart, the rest without text.

data/<train, dev, test>   utterances with a transcript
data/<unlabelled>         audio without one, training utterances whose transcript cannot be used; no held-out speaker
data/left_out.tsv         utterance, reason, transcript of all that did not go where its transcript would have put it
data/characters.tsv       every character of the normalised transcripts: count, script, an example
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.files import write_atomic
from espnet_bljust.data.kaldi_dir import KaldiDir, write_dir
from espnet_bljust.data.normalise import normalise, read_out
from espnet_bljust.data.scripts import character_table, expected_scripts, foreign_letters
from espnet_bljust.data.segments import Segment
from espnet_bljust.data.speaker_split import split_by_speaker
from espnet_bljust.errors import InputError

ROLES = ("train", "dev", "test", "unlabelled")


class Spelling(NamedTuple):
    """How transcripts become training text."""

    language: str = "noinfo"
    policy: str = "plain"  # see normalise.py
    digits: str = "keep"  # reject: training utterances with digits or symbols go without their text


@dataclass(frozen=True)
class Corpus:
    """Tables by utterance; ``text`` has those with a transcript, ``split`` their set, empty for one by speaker."""

    wavs: dict[str, str]  # by recording, where there are segments
    utt2spk: dict[str, str]
    text: dict[str, str]
    split: dict[str, str] = field(default_factory=dict)  # train, dev or test
    segments: dict[str, Segment] | None = None


def write_sets(corpus: Corpus, spelling: Spelling, names: Mapping[str, str]) -> list[str]:
    """Write a set for each of ROLES under the name it has in ``names``; lines that say what came out."""
    lines, data = [], Path("data")
    split = corpus.split
    if not split:
        split, disjoint = split_by_speaker({utterance: corpus.utt2spk[utterance] for utterance in corpus.text})
        if not disjoint:
            lines.append("WARNING: fewer than three speakers, so train, dev and test share them: scores flatter")
    words = {key: normalise(line, spelling.language, spelling.policy) for key, line in corpus.text.items()}
    data.mkdir(exist_ok=True)
    left_out = _unusable(words, split, spelling, data)
    held = {corpus.utt2spk[key] for key in words if split[key] != "train"}
    held -= {corpus.utt2spk[key] for key in words if split[key] == "train"}
    members: dict[str, list[str]] = {role: [] for role in ROLES}
    for utterance, speaker in corpus.utt2spk.items():
        if utterance in words and utterance not in left_out:
            members[split[utterance]].append(utterance)
        elif utterance not in words and speaker in held:
            left_out[utterance] = "speaker_held_out"
        elif utterance not in words or split[utterance] == "train":
            members["unlabelled"].append(utterance)
    _check_all_there(members, left_out, data)
    if not members["unlabelled"]:  # the set must exist; the pool takes this utterance of the training set once
        members["unlabelled"] = members["train"][:1]
        lines.append("no speech without a transcript: the self-supervised part learns from the training speech")
    for role in ROLES:
        write_dir(data / names[role], _part(corpus, members[role], None if role == "unlabelled" else words))
    return [*lines, _account(left_out, corpus.text, data), _summary(corpus, members, names)]


def _unusable(words: dict[str, str], split: dict[str, str], spelling: Spelling, data: Path) -> dict[str, str]:
    """Utterance -> why its transcript cannot stand; dev and test lose only what has no words: scores must compare."""
    counts: Counter[str] = Counter()
    for line in words.values():
        counts.update(line)
    expected = expected_scripts(counts, spelling.language)
    write_atomic(data / "characters.tsv", character_table(words.items(), expected))
    foreign = {key: letters for key, line in words.items() if (letters := foreign_letters(line, expected))}
    if len(foreign) > len(words) / 2:
        listed = data / "problems.txt"
        write_atomic(listed, "".join(f"{key}: {letters} in: {words[key]}\n" for key, letters in foreign.items()))
        raise InputError(
            f"{len(foreign)} of {len(words)} transcripts have letters that language {spelling.language} is not written "
            f"in ({', '.join(sorted(expected))}), e.g. {next(iter(foreign))}. All of them: {listed}. Correct --lang."
        )
    reasons = {key: "no_words" for key, line in words.items() if not line}
    for key, line in words.items():
        if split[key] == "train" and spelling.policy != "as_is" and line:
            if key in foreign:
                reasons[key] = f"foreign_letters {foreign[key]}"
            elif spelling.digits == "reject" and read_out(line):
                reasons[key] = f"digits_or_symbols {read_out(line)}"
    return reasons


def _check_all_there(members: dict[str, list[str]], left_out: dict[str, str], data: Path) -> None:
    for role in ("train", "dev", "test"):
        if not members[role]:
            reasons = Counter(reason.split()[0] for reason in left_out.values())
            found = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none left out"
            raise InputError(f"{data}: no utterance for the {role} set ({found}). Check the splits and transcripts.")


def _part(corpus: Corpus, utterances: list[str], words: dict[str, str] | None) -> KaldiDir:
    wavs, segments = {key: corpus.wavs.get(key, "") for key in utterances}, None
    if corpus.segments is not None:
        segments = {key: corpus.segments[key] for key in utterances}
        wavs = {segment.recording: corpus.wavs[segment.recording] for segment in segments.values()}
    return KaldiDir(
        wavs=wavs,
        utt2spk={key: corpus.utt2spk[key] for key in utterances},
        text=None if words is None else {key: words[key] for key in utterances},
        segments=segments,
    )


def _account(left_out: dict[str, str], text: dict[str, str], data: Path) -> str:
    """left_out.tsv, and one line on it."""
    path = data / "left_out.tsv"
    rows = [f"{key}\t{reason}\t{' '.join(text.get(key, '').split())}\n" for key, reason in sorted(left_out.items())]
    write_atomic(path, "utterance\treason\ttranscript\n" + "".join(rows))
    reasons = Counter(reason.split()[0] for reason in left_out.values())
    found = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"set aside, with reasons in {path}: {found}" if found else "every transcript is used as it is"


def _summary(corpus: Corpus, members: dict[str, list[str]], names: Mapping[str, str]) -> str:
    parts = []
    for role in ROLES:
        speakers = len({corpus.utt2spk[key] for key in members[role]})
        parts.append(f"{names[role]} {len(members[role])} utterances, {speakers} speakers")
    return "; ".join(parts)
