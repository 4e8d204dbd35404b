"""What stage 1 says of the sets it made: which way, and what keeping speakers apart costs in hours of training."""

import math
from collections.abc import Iterable, Mapping
from itertools import islice

from espnet_bljust.data.audio.headers import read_header
from espnet_bljust.data.corpus.gather import Corpus
from espnet_bljust.data.corpus.speaker_split import HELD_OUT, SHARE, Dealt
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.distinct import Distinct
from espnet_bljust.errors import InputError

FEW_SPEAKERS = 10  # fewer: a tenth of the utterances for dev and for test may be far from what whole speakers have
MOST_READ = 500  # about so many headers are read for the mean length
OPTION = '--local_data_opts "--split utterances"'


def said_of_split(corpus: Corpus, dealt: Dealt | None, by_speaker: bool) -> list[str]:
    """How the sets were made that the corpus does not name."""
    if dealt is None:
        return []
    made = " and ".join(name for name in ("dev", "test") if name not in corpus.splits)
    count = len(corpus.speakers)
    if not dealt.by_speaker:
        why = f"too few speakers to keep apart ({count})" if by_speaker else "as --split says"
        return [f"split by utterance ({made}), {why}",
                "WARNING: train, dev and test share speakers: scores flatter"]
    said = f"split by speaker ({made})"
    if count >= FEW_SPEAKERS:
        return [said]
    trains = sum(number for name, number in corpus.speakers.items() if name not in dealt.parts)
    total = corpus.speakers.total()
    by_utterance = total - math.ceil(SHARE * total) * sum(part not in corpus.splits for part in HELD_OUT)
    every = max(1, corpus.transcripts // MOST_READ)  # of the sorted corpus, so that all speakers are met
    seconds = mean_seconds(islice((one for one in corpus if one.text is not None), 0, None, every))
    hours = [f"{number * seconds / 3600:.3g} h" if seconds else f"{number} utterances" for number in (trains, total)]
    more = f"{by_utterance * seconds / 3600:.3g} h" if seconds else f"{by_utterance} utterances"
    return [f"{said}: of {count} speakers {count - len(dealt.parts)} train, with {hours[0]} of {hours[1]}; {OPTION} "
            f"would train on {more}, but the sets would share speakers and scores flatter"]


def mean_seconds(utterances: Iterable[Utterance]) -> float:
    """Of those whose length can be told from a segment or header; 0 where none can."""
    lengths: list[float] = []
    for one in utterances:
        if one.segment is not None and one.segment.end_seconds is not None:
            lengths.append(one.segment.end_seconds - one.segment.start_seconds)
            continue
        try:
            header = read_header(one.audio)
        except (InputError, OSError):  # stage 3 tells of it
            continue
        lengths.append(header.num_samples / header.rate)
    return sum(lengths) / len(lengths) if lengths else 0.0


def shared_speakers(speakers: Mapping[str, Distinct], names: Mapping[str, str]) -> list[str]:
    """A warning for each held-out set whose speakers train, too."""
    found = {part: speakers[part].shared(speakers["train"]) for part in ("dev", "test")}
    return [f"WARNING: {count} of the {len(speakers[part])} speakers of {names[part]} train, too: its scores flatter"
            for part, count in found.items() if count]  # fmt: skip
