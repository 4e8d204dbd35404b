"""Where the tokens of a list end words: <space> of token type char, and pieces of bpe that begin with ▁."""

from collections.abc import Sequence

from espnet_bljust.data.text.tokens import SPACE

BOUNDARY = " "  # between words
PIECE_BOUNDARY = "▁"  # of SentencePiece


def ends_words(tokens: Sequence[str]) -> bool:
    """Whether a token writes the boundary of words."""
    return any(text and text[0] == BOUNDARY for text in written(tokens))


def written(tokens: Sequence[str]) -> list[str | None]:
    """The text that each token writes, a boundary as one space; None for <blank>, <unk> and <sos/eos>."""
    boundary = SPACE if SPACE in tokens else PIECE_BOUNDARY
    special = {0, 1, len(tokens) - 1}
    return [None if place in special and token.startswith("<") and token != SPACE
            else token.replace(boundary, BOUNDARY) for place, token in enumerate(tokens)]
