"""What stage 7 refuses: transcripts that are too long for CTC, and parameters to freeze that do not exist."""

import difflib
import math
from collections.abc import Callable, Collection
from itertools import zip_longest
from pathlib import Path

from espnet_bljust.data.kaldi.sorted_tables import walk_samples, walk_sorted
from espnet_bljust.data.text.tokens import load_tokenizer
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.planning.data_settings import Data
from espnet_bljust.weights.own_files import NetworkSettings


def check_feasible(
    settings: NetworkSettings, num_frames: Callable[[int], int], data: Data, path: Path | None
) -> None:
    """Every labelled utterance needs a frame a token and one more between equal neighbours; offenders are listed.

    A class head has one frame, so to speak, for one word. num_frames: of so many samples; path: of the list; without
    it the error names the labelled set.
    """
    classes = settings.shape.head.kind == "mean"
    tokenizer = load_tokenizer(settings.token_type, settings.tokens, settings.bpe_model)
    offenders = []
    for folder in (data.train_dir, data.valid_dir):
        shape_file = folder / "utt2num_samples"
        for transcript, (utterance, samples) in zip_longest(
            walk_sorted(folder / "text"), walk_samples(shape_file), fillvalue=("", 0)
        ):
            if transcript[0] != utterance:
                odd = min(filter(None, (transcript[0], utterance)))  # both are sorted
                raise InputError(f"{shape_file}: {odd} is not in it and in text. Run stage 4 again.")
            ids = tokenizer.encode(transcript[1])
            needed = len(ids) + sum(first == second for first, second in zip(ids, ids[1:], strict=False))
            frames = min(num_frames(samples), 1 if classes else math.inf)
            if frames < needed:
                offenders.append(f"{utterance} {frames} frames {needed} needed")
    if path:
        path.unlink(missing_ok=True)  # of an earlier call
    if offenders:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, "\n".join(offenders) + "\n")
        raise InputError(f"{path or data.train_dir}: {len(offenders)} utterances have fewer "
                         f"frames than their transcripts need in CTC, the first: {offenders[0]}. "
                         + ("Write one word, the class, as the text of each, with token_type word." if classes else
                            "Use longer units (token_type bpe or word), or raise min_wav_duration."))


def check_frozen(frozen: Collection[str], names: Collection[str]) -> None:
    """Every entry of freeze_param begins a parameter's name, up to a point; ESPnet passes over one that begins none."""
    full = [f"network.{name}" for name in names]
    known = {".".join(name.split(".")[:count]) for name in full for count in range(1, name.count(".") + 2)}
    for entry in frozen:
        if entry not in known:
            near = difflib.get_close_matches(entry, sorted(known), 1, 0)
            raise InputError(f"freeze_param: the network has no parameter {entry!r}. Did you mean {near[0]}?")
