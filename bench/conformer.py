"""The conformer's forward and backward pass on a CPU beside ESPnet's encoder, in one process, taking turns.

    .venv/bin/python bench/conformer.py                     # three minutes on two cores

Both read the same log-mel features in float32 without dropout: subsampling and all blocks, of equal size. ESPnet pads a
batch to its longest utterance. CPU seconds, medians of the rounds after one warm-up; writes a table in Markdown.
"""

import argparse
import statistics
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from helpers.conformers import config_of, espnets, ours
from helpers.result import RESULTS, THREADS, header, tell
from helpers.timing import ensure_settings, median_ratio, take_turns
from helpers.workload import BATCHES, NO_DROPOUT

from espnet_bljust.markdown import row, table
from espnet_bljust.units import SAMPLE_RATE

ONE_LONG = (2.0,) * 7 + (16.0,)  # seconds of each utterance


def measured(options: argparse.Namespace) -> Iterator[str]:
    """A row a size and batch."""
    import torch

    warnings.filterwarnings("ignore")
    torch.set_num_threads(THREADS)
    yield from [*header(options.rounds), *table(["size", "batch", "ours, s", "ESPnet / ours"])]
    for size in options.sizes:
        for batch, seconds in {**BATCHES, "one long": ONE_LONG}.items():
            mine, theirs = take_turns(passes(size, seconds), options.rounds).values()
            yield row([size, batch, f"{statistics.median(mine):.3f}", f"{median_ratio(mine, theirs):.2f}"])


def passes(size: str, seconds: tuple[float, ...]) -> dict[str, Callable[[], None]]:
    """Ours and ESPnet's over the same features."""
    import torch

    from espnet_bljust.network.log_mel_config import ConformerConfig, mel_frames

    config = config_of(size, **{name: 0.0 for name in NO_DROPOUT if hasattr(ConformerConfig, name)})
    torch.manual_seed(0)
    samples = [int(duration * SAMPLE_RATE) for duration in seconds]
    mels = [torch.randn(mel_frames(count), config.num_mels) for count in samples]
    return {"ours": ours(config, mels, samples), "ESPnet": espnets(config, mels)}


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["conformer_tiny", "conformer"], help="names of conf/size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "conformer.md")
    return parser


if __name__ == "__main__":
    chosen = get_parser().parse_args()
    ensure_settings()
    tell(measured(chosen), chosen.out)
