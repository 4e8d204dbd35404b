"""Stage 5: the token list of the training text and, for bpe, the SentencePiece model.

Order: <blank>, <unk>, then tokens by falling count and, where counts are equal, by code point, then <sos/eos>.
ESPnet's tokenize_text leaves equal counts in order of first appearance; ours does not depend on utterance ids.
SentencePiece's pieces keep the model's own order, as in ESPnet.
"""

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet_bljust.data.text.tokens import BpeSplitter, make_splitter
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError

LONGEST_SENTENCE_BYTES = 65536  # SentencePiece leaves out longer lines without a word; its default is 4192


@dataclass(frozen=True)
class Symbols:
    """The tokens that are no text."""

    blank: str = "<blank>"
    unknown: str = "<unk>"
    sos_eos: str = "<sos/eos>"

    def around(self, tokens: Iterable[str]) -> list[str]:
        """The whole list: tokens between the special ones, which do not come twice."""
        special = {self.blank, self.unknown, self.sos_eos}
        return [self.blank, self.unknown, *(token for token in tokens if token not in special), self.sos_eos]


@dataclass(frozen=True)
class BpeOptions:
    """SentencePiece's options under ESPnet's names and defaults."""

    nbpe: int = 30  # length of tokens.txt
    bpemode: str = "unigram"  # unigram, bpe, char or word
    char_cover: float = 1.0
    input_sentence_size: int = 100_000_000
    nlsyms: Sequence[str] = ()  # symbols that stay whole


def count_tokens(texts: Iterable[str], token_type: str, symbols: Sequence[str] = ()) -> list[str]:
    """The tokens of ``texts``, the most frequent first, equal counts by code point."""
    counts: Counter[str] = Counter()
    splitter = make_splitter(token_type, symbols=symbols)
    for text in texts:
        counts.update(splitter.tokens(text))
    if "" in counts:
        raise InputError(f"--token_type {token_type}: two spaces in a row in the text. Put one between phones.")
    return sorted(counts, key=lambda token: (-counts[token], token))


def train_bpe(texts: Iterable[str], options: BpeOptions, seed: int = 0) -> bytes:
    """A SentencePiece model; the same text, options and seed give the same bytes."""
    import sentencepiece  # loads a library, which no other token type needs

    model = io.BytesIO()
    # where <unk> stands in the text for a word, SentencePiece's own unknown piece needs another name
    keeps_unknown = Symbols.unknown in options.nlsyms
    sentencepiece.set_random_generator_seed(seed)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            vocab_size=options.nbpe + keeps_unknown,
            model_type=options.bpemode,
            character_coverage=options.char_cover,
            normalization_rule_name="identity",  # its default, NFKC, would spell other characters than the text has
            input_sentence_size=options.input_sentence_size,
            user_defined_symbols=list(options.nlsyms),
            unk_piece="<unknown>" if keeps_unknown else Symbols.unknown,
            max_sentence_length=LONGEST_SENTENCE_BYTES,
            num_threads=1,
            minloglevel=2,
        )
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[-1].split("] ")[-1].strip().rstrip(".") or "too few or too many for this text"
        raise InputError(
            f"--nbpe {options.nbpe}: SentencePiece refuses: {reason}. Change --nbpe, or give more text."
        ) from None
    return model.getvalue()


def write_bpe(texts: Iterable[str], out_dir: Path, options: BpeOptions, seed: int = 0) -> list[str]:
    """Write ``bpe.model``; its pieces without SentencePiece's own <unk>, <s> and </s>."""
    write_atomic(out_dir / "bpe.model", train_bpe(texts, options, seed))
    processor = BpeSplitter(out_dir / "bpe.model").processor
    return [
        processor.id_to_piece(index)
        for index in range(processor.get_piece_size())
        if not processor.is_control(index) and not processor.is_unknown(index)
    ]


def write_token_list(path: Path, vocabulary: Sequence[str]) -> None:
    """One token a line; refuses a token that would not read back."""
    for token in vocabulary:
        if "\n" in token or "\r" in token or (len(token) > 1 and token != token.rstrip()):
            raise InputError(f"{path}: token {token!r} ends in white space. Clean the transcripts.")
    write_atomic(path, "".join(token + "\n" for token in vocabulary))
