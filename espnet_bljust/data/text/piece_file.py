"""Whether a SentencePiece model holds pieces that its library can index: it ends the process where one is empty.

A model is a protocol buffer: fields of a key (number << 3 | kind) and a value; kind 0 a number of 7 bits a byte, 1 and
5 eight and four bytes, 2 a length and as many bytes. Field 1 is a piece, whose own field 1 is its text.
Source: sentencepiece_model.proto of SentencePiece 0.2; protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator

PIECE, TEXT = 1, 1
FIXED = {1: 8, 5: 4}  # bytes


def problem(data: bytes) -> str:
    """What is wrong, or an empty string."""
    try:
        pieces = [dict(_fields(value)).get(TEXT, b"") for number, value in _fields(data) if number == PIECE]
        texts = [piece.decode() for piece in pieces]
    except (ValueError, IndexError):
        return "damaged"
    if not texts or "" in texts or any("\0" in text for text in texts):
        return "no pieces, or an empty one"
    return "" if len(set(texts)) == len(texts) else "a piece that stands there twice"


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, value) of every field; a number has no value here."""
    place = 0
    while place < len(data):
        key, place = _number(data, place)
        kind, length = key & 7, 0
        if kind == 0:
            _, place = _number(data, place)
        elif kind == 2:
            length, place = _number(data, place)
        elif kind in FIXED:
            length = FIXED[kind]
        else:
            raise ValueError(f"kind {kind}")
        if place + length > len(data):
            raise ValueError("cut short")
        yield key >> 3, data[place : place + length]
        place += length


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
