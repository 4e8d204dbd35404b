"""From a corpus as its recipe found it (gather.py) to data/<set>: sets apart, the rest without text.

data/<train, dev, test>   utterances with a transcript
data/<unlabelled>         audio without one, training utterances whose transcript cannot be used; no held-out speaker
<lists>/left_out.tsv      utterance, reason, transcript of all that did not go where its transcript would have put it
<lists>/characters.tsv    every character of the normalised transcripts: count, script, an example
The gathered file is walked several times; of an utterance nothing but a byte, its role, is kept in memory.
"""

import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from espnet_bljust.data.corpus.gather import Corpus, Spelling
from espnet_bljust.data.corpus.speaker_split import HELD_OUT, Dealt, deal
from espnet_bljust.data.corpus.split_said import said_of_split, shared_speakers
from espnet_bljust.data.kaldi.new_sets import grow_sets, place_sets
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.text.language_rules import said_of
from espnet_bljust.data.text.normalise import read_out
from espnet_bljust.data.text.scripts import character_table, expected_scripts, foreign_letters, said_of_foreign
from espnet_bljust.disk.distinct import Distinct
from espnet_bljust.disk.files import sync, write_atomic
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.disk.sorting import open_lines
from espnet_bljust.errors import InputError

ROLES = ("train", "dev", "test", "unlabelled")
NO_ROLE = len(ROLES)


@dataclass
class Decisions:
    """What becomes of every utterance, in the order of the corpus."""

    roles: array = field(default_factory=lambda: array("B"))  # place in ROLES, or NO_ROLE
    counts: Counter[str] = field(default_factory=Counter)  # role -> utterances
    reasons: Counter[str] = field(default_factory=Counter)  # first word of a reason -> utterances
    foreign: Counter[str] = field(default_factory=Counter)  # letter -> transcripts set aside for it
    speakers: dict[str, Distinct] = field(default_factory=lambda: {role: Distinct() for role in ROLES})


def write_sets(
    corpus: Corpus, spelling: Spelling, names: Mapping[str, str], *, lists: Path = Path("data"), by_speaker: bool = True
) -> list[str]:
    """Write a set for each of ROLES under the name it has in ``names``; lines that say what came out.

    by_speaker: sets that the corpus does not say share no speaker, where there are enough of them.
    """
    said = [said_of(spelling.language)] if spelling.policy != "as_is" else []
    lists.mkdir(parents=True, exist_ok=True)
    dealt = _deal(corpus, by_speaker)
    said += said_of_split(corpus, dealt, by_speaker)
    expected = set(spelling.scripts) or expected_scripts(corpus.scripts, corpus.transcripts, spelling.language)
    write_atomic(lists / "characters.tsv", character_table(corpus.characters, corpus.examples, expected))
    _check_language(corpus, spelling, expected, lists)
    decisions = _decide(corpus, spelling, expected, dealt, lists / "left_out.tsv")
    if decisions.foreign:
        count = decisions.reasons["foreign_letters"]
        said.append(said_of_foreign(decisions.foreign, count, corpus.transcripts, expected))
    _check_all_there(decisions)
    if not decisions.counts["unlabelled"]:  # the set must exist; the pool takes this utterance of the training set once
        said.append("no speech without a transcript: the self-supervised part learns from the training speech")
    sets = {names[role]: _rows(corpus, decisions, role) for role in ROLES}
    data = Path("data")
    problems = grow_sets(data, sets, without_text={names["unlabelled"]}, segmented=corpus.segmented)
    raise_listed(problems, lists / "problems.txt", "stage 1")
    place_sets(data, sets)
    corpus.remove()
    said += shared_speakers(decisions.speakers, names) if corpus.splits else []
    return [*said, _account(decisions, lists / "left_out.tsv"), _summary(decisions, names)]


def _deal(corpus: Corpus, by_speaker: bool) -> Dealt | None:
    """The sets that the corpus does not say, out of what trains or has no set; None where it says all."""
    missing = tuple(name for name in HELD_OUT if name not in corpus.splits)
    if not missing:
        return None
    free = (one.name for one in corpus if one.text is not None and one.split in ("", "train"))
    return deal(corpus.speakers, free, held_out=missing, by_speaker=by_speaker)


def _check_language(corpus: Corpus, spelling: Spelling, expected: set[str], lists: Path) -> None:
    """Letters of another script in more than half of the transcripts are no accident."""

    def foreign() -> Iterator[str]:
        for utterance in corpus:
            if letters := foreign_letters(utterance.words, expected):
                yield f"{utterance.name}: {letters} in: {utterance.words}\n"

    count, total = sum(1 for _ in foreign()), corpus.transcripts
    if count > total / 2:
        with open_lines(lists / "problems.txt", "w") as file:
            file.writelines(foreign())
        raise InputError(
            f"{count} of {total} transcripts have letters that language {spelling.language} is not written in "
            f"({', '.join(sorted(expected))}), e.g. {next(foreign()).split(': ')[0]}. All of them: "
            f"{lists / 'problems.txt'}. Correct --lang, or name the scripts: --scripts."
        )


def _decide(corpus: Corpus, spelling: Spelling, expected: set[str], dealt: Dealt | None, path: Path) -> Decisions:
    """The role of every utterance; those without the role that their transcript would give them go to ``path``."""

    def split_of(utterance: Utterance) -> str:
        if dealt is None or utterance.split in HELD_OUT:
            return utterance.split
        return dealt.part(utterance.name, utterance.speaker)

    held = _held_out(corpus, split_of) if dealt is None or dealt.by_speaker else set()
    decisions = Decisions()
    temporary = path.with_name(path.name + ".tmp")
    with open_lines(temporary, "w") as file:
        file.write("utterance\treason\ttranscript\n")
        for utterance in corpus:
            split = "" if utterance.text is None else split_of(utterance)
            role, reason = _role(utterance, split, held, expected, spelling)
            decisions.roles.append(ROLES.index(role) if role else NO_ROLE)
            if role:
                decisions.counts[role] += 1
                decisions.speakers[role].add(utterance.speaker)
            if reason:
                name, *letters = reason.split()
                decisions.reasons[name] += 1
                decisions.foreign.update(letters[0] if name == "foreign_letters" else "")
                file.write(f"{utterance.name}\t{reason}\t{utterance.text or ''}\n")
        sync(file)
    os.replace(temporary, path)
    return decisions


def _held_out(corpus: Corpus, split_of: Callable[[Utterance], str]) -> set[str]:
    """Speakers of dev and test who do not train."""
    held = {one.speaker for one in corpus if one.text is not None and split_of(one) != "train"}
    for one in corpus:
        if one.text is not None and split_of(one) == "train":
            held.discard(one.speaker)
    return held


def _role(
    utterance: Utterance, split: str, held: set[str], expected: set[str], spelling: Spelling
) -> tuple[str, str]:  # fmt: skip
    """Role, if any, and why it is not that of its split."""
    if utterance.text is None:
        if utterance.split in HELD_OUT:
            return "", f"in_{utterance.split}_set"
        return ("", "speaker_held_out") if utterance.speaker in held else ("unlabelled", "")
    reason = _unusable(utterance.words, split, expected, spelling)
    if not reason:
        return split, ""
    return ("unlabelled" if split == "train" else ""), reason


def _unusable(words: str, split: str, expected: set[str], spelling: Spelling) -> str:
    """Why a transcript cannot stand; dev and test lose only what has no words: scores must compare."""
    if not words:
        return "no_words"
    if split == "train" and spelling.policy != "as_is":
        if letters := foreign_letters(words, expected):
            return f"foreign_letters {letters}"
        if spelling.digits == "reject" and read_out(words):
            return f"digits_or_symbols {read_out(words)}"
    return ""


def _check_all_there(decisions: Decisions) -> None:
    for role in ("train", "dev", "test"):
        if not decisions.counts[role]:
            reasons = _counted(decisions.reasons) or "none left out"
            raise InputError(f"data: no utterance for the {role} set ({reasons}). Check the splits and transcripts.")


def _rows(corpus: Corpus, decisions: Decisions, role: str) -> Iterator[Utterance]:
    """The utterances of a role; for an empty set of unlabelled speech the first to train on."""
    wanted, alone = ROLES.index(role), False
    if not decisions.counts[role]:
        wanted, alone = ROLES.index("train"), True
    for utterance, is_role in zip(corpus, decisions.roles, strict=True):
        if is_role == wanted:
            yield utterance._replace(text=None if role == "unlabelled" else utterance.words)
            if alone:
                return


def _account(decisions: Decisions, path: Path) -> str:
    reasons = _counted(decisions.reasons)
    return f"set aside, with reasons in {path}: {reasons}" if reasons else "every transcript is used as it is"


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))


def _summary(decisions: Decisions, names: Mapping[str, str]) -> str:
    return "; ".join(
        f"{names[role]} {decisions.counts[role]} utterances, {len(decisions.speakers[role])} speakers"
        for role in ROLES
    )  # fmt: skip
