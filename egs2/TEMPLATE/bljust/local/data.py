"""Stage 1 of your own corpus: labelled and unlabelled audio, in the forms of docs/your_corpus.md, as data/<set>."""

import argparse
from pathlib import Path

from user_corpus import Found, read_source, speaker_by

from espnet_bljust.bin.command import run
from espnet_bljust.data.assemble import ROLES, Corpus, Spelling, write_sets
from espnet_bljust.data.db import read_db
from espnet_bljust.data.normalise import POLICIES
from espnet_bljust.data.problems import list_offenders
from espnet_bljust.data.segments import Segment
from espnet_bljust.errors import InputError

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
    parser.add_argument("--skip_problems", choices=("true", "false"), default="false", help="go on without bad files")
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.labelled or folders.get("LABELLED", "")
    more = arguments.unlabelled or folders.get("UNLABELLED", "")
    if not source:
        raise InputError(f"--labelled is needed: audio with transcripts. {PAGE}")
    speaker = speaker_by(arguments.speaker_pattern)
    labelled = read_source(Path(source).absolute(), speaker, labelled=True)
    unlabelled = read_source(Path(more).absolute(), speaker, labelled=False) if more else Found()
    problems = labelled.problems + unlabelled.problems
    skipped = list_offenders(problems, Path("data/problems.txt"), where=source, skip=arguments.skip_problems == "true")
    if not labelled.text:
        raise InputError(f"{source}: {len(labelled.utt2spk)} audio files and no transcript. {PAGE}")
    without = len(labelled.utt2spk) - len(labelled.text)
    spelling = Spelling(arguments.lang, arguments.text_policy, arguments.digits)
    lines = write_sets(join(labelled, unlabelled), spelling, {role: role for role in ROLES})
    counted = f"{without} audio files of {source} have no transcript: taken as unlabelled" if without else ""
    print("\n".join(filter(None, [skipped, counted, *lines])))


def join(labelled: Found, unlabelled: Found) -> Corpus:
    """Both sources; unlabelled utterances get a mark, so that equal file names do not meet."""
    mark = "_unlabelled"
    has_segments = bool(labelled.segments or unlabelled.segments)
    segments = {**_segments(labelled), **{key + mark: segment._replace(recording=segment.recording + mark)
                                          for key, segment in _segments(unlabelled).items()}}
    return Corpus(
        wavs={**labelled.wavs, **{key + mark: entry for key, entry in unlabelled.wavs.items()}},
        utt2spk={**labelled.utt2spk, **{key + mark: name for key, name in unlabelled.utt2spk.items()}},
        text=labelled.text,
        split=labelled.split,
        segments=segments if has_segments else None,
    )


def _segments(found: Found) -> dict[str, Segment]:
    """Its segments; a whole recording is one, too."""
    return {key: found.segments.get(key, Segment(key, 0.0, None)) for key in found.utt2spk}


if __name__ == "__main__":
    run(options(), main)
