"""After training: the utterances whose transcripts fit worst to what the model hears, to mend data by.

    -ln P(transcript | audio) / characters of the transcript,   P by the supervised head; without spaces
The worst of the labelled set are wrong transcripts far more often than hard speech: the model has been trained on them.
Listed with what was recognised greedily. An utterance without a CTC path, or that cannot be read, has the loss inf.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from espnet_bljust.data.kaldi.copies import original_of
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.decoding.heard import heard
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.decoding.tuning import every_nth
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.settings_file import run_settings
from espnet_bljust.network.heads.ctc import BLANK, needed_frames
from espnet_bljust.progress import progress
from espnet_bljust.units import SAMPLE_RATE

MOST_HOURS = 5.0  # of a set; of more every n-th utterance is heard
WORST = 100  # listed, of each set
BATCH = 8  # utterances
SETS = {"train": "train", "valid": "dev"}  # names in train.yaml, and in the names of the lists


class Loss(NamedTuple):
    """Of one utterance."""

    per_character: float  # nats
    utterance: str
    seconds: float
    transcript: str
    recognised: str

    def line(self) -> str:
        return (f"{self.per_character:.3f}\t{self.utterance}\t{self.seconds:.2f}\t{self.transcript}\t"
                f"{self.recognised}\n")


def write_worst(exp_dir: Path, weights: Path) -> list[str]:
    """worst_train.txt and worst_dev.txt of an experiment; what each is, in words. A set that is gone has none."""
    settings, told = run_settings(exp_dir), []
    device = "cuda" if torch.cuda.is_available() else "cpu"
    recogniser = Recogniser.from_experiment(exp_dir, weights, device)
    for key, name in SETS.items():
        sources = settings.get(f"{key}_data_path_and_name_and_type") or [["", "", ""]]
        folder = Path(sources[0][0]).parent
        if not all((folder / table).is_file() for table in ("wav.scp", "text", "utt2num_samples")):
            continue
        names, count = chosen(folder)
        losses = sorted(losses_of(recogniser, folder, names), key=lambda loss: (-loss.per_character, loss.utterance))
        path = exp_dir / f"worst_{name}.txt"
        head = "# nats a character\tutterance\tseconds\ttranscript\trecognised\n"
        write_atomic(path, head + "".join(loss.line() for loss in losses[:WORST]))
        told.append(f"{path}: the {min(WORST, len(losses))} of {len(names)} utterances that fit worst"
                    + (f" (every {round(count / len(names))}th heard)" if len(names) < count else ""))
    return told


def chosen(folder: Path) -> tuple[list[str], int]:
    """Utterances to hear, copies at other speeds left out where their original is there; of how many."""
    samples = {name: int(count.split(",")[0]) for name, count in read_table(folder / "utt2num_samples").items()}
    originals = [name for name in sorted(samples) if original_of(name) == name or original_of(name) not in samples]
    return list(every_nth(originals, samples, MOST_HOURS * 3600 * SAMPLE_RATE)), len(originals)


def losses_of(recogniser: Recogniser, folder: Path, names: list[str]) -> Iterator[Loss]:
    """Of each of ``names``."""
    text, wav = read_table(folder / "text"), read_table(folder / "wav.scp")
    batches = [names[first : first + BATCH] for first in range(0, len(names), BATCH)]
    for batch in progress(batches, f"loss of {folder}", unit="batch"):
        waves = [heard(wav[name]) for name in batch]
        for name, wave, frames in zip(batch, waves, recogniser.log_probabilities(waves), strict=True):
            loss = loss_of(frames, torch.tensor(recogniser.tokenizer.encode(text[name])))
            characters = max(1, len("".join(text[name].split())))
            yield Loss(loss / characters, name, len(wave) / SAMPLE_RATE, text[name], recogniser.nbest(frames)[0].text)


def loss_of(log_probability: torch.Tensor, label: torch.Tensor) -> float:
    """Nats; inf without a path. log_probability (frame, token), label (token,)."""
    if needed_frames(label) > len(log_probability):
        return math.inf
    frames = log_probability.cpu().double()[:, None]
    return float(F.ctc_loss(frames, label[None], torch.tensor([len(frames)]), torch.tensor([len(label)]), blank=BLANK,
                            reduction="sum"))
