"""The alignment of a known text with CTC's frames, ours beside torchaudio's forced_align: CPU seconds, taking turns.

    .venv/bin/python bench/align.py                         # a minute on one core

Random log posteriors and labels of the usual densities: characters (a token every third or fourth frame of 20 ms) and
pieces of a vocabulary of 500 (one in ten frames). Both give spans and confidences, torchaudio through merge_tokens;
its forced_align alone stands beside. Writes a table in Markdown.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from helpers.result import RESULTS, header, tell
from helpers.timing import ensure_settings, median_ratio, take_turns

from espnet_bljust.decoding.align import align
from espnet_bljust.markdown import row, table

CASES = [(100, 30, 30), (500, 150, 30), (500, 50, 500), (1500, 450, 30), (1500, 150, 500), (3000, 900, 30)]
CALLS_OF_FRAMES = 20_000  # a round aligns so many frames in all
HEADS = ("frames", "tokens", "vocabulary", "ours, ms", "ours / torchaudio", "ours / forced_align alone")


def measured(rounds: int) -> Iterator[str]:
    """A row a case."""
    torch.set_num_threads(1)
    yield from [*header(rounds, 1, ("torch", "torchaudio", "numpy")), *table(HEADS, align="r" * len(HEADS))]
    for case in CASES:
        calls = max(1, CALLS_OF_FRAMES // case[0])
        ours, whole, path = take_turns(aligners(*case, calls), rounds).values()
        yield row([*case, f"{1e3 * statistics.median(ours) / calls:.2f}", f"{median_ratio(whole, ours):.2f}",
                   f"{median_ratio(path, ours):.2f}"])


def aligners(num_frames: int, num_tokens: int, vocabulary: int, calls: int) -> dict[str, Callable[[], None]]:
    """Each aligns the same ``calls`` times."""
    from torchaudio.functional import forced_align, merge_tokens

    torch.manual_seed(0)
    frames = (2 * torch.randn(num_frames, vocabulary)).log_softmax(-1)
    label = torch.randint(1, vocabulary, (num_tokens,))
    words = label.tolist()

    def torchaudio() -> None:
        path, scores = forced_align(frames[None], label[None], blank=0)
        merge_tokens(path[0], scores[0].exp())

    each = {"ours": lambda: align(frames, words), "torchaudio": torchaudio,
            "forced_align": lambda: forced_align(frames[None], label[None], blank=0)}
    return {name: lambda call=call: [call() for _ in range(calls)] for name, call in each.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULTS / "align.md")
    options = parser.parse_args()
    ensure_settings()
    tell(measured(options.rounds), options.out)
