"""The segments of a plan: consecutive optimizer steps of one phase, and how each method lays them out.

Algorithm 1 of Saif et al. (arXiv:2412.08548), `schedule: paper`:
    for k = 1 .. K      exploration, N1 steps;  joint, N2 steps with gamma_k = (k - 1) gamma_max / K
    final, N3 steps
`schedule: once` runs exploration once, joint once, then final. The baselines spend the same numbers of steps
(or passes) on either kind of audio; L of labelled and P of pool audio:
    supervised      L final steps
    ptft            P exploration steps, then L final steps: pre-training, then fine-tuning
    weighted_sum    K (N1 + N2) + N3 joint steps on f + gamma g, gamma fixed; batches are scaled to equal passes
    alternating     L steps on f and P steps on gamma g, evenly mixed, each at the newest point
"""

from dataclasses import dataclass

PHASES = ("exploration", "joint", "final")
BASELINES = ("ptft", "supervised", "weighted_sum", "alternating")


@dataclass(frozen=True)
class Segment:
    """Consecutive optimizer steps of one phase; gamma^(1 / power) runs linearly over them.

    ``turns``: how many of the steps descend f alone and how many gamma g alone; None where each step has its
    phase's losses.
    """

    phase: str
    num_steps: int
    cycle: int = 1
    gamma_first: float = 0.0  # before the first step
    gamma_last: float = 0.0  # at the last step
    power: float = 1.0
    turns: tuple[int, int] | None = None

    def gamma(self, step: int) -> float:
        """Gamma at the ``step``-th (1-based) step of this segment."""
        first, last = self.gamma_first ** (1 / self.power), self.gamma_last ** (1 / self.power)
        return (first + (last - first) * step / self.num_steps) ** self.power

    def supervised_turns(self, step: int) -> int:
        """How many of the first ``step`` steps descend f, where both losses take turns."""
        return step * self.turns[0] // self.num_steps


@dataclass(frozen=True)
class Gamma:
    """gamma_max times a power of the share of the joint phase that is over.

    ``power`` 0 is a constant, 1 a line. By ``cycle``, the share is (k - 1) / K for all of cycle k (Algorithm 1); by
    ``step``, it climbs to 1 at the last joint step.
    """

    maximum: float
    power: float = 1.0
    per: str = "cycle"

    def joint(self, num_steps: int, cycle: int, cycles: int) -> Segment:
        """The joint segment of one cycle."""
        first = self.maximum * ((cycle - 1) / cycles) ** self.power
        if self.per == "cycle" or self.power == 0:
            return Segment("joint", num_steps, cycle, first, first)
        return Segment("joint", num_steps, cycle, first, self.maximum * (cycle / cycles) ** self.power, self.power)


def paper_segments(cycles: int, exploration: int, joint: int, final: int, gamma: Gamma) -> list[Segment]:
    """Algorithm 1: exploration in every cycle."""
    segments = []
    for cycle in range(1, cycles + 1):
        segments += [Segment("exploration", exploration, cycle), gamma.joint(joint, cycle, cycles)]
    return _without_empty([*segments, Segment("final", final, cycles)])


def once_segments(cycles: int, exploration: int, joint: int, final: int, gamma: Gamma) -> list[Segment]:
    """The exploration steps of all cycles first, then the joint steps of all cycles, then final."""
    joints = [gamma.joint(cycles * joint, 1, 1)] if gamma.per == "step" else [
        gamma.joint(joint, cycle, cycles) for cycle in range(1, cycles + 1)]
    return _without_empty([Segment("exploration", cycles * exploration), *joints, Segment("final", final, cycles)])


def baseline_segments(method: str, num_steps: int, labelled: int, pool: int, gamma_max: float) -> list[Segment]:
    """A baseline's segments beside a BL-JUST plan of ``num_steps``, of which so many use either kind of audio."""
    if method == "weighted_sum":
        return [Segment("joint", num_steps, 1, gamma_max, gamma_max)]
    if method == "alternating":
        return [Segment("joint", labelled + pool, 1, gamma_max, gamma_max, turns=(labelled, pool))]
    return _without_empty([Segment("exploration", pool if method == "ptft" else 0), Segment("final", labelled)])


def _without_empty(segments: list[Segment]) -> list[Segment]:
    return [segment for segment in segments if segment.num_steps]
