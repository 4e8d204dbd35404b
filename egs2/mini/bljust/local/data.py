"""Stage 1 of the recipe `mini`: synthesise the corpus into downloads/mini, describe it in data/<set>."""

import argparse
import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import digits
import soundfile
from digits import Utterance, plan_corpus, record

from espnet_bljust.command import run
from espnet_bljust.data.audio import resample, synthesis
from espnet_bljust.data.audio.writing import write_audio
from espnet_bljust.data.kaldi.directory import KaldiDir, write_dir
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync_tree, temporary_dir, write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress
from espnet_bljust.units import SAMPLE_RATE

AUDIO = Path("downloads/mini")
DEFAULTS = {"train": (400, 40), "unlabelled": (1700, 100), "dev": (60, 6), "test": (100, 10)}  # utterances, speakers


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, (utterances, speakers) in DEFAULTS.items():
        parser.add_argument(f"--num_{name}", type=int, default=utterances, help=f"utterances of {name} (%(default)s)")
        parser.add_argument(f"--num_{name}_speakers", type=int, default=speakers, help="its speakers (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same corpus (%(default)s)")
    parser.add_argument(
        "--nj",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes; no influence on the corpus (%(default)s)",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    amounts = {
        name: (getattr(arguments, f"num_{name}"), getattr(arguments, f"num_{name}_speakers")) for name in DEFAULTS
    }
    for name, (utterances, speakers) in amounts.items():
        if not 1 <= speakers <= utterances:
            raise InputError(f"--num_{name}_speakers {speakers}: not between 1 and --num_{name} ({utterances}).")
    plan = plan_corpus(amounts, arguments.seed)
    everything = [utterance for name in DEFAULTS for utterance in plan[name]]
    made_from = json.dumps({"code": _code_version(), "plan": everything})
    if not _is_made(made_from, everything):
        _synthesise(everything, made_from, max(1, arguments.nj))
    summary = []
    for name in DEFAULTS:
        write_dir(Path("data") / name, _describe(plan[name], labelled=name != "unlabelled"))
        seconds = sum(soundfile.info(_path(AUDIO, utterance)).duration for utterance in plan[name])
        summary.append(f"{name} {len(plan[name])} utterances, {amounts[name][1]} speakers, {seconds / 60:.1f} min")
    print("; ".join(summary))


def _code_version() -> str:
    """A digest of everything but the plan that the samples depend on."""
    sources = [Path(module.__file__).read_bytes() for module in (digits, synthesis, resample)]
    engine = "".join(f"{name} {version(name)} " for name in ("espeakng-loader", "numpy", "scipy"))
    return hashlib.blake2b(b"".join([engine.encode(), *sources]), digest_size=16).hexdigest()


def _path(folder: Path, utterance: Utterance) -> Path:
    return folder / utterance.speaker / f"{utterance.name}.flac"


def _is_made(made_from: str, utterances: Iterable[Utterance]) -> bool:
    """Whether downloads/mini holds exactly this corpus, whole."""
    record_file = AUDIO / "made_from.json"
    if not record_file.is_file() or record_file.read_text() != made_from:
        return False
    return all(_path(AUDIO, utterance).is_file() for utterance in utterances)


def _synthesise(utterances: list[Utterance], made_from: str, num_processes: int) -> None:
    """All audio into downloads/mini.tmp, then in one step into downloads/mini."""
    folder = fresh_dir(temporary_dir(AUDIO))
    for speaker in {utterance.speaker for utterance in utterances}:
        (folder / speaker).mkdir()
    paths = [str(_path(folder, utterance)) for utterance in utterances]
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(num_processes, mp_context=context, initializer=_end_with_parent) as pool:
        done = pool.map(_write, utterances, paths, chunksize=16)
        for _ in progress(done, "synthesis", total=len(utterances)):
            pass
    sync_tree(folder)
    write_atomic(folder / "made_from.json", made_from)
    swap_dir(folder, AUDIO)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next task for ever."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _write(utterance: Utterance, path: str) -> None:
    write_audio(Path(path), record(utterance), SAMPLE_RATE)


def _describe(utterances: list[Utterance], *, labelled: bool) -> KaldiDir:
    return KaldiDir(
        wavs={utterance.name: str(_path(AUDIO, utterance)) for utterance in utterances},
        utt2spk={utterance.name: utterance.speaker for utterance in utterances},
        text={utterance.name: utterance.words for utterance in utterances} if labelled else None,
    )


if __name__ == "__main__":
    run(options(), main)
