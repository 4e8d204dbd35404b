"""history.jsonl: one JSON object a line for every logged step and every evaluation, and the same in TensorBoard."""

import json
import math
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from espnet_bljust.disk.files import sync, write_atomic
from espnet_bljust.errors import InputError


class History:
    """Appends rows; a resumed run first forgets the rows beyond its checkpoint, so that no step stands twice."""

    def __init__(self, output_dir: Path, resumed_step: int, evaluated: bool = True) -> None:
        """``evaluated``: whether the evaluation after that step, where there is one, is in the checkpoint."""
        self.path = output_dir / "history.jsonl"
        kept = [line for number, line in enumerate(self._lines(), 1)
                if self._place(number, line) <= (resumed_step, evaluated)]
        write_atomic(self.path, "".join(kept))
        self.writer = SummaryWriter(str(output_dir / "tensorboard"), purge_step=resumed_step + 1)

    def _lines(self) -> list[str]:
        """Whole lines; a run that was killed while it wrote leaves half a line at the end."""
        if not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8", errors="replace")
        return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def _place(self, number: int, line: str) -> tuple[int, bool]:
        """(step, whether it is that of an evaluation, which comes after the step's own row)."""
        try:
            row = json.loads(line)
            return int(row["step"]), row.get("kind") == "valid"
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.path}:{number}: not a line of history. Remove it, and start again.") from error

    def add(self, kind: str, step: int, values: dict) -> None:
        """``kind`` is train or valid; a value that does not exist or is not finite is null; of a list, each."""
        row = {name: _plain(value) for name, value in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps({"kind": kind, "step": step, **row}) + "\n")
            sync(file)  # a checkpoint may follow, after which the row is not made again
        for name, value in row.items():
            for place, number in enumerate(value if isinstance(value, list) else [value], 1):
                if isinstance(number, float):
                    self.writer.add_scalar(f"{kind}/{name}" + f"_{place}" * isinstance(value, list), number, step)

    def close(self) -> None:
        self.writer.close()


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
