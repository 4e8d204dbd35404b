"""Stage 1 of your own corpus: labelled and unlabelled audio, in the forms of docs/your_corpus.md, as data/<set>."""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from user_corpus import read_source
from user_reading import TEXT_ENDINGS, Reading, named_columns, named_endings, quoted_words, speaker_by
from user_tables import audio_in_no_row

from espnet_bljust.command import run, true_false
from espnet_bljust.data.corpus.assemble import ROLES, write_sets
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.gather import Spelling, gather
from espnet_bljust.data.corpus.names import Speakers
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.text.normalise import POLICIES
from espnet_bljust.data.text.scripts import named_scripts
from espnet_bljust.disk.distinct import Distinct
from espnet_bljust.disk.files import fresh_dir
from espnet_bljust.disk.problems import list_offenders
from espnet_bljust.errors import InputError

MARK = "_unlabelled"
PAGE = "docs/your_corpus.md shows the forms."


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labelled", default="", help="audio with transcripts (db.sh: LABELLED)")
    parser.add_argument("--unlabelled", default="", help="audio without (db.sh: UNLABELLED); may be left out")
    parser.add_argument("--lang", default="noinfo", help="code of the language, for its spelling rules: nl, mn, ar ...")
    parser.add_argument("--text_policy", choices=POLICIES, default="plain", help="how transcripts are normalised")
    parser.add_argument("--digits", choices=("keep", "reject"), default="keep",
                        help="reject: a training utterance with digits or symbols gives up its transcript")
    parser.add_argument("--speaker_pattern", default="", help="regular expression of the speaker in a file's name")
    parser.add_argument("--columns", default="", help="of tables: \"path=Datei text='Der Satz'\", speaker= and split=")
    parser.add_argument("--text_ending", default="", help="of transcripts beside audio; the first is read of "
                        f"{' '.join(TEXT_ENDINGS)}")
    parser.add_argument("--tiers", default="", help="of .eaf and .TextGrid: \"'one' 'two'\"; else the one with text")
    parser.add_argument("--split", choices=("speakers", "utterances"), default="speakers",
                        help="of sets that the corpus does not name: utterances lets them share speakers")
    parser.add_argument("--scripts", default="", help="scripts of the language, e.g. 'Latin Greek', if not as usual")
    parser.add_argument("--skip_problems", type=true_false, default=False, help="go on without bad files")
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.labelled or folders.get("LABELLED", "")
    more = arguments.unlabelled or folders.get("UNLABELLED", "")
    if not source:
        raise InputError(f"--labelled is needed: audio with transcripts. {PAGE}")
    problems: list[str] = []
    lists, skip = Path("data"), arguments.skip_problems
    spelling = Spelling(arguments.lang, arguments.text_policy, arguments.digits,
                        frozenset(named_scripts(arguments.scripts.split())))
    how = Reading(
        speaker_by(arguments.speaker_pattern), problems, fresh_dir(lists / "spool.tmp"), Speakers(), [], Distinct(), {},
        Counter(), columns=named_columns(arguments.columns), endings=named_endings(arguments.text_ending),
        tiers=quoted_words("--tiers", arguments.tiers))
    sources = read_source(Path(source).absolute(), how)
    counted = Counted()
    found = counted.count(sources)
    if more:
        found = chain(found, marked(read_source(Path(more).absolute(), how._replace(labelled=False))))
    corpus = gather(found, spelling, lists / "corpus.tmp", problems)
    how.spool.rmdir()
    if how.unread:
        counts = ", ".join(f"{count} {ending}" for ending, count in sorted(how.unread.items()))
        how.said.append(f"beside a transcript of the same name and not read: {counts} (--text_ending says which are)")
    how.said.extend(audio_in_no_row(how, lists / "in_no_row.txt"))
    skipped = list_offenders(problems, lists / "problems.txt", where=source, skip=skip)
    if not corpus.transcripts:
        raise InputError(f"{source}: {counted.audio} audio files and no transcript. {PAGE}")
    lines = write_sets(corpus, spelling, {role: role for role in ROLES}, by_speaker=arguments.split == "speakers")
    without = f"{counted.without} audio files of {source} have no transcript: taken as unlabelled"
    print("\n".join(filter(None, [skipped, *how.said, without if counted.without else "", *lines])))


@dataclass
class Counted:
    """Utterances of the labelled source, as they pass."""

    audio: int = 0
    without: int = 0  # transcript

    def count(self, utterances: Iterator[Utterance]) -> Iterator[Utterance]:
        for found in utterances:
            self.audio += 1
            self.without += found.text is None
            yield found


def marked(utterances: Iterator[Utterance]) -> Iterator[Utterance]:
    """The unlabelled source with a mark in its ids, so that equal file names do not meet."""
    for found in utterances:
        segment = found.segment and found.segment._replace(recording=found.segment.recording + MARK)
        yield found._replace(name=found.name + MARK, segment=segment)


if __name__ == "__main__":
    run(options(), main)
