"""How stage 12 searches: conf/decode_<name>.yaml and the options of a call over it; greedy where neither says more."""

import argparse
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from espnet_bljust.data.text.lmplz import UNITS
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError

SEARCHES = ("greedy", "beam")

TUNE = "tune"  # key of a configuration: values to try on a dev set


@dataclass(frozen=True)
class SearchSettings:
    """score(y) = ln Σ_paths p(path|x) + ngram_weight · log10 P(y) + penalty · |y|, in ESPnet's units and names."""

    search: str = "greedy"  # "greedy": the best path; "beam": prefix beam search
    beam_size: int = 100  # hypotheses kept after a frame
    beam_size_token: int = 100  # tokens tried on a frame, the most probable ones; 0: all
    beam_threshold: float = 30.0  # hypotheses that are so many nats behind the best are dropped
    ngram_weight: float = 0.0  # of the language model's log10 probability
    ngram_unit: str = "auto"  # what the language model counts: tokens, or words spelled by them; auto: by its words
    penalty: float = 0.0  # added for each token, or word with ngram_unit: word
    nbest: int = 1  # hypotheses written

    def __post_init__(self) -> None:
        for name, known in (("search", SEARCHES), ("ngram_unit", UNITS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not {' or '.join(known)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and (not isinstance(value, int) or isinstance(value, bool)):
                raise ValueError(f"{field.name} is {value!r}, not a whole number")
            if field.type is float and (type(value) not in (int, float) or not math.isfinite(value)):
                raise ValueError(f"{field.name} is {value!r}, not a finite number")
        if min(self.beam_size, self.nbest) < 1 or self.beam_size_token < 0 or self.beam_threshold <= 0:
            raise ValueError("beam_size and nbest are at least 1, beam_size_token at least 0, beam_threshold above 0")
        if self.nbest > (self.beam_size if self.search == "beam" else 1):
            raise ValueError(f"nbest {self.nbest} is above beam_size, or the search is greedy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--inference_config, --ngram, and one option a setting."""
    parser.add_argument("--inference_config", type=Path, help="conf/decode_<name>.yaml (default: greedy search)")
    parser.add_argument("--ngram", type=Path, help="ARPA file of the language model")
    for field in fields(SearchSettings):
        parser.add_argument(f"--{field.name}", type=field.type, help=f"in place of {field.name} of the configuration")


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings among the options of a call that it sets, by their names."""
    return {field.name: values[field.name] for field in fields(SearchSettings) if values.get(field.name) is not None}


def read_settings(path: Path | None, given: Mapping[str, Any], ngram: Path | None = None) -> SearchSettings:
    """The configuration ``path`` with ``given`` over it; ``ngram``: the language model that they are to search with."""
    try:
        settings = SearchSettings(**_read(path)[0]) if path else SearchSettings()
    except ValueError as error:
        raise InputError(f"{path}: {error}. Mend the value.") from None
    try:
        settings = replace(settings, **given)
    except ValueError as error:
        raise InputError(f"decode's options {dict(given)}: {error}. Mend the value.") from None
    if ngram and settings.search == "greedy":
        raise InputError(f"{ngram}: greedy search has no use for a language model. Add --search beam.")
    return settings


def read_grid(path: Path | None, given: Mapping[str, Any]) -> dict[str, list]:
    """What the configuration wants to be tried on a dev set: values by setting, without those that the call gives."""
    if not path:
        return {}
    settings, grid = _read(path)
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{path}: tune: {name} is {values!r}, not a list of values to try. "
                             "Write [a, b, ...].")
        for value in values:
            try:
                SearchSettings(**{**settings, name: value})
            except ValueError as error:
                raise InputError(f"{path}: tune: {error}. Mend the value.") from None
    return {name: values for name, values in grid.items() if name not in given}


def _read(path: Path) -> tuple[dict, dict]:
    """The settings of the file, and those under ``tune``; all of them names that are known."""
    settings = read_yaml_keys(path, may_be_empty=True)
    if not isinstance(settings.get(TUNE) or {}, dict):
        raise InputError(f"{path}: {TUNE} is {settings[TUNE]!r}, not settings with lists of values. "
                         f"Write {TUNE}: {{ngram_weight: [0.5, 1]}}.")
    grid = settings.pop(TUNE, None) or {}
    known = [field.name for field in fields(SearchSettings)]
    for name in (*settings, *grid):
        if name not in known:
            near = difflib.get_close_matches(str(name), [*known, TUNE], 1, 0)[0]
            raise InputError(f"{path}: decoding does not read {name}. Remove it, or did you mean {near}?")
    return settings, grid
