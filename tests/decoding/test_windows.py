"""Cutting recordings: every frame once, cuts where it is quiet, stretches from pause to pause."""

import numpy as np
import pytest
import torch

from espnet_bljust.decoding.windows import LONGEST_STRETCH, MARGIN, frames_of, stretches, windows
from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.heads.ctc import greedy

CONFIG = TrunkConfig()
HOP = 320


def positions(samples):
    """A network whose frame f says at which sample it stands: the recording holds its own sample numbers."""
    return [torch.stack([wave[HOP * frame] for frame in range(CONFIG.num_frames(len(wave)))])[:, None]
            if CONFIG.num_frames(len(wave)) else torch.zeros(0, 1) for wave in samples]  # fmt: skip


def in_blocks(samples, size=123_457):
    return iter(np.split(samples, range(size, len(samples), size)))


@pytest.mark.parametrize("num_samples", [1, 399, 400, 719, 720, 16000 * 7 + 13, 16000 * 33, 16000 * 61 + 399])
@pytest.mark.parametrize("longest_seconds", [3.0, 20.0])
def test_the_cores_hold_every_frame_once_and_in_order(num_samples, longest_seconds):
    samples = np.arange(num_samples, dtype=np.float32)
    parts = list(frames_of(windows(in_blocks(samples), longest_seconds, CONFIG), positions))
    assert torch.cat(parts)[:, 0].tolist() == [HOP * frame for frame in range(CONFIG.num_frames(num_samples))]


def test_no_window_is_longer_than_its_core_and_two_margins():
    samples = np.random.default_rng(0).standard_normal(16000 * 300).astype(np.float32)
    assert max(len(window.samples) for window in windows(in_blocks(samples), 10.0, CONFIG)) <= 12.1 * 16000


def test_cuts_lie_in_pauses():
    rng = np.random.default_rng(1)
    samples = rng.standard_normal(16000 * 60).astype(np.float32)
    pauses = [(start, start + 8000) for start in range(16000 * 4, len(samples), 16000 * 5)]
    for start, end in pauses:
        samples[start:end] *= 0.01
    cut = 0
    for window in windows(in_blocks(samples), 12.0, CONFIG):
        if window.keep is not None:
            cut += window.keep * HOP
            assert any(start < cut < end for start, end in pauses)
    assert cut > len(samples) - 13 * 16000


@pytest.mark.parametrize("size", [1, 4999, 160_000, 10**7])
def test_windows_are_those_of_the_whole_recording_whatever_its_blocks(size):
    """Cuts by the plain rule: the quietest of 15 frames in the second half of what the longest window holds."""
    samples = np.random.default_rng(2).standard_normal((60 if size > 1 else 3) * 16000 + 77).astype(np.float32)
    longest = 400 if size > 1 else 40
    energy = np.square(samples[: len(samples) // HOP * HOP].reshape(-1, HOP).astype(float)).mean(1)
    loudness = [energy[max(0, frame - 7) : frame + 8].sum() for frame in range(len(energy))]
    cuts = [0]
    while len(energy) - cuts[-1] > longest:
        places = range(cuts[-1] + longest // 2, cuts[-1] + longest)
        cuts.append(min(places, key=lambda frame: loudness[frame]))
    found = list(windows(in_blocks(samples, size), longest * HOP / 16000, CONFIG))
    assert [window.keep for window in found] == [*np.diff(cuts).tolist(), None]
    for first, end, window in zip(cuts, [*cuts[1:], len(samples)], found, strict=True):
        seen = samples[max(0, first - MARGIN) * HOP : (end + MARGIN) * HOP + 80]
        assert window.skip == min(first, MARGIN) and np.array_equal(window.samples, seen)


def spoken(num_frames, seed, spoken_share=0.1):
    """Log probabilities with runs of blank of all lengths."""
    rng = np.random.default_rng(seed)
    path = np.where(rng.random(num_frames) < spoken_share, rng.integers(1, 4, num_frames), 0)
    frames = torch.full((num_frames, 4), -5.0)
    frames[torch.arange(num_frames), torch.from_numpy(path)] = 0.0
    return frames


@pytest.mark.parametrize(("seed", "share", "size"), [(0, 0.1, 700), (1, 0.03, 10**6), (2, 0.9, 900), (3, 0.01, 37)])
def test_stretches_hold_every_frame_once_and_greedy_search_finds_the_same_in_them(seed, share, size):
    frames = spoken(9000, seed, share)
    found = list(stretches(frames.split(size)))
    assert torch.equal(torch.cat([part for _, part in found]), frames)
    assert [first for first, _ in found] == np.cumsum([0, *(len(part) for _, part in found)])[:-1].tolist()
    assert [token for _, part in found for token in greedy(part, [len(part)])[0]] == greedy(frames, [9000])[0]
    assert max(len(part) for _, part in found) <= LONGEST_STRETCH + size if size < 10**6 else len(found) > 1


def test_speech_without_any_blank_still_ends_somewhere():
    frames = torch.zeros(20000, 3)
    frames[:, 1] = 1.0
    assert sum(len(part) for _, part in stretches(frames.split(1000))) == 20000
