"""Stage 5: an n-gram model of the training text, by KenLM's lmplz where it is on the PATH, else by ours."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.preparation.perturb import copies_beside_one
from espnet_bljust.data.text.arpa import arpa_words, write_arpa
from espnet_bljust.data.text.lmplz import by_lmplz, sentences, transcripts
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.data.text.tokens import load_tokenizer, read_token_list
from espnet_bljust.data.text.word_boundaries import ends_words
from espnet_bljust.errors import InputError

LONGEST = 6  # that lmplz makes where it is built as it comes
MOST_UNKNOWN = 0.02  # of the dev set's words, from which on a closed vocabulary costs more than it gives


class Texts(NamedTuple):
    """Files of ``id words`` lines."""

    learnt_from: Sequence[Path]
    held_out: Sequence[Path] = ()  # must not be among them
    dev: Path | None = None  # that decides on the unit, where nobody else does
    speed_factors: Sequence[str] = ()  # of copies among the first: a text counts once


class Units(NamedTuple):
    """What the model counts: words, or the tokens that a tokenizer makes of the text."""

    unit: str  # token, word or auto
    token_type: str
    token_list: Path
    bpe_model: str = ""
    nlsyms_txt: str = "none"


class Made(NamedTuple):
    """What the ARPA file is."""

    unit: str
    how: str
    different: int  # units
    why: str  # this unit was chosen; empty where it was asked for


def make_ngram(texts: Texts, units: Units, order: int, out: Path) -> Made:
    """Write the ARPA file ``out``."""
    if not 2 <= order <= LONGEST:
        raise InputError(f"--ngram_num {order}: not 2 to {LONGEST}. Give one of these.")
    for text in texts.learnt_from:
        for held_out in texts.held_out:
            if text.exists() and held_out.exists() and text.samefile(held_out):
                raise InputError(f"{text}: the text of a dev or test set. A language model never learns from it.")
    out.parent.mkdir(parents=True, exist_ok=True)
    unit, why = (units.unit, "") if units.unit != "auto" else choose_unit(texts, units.token_list)
    tokenizer = None
    if unit == "token":
        tokenizer = load_tokenizer(units.token_type, units.token_list, units.bpe_model or None, units.nlsyms_txt)
    counted = sentences(transcripts(texts.learnt_from, copies_beside_one(texts.speed_factors)), tokenizer)
    if lmplz := shutil.which("lmplz"):
        by_lmplz(lmplz, counted, order, out)
    else:
        write_arpa(out, estimate(counted, order))
    return Made(unit, "lmplz" if lmplz else "our estimator", len(arpa_words(out)), why)


def choose_unit(texts: Texts, token_list: Path) -> tuple[str, str]:
    """Words, where tokens end them and the dev set has hardly one that the texts have not; and the reason."""
    if not texts.dev:
        raise InputError("--unit auto: no dev set to look at. Give --dev_text, or the unit.")
    known = {word for text in transcripts(texts.learnt_from) for word in text.split()}
    words = [word for text in transcripts([texts.dev]) for word in text.split()]
    unknown = sum(word not in known for word in words) / max(len(words), 1)
    if not ends_words(read_token_list(token_list)):
        return "token", "no token ends a word"
    return ("word" if unknown < MOST_UNKNOWN else "token",
            f"{unknown:.1%} of the dev set's words are not in its text")
