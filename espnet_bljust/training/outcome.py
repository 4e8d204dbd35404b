"""What came of a phase, by history.jsonl: alarms, steps that moved nothing, and whether anything was trained at all.

A phase is dead where most of its steps were not finite, where no gradient came to any parameter, or where all rates
were 0: its weights are those before it, or come from the few steps that broke them.
"""

from collections.abc import Sequence

from espnet_bljust.errors import InputError
from espnet_bljust.scoring.history import History, Row
from espnet_bljust.training.health import ALARMS, OF_UTTERANCES

DEAD_SHARE = 0.5  # of the steps


def told(history: History, first: int, last: int, folder: str) -> str:
    """Alarms and passed-over steps and utterances between the optimizer steps ``first`` and ``last``, in one clause.

    Empty where there were none. InputError where the phase is dead; folder: of the experiment, for the words.
    """
    rows = [row for row in history.train if first <= row["step"] <= last]
    skipped = _counted(history, "skipped_steps", first, last)
    refuse_dead(rows, skipped, last - first + 1, folder)
    alarms = {name: _counted(history, name, first, last) for name in ALARMS}
    lost = {name: _counted(history, name, first, last) for name in OF_UTTERANCES}
    words = [f"ALARMS: {', '.join(f'{name} {count}' for name, count in alarms.items() if count)} (see the log)"] * any(
        alarms.values())
    if skipped:
        words.append(f"{skipped} of {last - first + 1} steps were not finite and moved nothing")
    if lost["infeasible"]:
        words.append(f"utterances too short for their transcripts came up {lost['infeasible']} times, without a loss")
    if lost["unreadable"]:
        words.append(f"unreadable audio was passed over {lost['unreadable']} times: {folder}/unreadable_*.txt")
    return "; ".join(words)


def refuse_dead(rows: Sequence[Row], skipped: int, steps: int, folder: str) -> None:
    """InputError where the steps of ``rows``, of which so many were ``skipped``, trained nothing."""
    why = ""
    if skipped >= DEAD_SHARE * steps:
        why = (f"{skipped} of {steps} steps were not finite and moved nothing. Look at the utterances that the log "
               "names; without fault in them, lower the learning rates: the training begins anew then.")
    elif rows and all(row.get("grad_norm") == 0 for row in rows):
        why = ("no gradient came to any parameter: nothing was trained. Look whether freeze_param leaves any, and "
               "whether the audio of this phase is long enough to learn from (stats.md).")
    elif rows and all(value == 0 for row in rows for name, value in row.items() if name.startswith("lr_")):
        why = f"all rates were 0: nothing was trained. Set plan_conf.{rows[-1].get('phase')}_rates."
    if why:
        raise InputError(f"{folder}: {why}")


def _counted(history: History, name: str, first: int, last: int) -> int:
    """A counter's growth over these steps; it grows over the whole run, on rows of either kind."""
    rows = sorted((row for row in [*history.train, *history.valid] if name in row and row["step"] <= last),
                  key=lambda row: (row["step"], row.get("kind") == "valid"))
    before = [row[name] or 0 for row in rows if row["step"] < first]
    return int((rows[-1][name] or 0) - (before[-1] if before else 0)) if rows else 0
