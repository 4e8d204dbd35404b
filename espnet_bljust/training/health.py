"""Alarms over the rows of a run: what has gone wrong, since when, and what to change.

    at_chance      contrastive loss within 2 % of a guess after the warm-up: mean ln(negatives + 1), without those
                   that are the positive's own code
    collapsed      under two codes in use in any group
    plateau        CTC a token not 10 % below what the tokens' frequencies alone give, after the warm-up (take_off.py)
    drowned        one gradient at the trunk under a thousandth of the other in the joint phase
    all_empty      nothing is recognised in any dev utterance after half of the supervised steps
    skipped_steps  a loss or gradient that is not finite (stats.py names the utterances)
Each is counted in history.jsonl; one that lasts is raised again after as many steps as before. Counted without an
alarm, and named in the log: `infeasible`, utterances too short for their transcripts; `unreadable`, those whose audio
could not be read, once for every time they were due.
"""

import math
from collections import Counter

from espnet_bljust.training.take_off import NEAR

PATIENCE_STEPS = {"at_chance": 150, "collapsed": 50, "plateau": 500, "drowned": 200}
NEAR_CHANCE = 0.98
FEW_CODES = 2.0
DROWNED = 1e-3
LATE = 0.5  # of the supervised steps; before, CTC may still say blanks alone in a run that goes well
OF_UTTERANCES = ("infeasible", "unreadable")  # counted by each process, of its own
ALARMS = (*PATIENCE_STEPS, "all_empty")
NAMES = (*ALARMS, "skipped_steps", *OF_UTTERANCES)


class Health:
    """Looks at each logged row; what it remembers is in `state_dict`: a restarted run alarms at the same step."""

    def __init__(self, *, codes: int, token_nats: float = 0.0, plateau_steps: int = PATIENCE_STEPS["plateau"]) -> None:
        self.codes = codes  # of a group
        self.token_nats = token_nats  # a token's cost by its frequency alone
        self.patience = {**PATIENCE_STEPS, "plateau": plateau_steps}
        self.counts = Counter(dict.fromkeys(NAMES, 0))
        self.lasting = dict.fromkeys(PATIENCE_STEPS, 0)  # steps since which each has been so
        self.last_step = self.known_skips = 0

    def look(self, row: dict, step: int, settled: bool) -> list[str]:
        """Alarms, in words, at this row of history.jsonl; ``settled``: the phase's warm-up is over."""
        alarms = []
        passed, self.last_step = step - self.last_step, step
        for name, words in self._found(row, settled).items():
            if words is not None:  # None: cannot be told at this row
                self.lasting[name] = self.lasting[name] + passed if words else 0
            if words and self.lasting[name] >= self.patience[name]:
                alarms.append(words.format(steps=self.lasting[name]))
                self.counts[name] += 1
                self.lasting[name] = 0
        if self.counts["skipped_steps"] > self.known_skips:
            alarms.append(f"{self.counts['skipped_steps'] - self.known_skips} steps were not finite and moved nothing. "
                          "Look at the utterances named above; without fault in them, lower the learning rates.")
            self.known_skips = self.counts["skipped_steps"]
        return alarms

    def look_at_dev(self, empty: float, supervised_share: float) -> list[str]:
        """The same at an evaluation; of its hypotheses a share is ``empty``, of the supervised steps one is done."""
        if empty < 1 or supervised_share < LATE:
            return []
        self.counts["all_empty"] += 1
        return [f"nothing is recognised in any dev utterance after {supervised_share:.0%} of the supervised steps: CTC "
                "says blanks alone. Lower the rates of theta and phi, set take_off: retry, or train longer "
                "(plan_conf.joint_steps); init_from published weights needs the fewest steps."]

    def _found(self, row: dict, settled: bool) -> dict[str, str | None]:
        return {"at_chance": _at_chance(row, settled), "collapsed": self._collapsed(row),
                "plateau": self._plateau(row, settled), "drowned": _drowned(row)}

    def _plateau(self, row: dict, settled: bool) -> str | None:
        cost = row["ctc_token"]
        if not _known(cost) or not self.token_nats:
            return None
        if not settled or cost < NEAR * self.token_nats:
            return ""
        return (f"CTC costs {cost:.2f} nats a token since {{steps}} steps, about what the tokens' frequencies alone "
                f"give ({self.token_nats:.2f}). Lower the rates of theta and phi, let augmentation begin later "
                "(plan_conf.augment_start), or set take_off: retry.")

    def _collapsed(self, row: dict) -> str | None:
        used = min(row["code_perplexity"] or [0.0])
        if not _known(used) or used < 1:  # no target in all these steps
            return None
        if used >= min(FEW_CODES, self.codes / 2):
            return ""
        accuracy = row["ssl_accuracy"]
        return (f"the codebook collapsed: {used:.2f} of {self.codes} codes of a group are in use, "
                + (f"accuracy {100 * accuracy:.0f} %, " if _known(accuracy) else "no frame has a negative, ")
                + "since {steps} steps. Go back to a kept epoch and lower the rates of theta and eta, or raise "
                "ssl_conf.diversity_weight.")

    def state_dict(self) -> dict:
        """Plain data, for the checkpoint."""
        return {"counts": dict(self.counts), "lasting": dict(self.lasting), "last_step": self.last_step,
                "known_skips": self.known_skips}

    def load_state_dict(self, state: dict) -> None:
        self.counts.update({name: state["counts"].get(name, 0) - self.counts[name] for name in NAMES})
        self.lasting = dict.fromkeys(PATIENCE_STEPS, 0) | state["lasting"]
        self.last_step, self.known_skips = state["last_step"], state["known_skips"]


def _known(*values: float | None) -> bool:
    """Whether they can be judged: a step that was not finite is counted elsewhere."""
    return all(value is not None and math.isfinite(value) for value in values)


def _at_chance(row: dict, settled: bool) -> str | None:
    if not _known(row["contrastive"], row["contrastive_guess"]):
        return None
    if not settled or row["contrastive"] < NEAR_CHANCE * row["contrastive_guess"]:
        return ""
    return (f"contrastive loss {row['contrastive']:.3f} is that of a guess ({row['contrastive_guess']:.3f}) since "
            "{steps} steps. Make the task easier (masking_conf: pool_probability, pool_span), raise "
            "the rates of theta and eta, or set trunk_conf.extractor_init=averaging (wav2vec2's alone).")


def _drowned(row: dict) -> str | None:
    """Told where both pulls are known and gamma asks for both."""
    supervised, penalty = row["norm_f"], row["norm_g"]
    if not _known(supervised, penalty) or row["gamma"] == 0 or row["phase"] != "joint":
        return None
    if min(supervised, penalty) >= DROWNED * max(supervised, penalty):
        return ""
    which, remedy = ("self-supervised", "Raise plan_conf.gamma_max") if penalty < supervised else (
        "supervised", "Lower plan_conf.gamma_max")
    return (f"the {which} gradient is drowned: ||grad f|| {supervised:.3g}, gamma ||grad g|| {penalty:.3g} at gamma "
            f"{row['gamma']:.3g}, since {{steps}} steps. {remedy}, or set plan_conf.gamma_unit=balanced.")
