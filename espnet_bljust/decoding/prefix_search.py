"""CTC prefix beam search, vectorised over the prefixes of the beam; every frame is a few dozen array operations.

    ln p(prefix) = ln [Σ paths that end in blank + Σ paths that end in the prefix's last token]
    score(prefix) = ln p(prefix) + gain        gain: language model and bonus, from a grammar (grammars.py)

A prefix is its history of labels, its node in the lexicon and its last token. Paths that come to the same prefix are
summed, so with a beam that cuts nothing every score is the sum over all paths.
Source: Hannun et al., arXiv:1408.2873, algorithm 1; Graves, ICML 2006, section 4.
"""

from typing import NamedTuple

import numpy as np

from espnet_bljust.decoding.grammars import NOTHING, Arcs, Grammar, Place

BLANK = 0
CROWD = 8  # arcs looked at for each prefix that is kept


class Labelling(NamedTuple):
    """One result: what the grammar counts, tokens or words, and its score."""

    labels: tuple[int, ...]
    score: float


class _Beam(NamedTuple):
    """The prefixes that are kept, one row each."""

    history: np.ndarray  # (prefix,) number in _Histories
    before: np.ndarray  # (prefix,) that of the history without its last label
    label: np.ndarray  # (prefix,) the last label of the history
    node: np.ndarray  # (prefix,) of the lexicon
    state: np.ndarray  # (prefix,) of the language model
    token: np.ndarray  # (prefix,) the last one; blank before the first
    blank: np.ndarray  # (prefix,) ln Σ of the paths that end in blank
    nonblank: np.ndarray  # (prefix,) ln Σ of the others
    gain: np.ndarray  # (prefix,)


class _Histories:
    """Label strings as numbers; 0 is the empty one."""

    def __init__(self) -> None:
        self.number: dict[tuple[int, int], int] = {}
        self.pairs = [(0, NOTHING)]

    def extend(self, history: int, label: int) -> int:
        pair = (history, label)
        number = self.number.setdefault(pair, len(self.pairs))
        if number == len(self.pairs):
            self.pairs.append(pair)
        return number

    def labels(self, history: int) -> tuple[int, ...]:
        backwards = []
        while history:
            history, label = self.pairs[history]
            backwards.append(label)
        return tuple(reversed(backwards))


class PrefixSearch:
    """``beam_size`` prefixes are kept after a frame, those within ``beam_threshold`` nats of the best."""

    def __init__(self, grammar: Grammar, beam_size: int, beam_threshold: float) -> None:
        self.grammar, self.beam_size, self.beam_threshold = grammar, beam_size, beam_threshold

    def __call__(self, log_probability: np.ndarray) -> list[Labelling]:
        """log_probability: (frame, token), blank first, -inf for what is not tried -> label strings, best first.

        Where every prefix stands inside a word at the end, they count without it.
        """
        histories = _Histories()
        beam = self._first()
        for frame in log_probability:
            beam = self._step(beam, frame, histories)
        return self._finish(beam, histories)

    def _first(self) -> _Beam:
        zero = np.zeros(1, np.int64)
        return _Beam(zero, zero, zero + NOTHING, zero, zero + self.grammar.start, zero + BLANK, np.zeros(1),
                     np.full(1, -np.inf), np.zeros(1))

    def _step(self, beam: _Beam, frame: np.ndarray, histories: _Histories) -> _Beam:
        total = np.logaddexp(beam.blank, beam.nonblank)
        arcs = self.grammar.arcs(Place(beam.node, beam.state), frame > -np.inf)
        again = arcs.token == beam.token[arcs.parent]  # a token behind itself needs a blank between
        mass = np.where(again, beam.blank[arcs.parent], total[arcs.parent]) + frame[arcs.token]
        arcs, mass = self._crowd(beam, arcs, mass, len(frame))
        stayed = beam._replace(blank=total + frame[BLANK], nonblank=beam.nonblank + frame[beam.token])
        grown = self._grown(beam, arcs, mass)
        merged = self._cut(_merge(stayed, grown))
        return self._settle(merged, histories)

    def _crowd(self, beam: _Beam, arcs: Arcs, mass: np.ndarray, num_tokens: int) -> tuple[Arcs, np.ndarray]:
        """Only arcs that may enter the beam, or flow into one of its prefixes."""
        score = mass + beam.gain[arcs.parent] + arcs.gain
        count = CROWD * self.beam_size
        if len(score) <= count:
            return arcs, mass
        held = np.zeros(num_tokens, bool)
        held[beam.token] = True
        chosen = np.flatnonzero(held[arcs.token] | (score >= np.partition(score, -count)[-count]))
        return Arcs(*(column[chosen] for column in arcs)), mass[chosen]

    def _grown(self, beam: _Beam, arcs: Arcs, mass: np.ndarray) -> _Beam:
        """The prefixes behind arcs; a new history has no number yet, and the state before its label."""
        parent, labelled = arcs.parent, arcs.label != NOTHING
        return _Beam(
            history=np.where(labelled, NOTHING, beam.history[parent]),
            before=np.where(labelled, beam.history[parent], beam.before[parent]),
            label=np.where(labelled, arcs.label, beam.label[parent]),
            node=arcs.node,
            state=beam.state[parent],
            token=arcs.token,
            blank=np.full(len(mass), -np.inf),
            nonblank=mass,
            gain=beam.gain[parent] + arcs.gain,
        )

    def _cut(self, beam: _Beam) -> _Beam:
        score = np.logaddexp(beam.blank, beam.nonblank) + beam.gain
        least = score.max() - self.beam_threshold
        if len(score) > self.beam_size:
            kept = np.argpartition(-score, self.beam_size - 1)[: self.beam_size]
            kept = kept[score[kept] >= least]
        else:
            kept = np.flatnonzero(score >= least)
        return _Beam(*(column[kept] for column in beam))

    def _settle(self, beam: _Beam, histories: _Histories) -> _Beam:
        """Numbers for new histories, and the states behind their labels."""
        new = np.flatnonzero(beam.history == NOTHING)
        if len(new):
            beam.state[new] = self.grammar.advance(beam.state[new], beam.label[new])
            pairs = zip(beam.before[new].tolist(), beam.label[new].tolist(), strict=True)
            beam.history[new] = [histories.extend(*pair) for pair in pairs]
        return beam

    def _finish(self, beam: _Beam, histories: _Histories) -> list[Labelling]:
        ending = self.grammar.finish(Place(beam.node, beam.state))
        score = np.logaddexp(beam.blank, beam.nonblank) + beam.gain + ending.gain
        rows = np.flatnonzero(ending.whole) if ending.whole.any() else range(len(score))
        sums: dict[tuple[int, ...], float] = {}
        for row in rows:
            last = (int(ending.label[row]),) if ending.label[row] != NOTHING else ()
            labels = histories.labels(int(beam.history[row])) + last
            sums[labels] = float(np.logaddexp(sums.get(labels, -np.inf), score[row]))
        return sorted((Labelling(*each) for each in sums.items()), key=lambda one: (-one.score, one.labels))


def _merge(stayed: _Beam, grown: _Beam) -> _Beam:
    """One row a prefix: its paths summed; the rest is the same in all its rows but for history and state, which the
    first row, one that stayed if there is one, has right."""
    every = _Beam(*(np.concatenate(columns) for columns in zip(stayed, grown, strict=True)))
    order = np.lexsort((every.token, every.node, every.label, every.before))
    same = np.ones(len(order) - 1, bool)
    for key in (every.token, every.node, every.label, every.before):
        same &= key[order[1:]] == key[order[:-1]]
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    merged = _Beam(*(column[order[first]] for column in every))
    return merged._replace(nonblank=np.logaddexp.reduceat(every.nonblank[order], first))
