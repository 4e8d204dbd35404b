"""Words with times and confidences, from the tokens' frames; CTM lines and SRT blocks.

A frame stands for one hop around the middle of what it sees: frame f of wav2vec 2.0, which sees samples 320 f to
320 f + 400 at 16 kHz, for 0.02 f + 0.0025 s to 0.02 f + 0.0225 s. A word lasts from the first frame of its first
token to the last frame of its last one; CTC's tokens are short, so that words tend to end early. Its confidence is the
geometric mean of its tokens'.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from espnet_bljust.data.text.tokens import SPACE, Tokenizer
from espnet_bljust.decoding.align import Span
from espnet_bljust.units import SAMPLE_RATE

LEAST = 1e-30  # confidence
LINE_LETTERS = 42  # of a subtitle; two lines a block
BLOCK_SECONDS = 6.0
BLOCK_PAUSE_SECONDS = 1.0  # a longer one ends a block


class Word(NamedTuple):
    """One word of a hypothesis."""

    word: str
    start_seconds: float
    end_seconds: float
    confidence: float  # 0 .. 1


class Clock(NamedTuple):
    """When a trunk's frames are, in samples."""

    hop: int
    first_centre: int

    def start_of(self, frame: int) -> float:
        """Seconds at which the frame's hop begins."""
        return (self.hop * frame + self.first_centre - self.hop / 2) / SAMPLE_RATE

    def end_of(self, frame: int) -> float:
        """Seconds at which the frame's hop ends."""
        return self.start_of(frame + 1)


WAV2VEC2 = Clock(hop=320, first_centre=200)


def words_of(
    ids: Sequence[int], spans: Sequence[Span], tokenizer: Tokenizer, token_type: str, clock: Clock = WAV2VEC2
) -> list[Word]:
    """The words of a label string; ``spans``: one a token. <blank> and <sos/eos> belong to no word."""
    groups: list[list[tuple[int, Span]]] = [[]]
    for token, span in zip(ids, spans, strict=True):
        name = tokenizer.vocabulary[token]
        alone = token_type in ("word", "phn") or (token_type == "bpe" and token == tokenizer.unknown)
        if alone or name == SPACE or (token_type == "bpe" and name.startswith("▁")):
            groups.append([])
        if name != SPACE and tokenizer.decode([token]) or name == "▁":
            groups[-1].append((token, span))
        if alone:
            groups.append([])
    return [word for group in groups if (word := _word(group, tokenizer, clock)).word]


def _word(group: list[tuple[int, Span]], tokenizer: Tokenizer, clock: Clock) -> Word:
    if not group:
        return Word("", 0.0, 0.0, 0.0)
    spans = [span for _, span in group]
    logarithms = [math.log(max(span.confidence, LEAST)) for span in spans]
    return Word(tokenizer.decode(token for token, _ in group), clock.start_of(spans[0].first),
                clock.end_of(spans[-1].last), min(1.0, math.exp(sum(logarithms) / len(logarithms))))


def ctm_lines(utterance: str, words: Sequence[Word]) -> list[str]:
    """Kaldi's CTM: utterance, channel, start, duration, word, confidence."""
    return [f"{utterance} 1 {word.start_seconds:.3f} {word.end_seconds - word.start_seconds:.3f} {word.word} "
            f"{word.confidence:.4f}" for word in words]


def srt(words: Sequence[Word]) -> str:
    """SubRip: blocks of at most two lines of 42 letters and six seconds, ended by pauses."""
    blocks: list[list[Word]] = []
    for word in words:
        if not blocks or not _fits(blocks[-1], word):
            blocks.append([])
        blocks[-1].append(word)
    text = []
    for number, block in enumerate(blocks, 1):
        times = f"{_clock(block[0].start_seconds)} --> {_clock(block[-1].end_seconds)}"
        text.append(f"{number}\n{times}\n{_lines([word.word for word in block])}\n")
    return "\n".join(text)


def _fits(block: list[Word], word: Word) -> bool:
    return (
        len(_lines([*(one.word for one in block), word.word]).split("\n")) <= 2
        and word.end_seconds - block[0].start_seconds <= BLOCK_SECONDS
        and word.start_seconds - block[-1].end_seconds <= BLOCK_PAUSE_SECONDS
    )


def _lines(words: Sequence[str]) -> str:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= LINE_LETTERS:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    """``00:01:02,345``."""
    milliseconds = round(seconds * 1000)
    return (f"{milliseconds // 3600000:02d}:{milliseconds // 60000 % 60:02d}:{milliseconds // 1000 % 60:02d},"
            f"{milliseconds % 1000:03d}")
