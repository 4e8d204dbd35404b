"""Speed and memory of a pre-training step on one GPU in bfloat16, this project beside Hugging Face: ten minutes.

    python bench/gpu.py --out results.md          # from the root; needs torch, transformers and PyYAML, not ESPnet

First checks the GPU's path against the CPU's, loss and gradients in float32, and that a step never waits for the
device. Then, size base, 87.5 and 350 s of audio a step in utterances of 6 to 15 s: milliseconds, hours of audio a
second, TFLOP/s over the measured peak of a bfloat16 product, peak memory; ours plain, with torch.compile and with
checkpointing, and Hugging Face's with SDPA on the padded batch. Last, an utterance of five minutes with checkpointing.
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import torch  # noqa: E402
from helpers.result import RESULTS, tell  # noqa: E402
from helpers.steps import BUILDERS, Step  # noqa: E402
from helpers.workload import Workload, make_workload, read_size  # noqa: E402

from espnet_bljust.markdown import row, table  # noqa: E402
from espnet_bljust.network.flops import count_flops  # noqa: E402
from espnet_bljust.units import SAMPLE_RATE  # noqa: E402

SIZE = "base"
DEVICE = "cuda"
UTTERANCES = (15.0, 12.5, 10.0, 9.0, 8.0, 7.5, 7.0, 6.5, 6.0, 6.0)  # 87.5 s
WARM_UP, MEASURED = 4, 10


def measured() -> Iterator[str]:
    """What agrees, then a row a network and batch."""
    warnings.filterwarnings("ignore")
    if not torch.cuda.is_available():
        sys.exit("bench/gpu.py: torch sees no GPU here. Run it on a machine with one.")
    yield from [f"{torch.cuda.get_device_name()}, torch {torch.__version__}", ""]
    yield f"Against the CPU in float32: {agreement()}"
    yield f"Waits for the device in a step: {waits()}"
    peak = matrix_peak()
    yield from [f"Matrix peak, bfloat16: {peak / 1e12:.0f} TFLOP/s", "",
                *table(["audio, s", "who", "ms a step", "audio h a second", "TFLOP/s", "of peak", "memory, GB"])]
    kinds = {"ours": "ours", "ours, compiled": "ours", "ours, checkpointing": "ours", "Hugging Face": "Hugging Face"}
    for copies in (1, 4):
        load = make_workload(UTTERANCES * copies, read_size(SIZE)[0])
        for name, who in kinds.items():
            yield measure(name, who, load, peak)
    yield measure("ours, checkpointing", "ours", make_workload((300.0,), read_size(SIZE)[0]), peak)


def build(name: str, who: str, load: Workload, amp: bool = True) -> Step:
    """A step on the GPU."""
    with torch.device("cpu"):
        torch.manual_seed(0)
        step = BUILDERS[who](SIZE, "ssl", load, device=DEVICE, amp=amp)
    if who == "ours":
        transformer = step.model.trunk.encoder.transformer
        transformer.checkpointing = name.endswith("checkpointing")
        if name.endswith("compiled"):
            for layer in transformer.layers:
                layer.feed_forward = torch.compile(layer.feed_forward, dynamic=True)
    return step


def measure(name: str, who: str, load: Workload, peak: float) -> str:
    """A row of the table; what fails says why in its row, and the others go on."""
    seconds = sum(map(len, load.waves)) / SAMPLE_RATE
    try:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        step = build(name, who, load)
        milliseconds = timed(step)
        memory = torch.cuda.max_memory_allocated()
        flops = count_flops(step)
    except RuntimeError as error:
        return row([f"{seconds:.1f}", name, " ".join(str(error).split())[:200], *[""] * 4])
    rate = flops / milliseconds * 1e3
    return row([f"{seconds:.1f}", name, f"{milliseconds:.1f}", f"{seconds / 3.6 / milliseconds:.2f}",
                f"{rate / 1e12:.0f}", f"{100 * rate / peak:.0f} %", f"{memory / 1e9:.1f}"])


def timed(step: Callable[[], object]) -> float:
    """Milliseconds, mean over MEASURED calls without a wait between them."""
    for _ in range(WARM_UP):
        step()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(MEASURED):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / MEASURED * 1e3


def matrix_peak() -> float:
    """Operations a second of one large bfloat16 product."""
    left, right = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    return 2 * 8192**3 / timed(lambda: left @ right) * 1e3


def agreement() -> str:
    """Largest difference of loss and gradients between the two devices, relative to each tensor's largest entry."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    load, sides = make_workload((2.0, 3.0, 3.0), read_size(SIZE)[0]), []
    for device in ("cpu", DEVICE):
        torch.manual_seed(0)
        step = BUILDERS["ours"](SIZE, "ssl", load, device=device, noise=True)
        loss = step.loss()
        loss.backward()
        sides.append([loss.detach().cpu(), *(p.grad.cpu() for p in step.model.parameters() if p.grad is not None)])
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    worst = max(float((a - b).abs().max() / a.abs().max().clamp_min(1e-12)) for a, b in zip(*sides, strict=True))
    return f"{worst:.1e} relative"


def waits() -> str:
    """What torch warns of when it is told to watch for synchronisation."""
    step = build("ours", "ours", make_workload((2.0, 3.0, 4.0), read_size(SIZE)[0]))
    step()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        step()
        torch.cuda.set_sync_debug_mode("default")
    places = {f"{Path(w.filename).name}:{w.lineno}" for w in caught if "synchroniz" in str(w.message)}
    return ", ".join(sorted(places)) or "none"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.md")
    tell(measured(), parser.parse_args().out)
