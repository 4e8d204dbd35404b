"""The audio of an indexed pool, by the number of an utterance: what ESPnet's dataset is by id, without its tables."""

import numpy as np
from espnet2.train.dataset import AbsDataset

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.feeding.pool_index import PoolIndex
from espnet_bljust.errors import InputError


class IndexedDataset(AbsDataset):
    """Audio alone, as stage 3 left it; ``dtype`` is training's."""

    def __init__(self, index: PoolIndex, dtype: str) -> None:
        self.index, self.dtype = index, dtype

    def __getitem__(self, number: int) -> tuple[str, dict[str, np.ndarray]]:
        utterance, entry = self.index.entry(number)
        try:
            samples, _ = read_audio(entry)
        except InputError as error:
            raise InputError(f"{utterance}: {error}") from None
        due = int(self.index.samples(number, number + 1)[0])
        if len(samples) != due:
            raise InputError(f"{utterance}: {entry}: {len(samples)} of {due} samples are there. Run stage 3 again.")
        return utterance, {"speech": samples.astype(self.dtype, copy=False)}

    def has_name(self, name: str) -> bool:
        return name == "speech"

    def names(self) -> tuple[str, ...]:
        return ("speech",)
