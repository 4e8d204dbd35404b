"""When a checkpoint is written, what is in it, and how a run goes on from it, at any optimizer step.

Written after each evaluation, every ``minutes`` between, and when a process was asked to stop. All processes act at
one step: what each wishes is summed together with the counts of the step that is about to begin, and the state saved is
that before it. Batches, masks and noise follow from the step alone; what does not is in the checkpoint.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from espnet_bljust.errors import InputError
from espnet_bljust.training.processes import Processes
from espnet_bljust.training.stopping import Stopped, requested
from espnet_bljust.weights.checkpoint import (
    CHECKPOINT,
    DAMAGED,
    PREVIOUS,
    REMEDY,
    Newest,
    load,
    load_newest,
    save_atomically,
    save_checkpoint,
)

log = logging.getLogger("espnet_bljust")


class Part(Protocol):
    """What a checkpoint holds."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> object: ...


class Position(NamedTuple):
    """How far a run has come."""

    step: int  # the last finished one
    scores: dict[int, float]  # dev CER of the evaluated epochs


class Saver:
    """Saves and restores ``shared`` parts, alike in all processes, and ``own`` ones, of each process."""

    def __init__(
        self, output_dir: Path, processes: Processes, *, shared: Mapping[str, Part | None], own: Mapping[str, Part],
        minutes: float,
    ) -> None:
        self.output_dir, self.processes, self.own = output_dir, processes, own
        self.shared = {name: part for name, part in shared.items() if part is not None}  # None: this run has none
        self.seconds = 60 * minutes or float("inf")
        self._saved(0)

    def wishes(self) -> tuple[float, float]:
        """(asked to stop, time for a checkpoint by the clock of the first process), each 0 or 1."""
        late = self.processes.first and time.monotonic() - self.since >= self.seconds
        return float(requested()), float(late)

    def heed(self, stop: float, late: float, position: Position) -> None:
        """At a step's end, what all processes together wish: save what is not saved yet, and stop if one must."""
        if (stop or late) and position.step > self.step:
            self.save(position)
        if stop:
            self.processes.sum([0.0])  # the first process has written before any ends
            raise Stopped(position.step, self.processes.first)

    def save(self, position: Position) -> None:
        """By all processes; the first one writes."""
        state = self._state(position)
        if self.processes.first:
            save_checkpoint(state, self.output_dir)
        self._saved(position.step)

    def keep(self, position: Position, name: str) -> None:
        """Beside the checkpoints, to `go_back` to; by all processes, none of which goes on before it is written."""
        state = self._state(position)
        if self.processes.first:
            save_atomically(state, self.output_dir / name)
        self.processes.sum([0.0])

    def go_back(self, name: str) -> Position:
        """To what was kept."""
        path = self.output_dir / name
        try:
            return self._restore(Newest(path, load(path, self.processes.device), None))
        except FileNotFoundError as error:
            raise InputError(f"{path}: not found, and the run is to go back to it. Restore a copy; or begin anew in "
                             "another experiment directory.") from error

    def _state(self, position: Position) -> dict:
        mine, *others = self.processes.gather({name: part.state_dict() for name, part in self.own.items()})
        states = {name: part.state_dict() for name, part in self.shared.items()}
        return {**states, **mine, "others": others, **position._asdict()}

    def resume(self) -> Position:
        """Give each part its state from the newest whole checkpoint, the same in all processes."""
        newest = load_newest(self.output_dir, self.processes.device)
        position = Position(0, {}) if newest is None else self._restore(newest)
        steps = self.processes.gather(position.step)
        if min(steps) < max(steps):
            raise InputError(f"{self.output_dir}: the processes read checkpoints of steps {min(steps)} and {max(steps)}"
                             ". Start again once all machines see the same files.")
        if newest is not None and self.processes.first:
            self._tell(newest, position.step)
        self._saved(position.step)
        return position

    def _restore(self, newest: Newest) -> Position:
        state = newest.state
        each = [state, *state.get("others", [])]
        own = each[min(self.processes.rank, len(each) - 1)]  # a process more than were saved takes the last one's
        try:
            for name, part in self.shared.items():
                part.load_state_dict(state[name])
            for name, part in self.own.items():
                if name in own or "others" in state:  # older checkpoints: at evaluations alone, where no sum is open
                    part.load_state_dict(own[name])
            return Position(state["step"], dict(state["scores"]))
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"{newest.path}: does not fit the model of train.yaml ({reason}). "
                             "Restore train.yaml, or train in another experiment directory.") from error

    def _tell(self, newest: Newest, step: int) -> None:
        """In one line; the damaged file is put aside, so that the next checkpoint does not push the whole one out."""
        line = f"going on from {newest.path}, step {step}"
        if newest.damage is not None:
            (self.output_dir / CHECKPOINT).replace(self.output_dir / DAMAGED)
            log.warning(f"{str(newest.damage).removesuffix(REMEDY)}, and is now {DAMAGED}; {line}")
        elif newest.path.name == PREVIOUS:
            log.warning(f"{self.output_dir / CHECKPOINT}: not there; {line}")
        else:
            log.info(line)

    def _saved(self, step: int) -> None:
        self.step, self.since = step, time.monotonic()
