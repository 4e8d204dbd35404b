"""Beam search beside flashlight's and ctc-beam-decoder's: CPU seconds a second of audio, errors, and the same text?

    cd egs2/an4/bljust && ../../../.venv/bin/python ../../../bench/beam_search.py --exp_dir exp/<tag> \\
        --data_dir dump/raw/test --ngram data/en_ngram/char/3gram.arpa --ngram_weight 0.5 --beams 20 100

The posteriors are those of an experiment on a data directory, made once; all search the same ones on one thread and
take turns. Peers that are not installed are left out: flashlight-text and torchaudio (Python 3.12), ctc-beam-decoder
(pip install ctc-beam-decoder==0.2.0; it knows characters with words alone). ctc-beam-decoder may find any word, at a
price, and prunes by rules of its own, tokens among them.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from helpers.result import header
from helpers.timing import ensure_settings, median_ratio, take_turns
from torch import Tensor

from espnet_bljust.bin.decode import get_parser as decode_parser
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.decoding.beam_search import BeamSearch
from espnet_bljust.decoding.language_model import LanguageModel, read_language_model
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.decoding.search_settings import SearchSettings, read_settings
from espnet_bljust.decoding.tuning import DevSet, count_errors
from espnet_bljust.markdown import table
from espnet_bljust.network.heads.ctc import greedy
from espnet_bljust.units import SAMPLE_RATE

CLOSE = 1e-3  # nats
Search = Callable[[Tensor], tuple[str, float | None]]  # text, and score where it is ours or should be


def main(options: argparse.Namespace) -> None:
    """A row a search and beam."""
    torch.set_num_threads(1)
    options.search = "beam"
    settings = replace(read_settings(options), nbest=1)
    recogniser = Recogniser.from_experiment(options.exp_dir, options.exp_dir / options.model)
    model = read_language_model(options.ngram, recogniser.token_list, settings.ngram_unit)
    settings = replace(settings, ngram_unit="word" if model.lexicon else "token")
    data = DevSet.heard(recogniser, model, options.data_dir, math.inf, Path("none"))
    samples = read_table(options.data_dir / "utt2num_samples")
    audio = sum(int(samples[name]) for name in read_table(options.data_dir / "text")) / SAMPLE_RATE
    frames = sum(len(each) for each in data.frames)
    lines = [*header(options.rounds, 1), f"{data}, {audio:.0f} s of audio, {frames / audio:.0f} frames a second, "
             f"{len(recogniser.token_list)} tokens; {settings.ngram_unit} model, weight {settings.ngram_weight:g}, "
             f"penalty {settings.penalty:g}. Of equal texts: the share whose scores differ by at most 1e-3, the "
             "largest difference, and how often ours is the lower by more than 1e-3.", ""]
    made = [row for beam in options.beams
            for row in rows(recogniser, data, model, replace(settings, beam_size=beam), audio, options)]
    lines += table(["search", "beam", "CPU s / s of audio", "times ours", "WER %", "CER %", "text as flashlight's",
                    "score as flashlight's", "at most", "lower"], made)
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(recogniser: Recogniser, data: DevSet, model: LanguageModel, settings: SearchSettings, audio: float,
         options: argparse.Namespace) -> list[list[str]]:
    """Cells of one beam, a row a search."""
    searches = {"greedy": greedy_search(recogniser), "ours": our_search(recogniser, model, settings)}
    for name, make in (("flashlight", flashlight_search), ("ctc-beam-decoder", ctc_beam_decoder_search)):
        try:
            searches[name] = make(recogniser, settings, options.ngram)
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    found = {name: [search(each) for each in data.frames] for name, search in searches.items()}
    seconds = take_turns({name: lambda search=search: [search(each) for each in data.frames]
                          for name, search in searches.items()}, options.rounds)
    made = []
    for name, results in found.items():
        errors = count_errors(data.references, [text for text, _ in results])
        share = statistics.median(seconds[name]) / audio
        cells = [name, str(settings.beam_size), f"{share:.5f}",
                 f"{median_ratio(seconds['ours'], seconds[name]):.2f}",
                 *(f"{100 * counts.error_rate:.2f}" for counts in errors), *agreement(results, found.get("flashlight"))]
        made.append(cells)
    return made


def agreement(results: list, theirs: list | None) -> list[str]:
    """Share of equal texts; among them share of equal scores, the largest difference, and how many are lower."""
    if theirs is None:
        return [""] * 4
    same = [(one, two) for (text, one), (other, two) in zip(results, theirs, strict=True) if text == other]
    more = [one - two for one, two in same if one is not None]
    texts = f"{100 * len(same) / len(theirs):.1f} %"
    if not more:
        return [texts, "", "", ""]
    equal = sum(abs(difference) <= CLOSE for difference in more) / len(more)
    return [texts, f"{100 * equal:.1f} %", f"{max(map(abs, more)):.1e}", str(sum(one < -CLOSE for one in more))]


def greedy_search(recogniser: Recogniser) -> Search:
    """The best path."""
    return lambda frames: (recogniser.tokenizer.decode(greedy(frames, [len(frames)])[0]), None)


def our_search(recogniser: Recogniser, model: LanguageModel, settings: SearchSettings) -> Search:
    """decoding/beam_search.py."""
    search = BeamSearch(recogniser.token_list, settings, model, recogniser.tokenizer.splitter)

    def best(frames: Tensor) -> tuple[str, float]:
        found = search(frames)[0]
        return recogniser.tokenizer.decode(found.ids), found.score

    return best


def flashlight_search(recogniser: Recogniser, settings: SearchSettings, ngram: Path) -> Search:
    """bench/flashlight_peer.py."""
    from helpers.flashlight_peer import FlashlightSearch

    search = FlashlightSearch(recogniser.token_list, settings, ngram)

    def best(frames: Tensor) -> tuple[str, float]:
        found, score = search(frames)[0]
        return " ".join(found) if search.words else recogniser.tokenizer.decode(found), score

    return best


def ctc_beam_decoder_search(recogniser: Recogniser, settings: SearchSettings, ngram: Path) -> Search:
    """The wheel; its weight is that of ln P."""
    if settings.ngram_unit != "word" or "<space>" not in recogniser.token_list:
        raise ImportError("it knows characters with a model of words alone")
    from ctc_beam_decoder import build_ctcdecoder

    from espnet_bljust.data.text.arpa import arpa_words

    labels = ["", *(" " if token == "<space>" else token for token in recogniser.token_list[1:])]
    decoder = build_ctcdecoder(labels, str(ngram), arpa_words(ngram), alpha=settings.ngram_weight / math.log(10),
                               beta=settings.penalty)
    return lambda frames: (decoder.decode(frames.numpy(), beam_width=settings.beam_size), None)


def get_parser() -> argparse.ArgumentParser:
    parser = decode_parser()
    parser.description, parser.formatter_class = __doc__, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--beams", type=int, nargs="+", default=[20])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="also write the table there")
    for action in parser._actions:
        if action.dest == "out_dir":
            action.required = False
    return parser


if __name__ == "__main__":
    ensure_settings()
    main(get_parser().parse_args())
