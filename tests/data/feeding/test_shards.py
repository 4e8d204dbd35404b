"""Large pools: an index that costs a process nothing, and batches of shards, each utterance once a pass."""

import pickle
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.data.feeding.pool_index import PoolIndex, write_index
from espnet_bljust.data.feeding.shards import SHARD, WINDOW, ShardStream, first_batches
from espnet_bljust.errors import InputError

few = settings(max_examples=40, deadline=None, derandomize=True)
fewer = settings(few, max_examples=6)
SAMPLES = st.lists(st.integers(1000, 400_000), min_size=1, max_size=300)


def names(count):
    return [f"spk{number // 7:05d}-{number:06d}" for number in range(count)]


def make_index(folder, samples):
    """Tables as stage 4 leaves them, ids and paths of all lengths, and their index."""
    ids = names(len(samples))
    wavs = [f"{name} dump/{'x' * (number % 9)}/data.ark:{number}\n" for number, name in enumerate(ids)]
    (folder / "wav.scp").write_text("".join(wavs))
    (folder / "utt2num_samples").write_text("".join(f"{name} {n}\n" for name, n in zip(ids, samples, strict=True)))
    return write_index(folder, folder / "pool.index")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module")
def thousands(tmp_path_factory):
    """5000 utterances of 1 to 25 s."""
    samples = np.random.default_rng(0).integers(16_000, 400_000, 5000).tolist()
    return make_index(tmp_path_factory.mktemp("thousands"), samples), samples


def one_pass(stream, epoch):
    count = stream.batches_per_pass
    return [stream.at(position) for position in range(epoch * count, (epoch + 1) * count)]


def order(stream, epoch):
    return [number for _, batch in one_pass(stream, epoch) for number in batch]


@few
@given(SAMPLES, st.integers(1, 9), st.integers(1, 6), st.integers(2000, 4_000_000), st.integers(0, 3))
def test_every_utterance_stands_exactly_once_in_every_pass_and_no_batch_is_empty(
    folder, samples, shard, window, budget, epoch
):
    index = make_index(folder, samples)
    try:
        stream = ShardStream(index, budget, 0, "pool", shard=shard, window=window)
    except InputError as error:
        assert "more than a window of shards has" in str(error)
        assert budget > sum(samples) / -(-len(samples) // (shard * window)) * 2 / 3
        return
    batches = one_pass(stream, epoch)
    assert {number for number, _ in batches} == {epoch} and all(batch for _, batch in batches)
    assert Counter(number for _, batch in batches for number in batch) == Counter(range(len(samples)))


def test_batches_hold_their_budget_but_for_one_utterance_and_the_rounding_of_a_window(thousands):
    index, samples = thousands
    stream = ShardStream(index, 87.5 * 16000, 0, "pool", shard=16, window=32)
    sizes = [sum(samples[number] for number in batch) for _, batch in one_pass(stream, 1)]
    assert len(sizes) == round(sum(samples) / (87.5 * 16000))
    assert max(sizes) <= 1.02 * 87.5 * 16000 + max(samples)


@fewer
@given(st.integers(0, 3), st.randoms(use_true_random=False))
def test_any_order_of_access_gives_the_batches_of_the_order_of_time(thousands, seed, shuffle):
    one, other = (ShardStream(thousands[0], 4e6, seed, "pool", shard=8, window=16) for _ in range(2))
    positions = [shuffle.randrange(3 * one.batches_per_pass) for _ in range(60)]
    expected = {position: one.at(position) for position in sorted(positions)}
    assert {position: other.at(position) for position in positions} == expected


def test_each_pass_has_an_order_of_its_own_that_only_seed_and_purpose_move(thousands):
    index, _ = thousands

    def stream(budget=3e6, seed=0, purpose="pool"):
        return ShardStream(index, budget, seed, purpose, shard=16, window=8)

    orders = [order(stream(), epoch) for epoch in range(3)]
    assert len({tuple(each) for each in orders}) == 3
    assert order(stream(budget=9e5), 1) == orders[1]
    assert order(stream(seed=1), 1) != orders[1] and order(stream(purpose="other"), 1) != orders[1]


def test_a_window_is_read_from_its_shards_alone_and_mixes_them(thousands):
    index, samples = thousands
    stream = ShardStream(index, 3e6, 0, "pool", shard=20, window=10)
    found = order(stream, 0)
    for first in range(0, len(found), 200):
        window = found[first : first + 200]
        shards = [number // 20 for number in window]
        assert set(Counter(shards).values()) == {20}  # ten shards, each to its end
        neighbours = sum(one == other for one, other in zip(shards, shards[1:], strict=False))
        assert neighbours < 40  # of 199 pairs; 19 by chance, 190 without a shuffle
    assert len(samples) == len(found)


def test_shards_next_to_each_other_in_one_pass_are_not_in_the_next(thousands):
    stream = ShardStream(thousands[0], 3e6, 0, "pool", shard=20, window=10)
    windows = [{number // 20 for number in order(stream, epoch)[:200]} for epoch in range(2)]
    assert len(windows[0] & windows[1]) < 5


@few
@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 50)), min_size=1, max_size=40), st.data())
def test_windows_get_batches_by_their_audio_within_what_their_utterances_allow(windows, data):
    amounts, most = map(list, zip(*windows, strict=True))
    count = data.draw(st.integers(len(windows), sum(most)))
    first = first_batches(count, amounts, most)
    shares = np.diff(first).tolist()
    assert first[0] == 0 and first[-1] == count and len(shares) == len(windows)
    assert all(1 <= share <= top for share, top in zip(shares, most, strict=True))
    exact = np.cumsum(amounts) / sum(amounts) * count
    if all(amount * count >= 2 * sum(amounts) for amount in amounts) and min(most) >= count:
        assert np.abs(np.array(first[1:]) - exact).max() <= 0.5 + 1e-9


def test_a_batch_larger_than_a_window_is_an_error_that_says_what_to_change(thousands):
    with pytest.raises(InputError, match=r"pool: a batch of .* smaller batches, or a larger unlabelled_shards_from\."):
        ShardStream(thousands[0], 1e9, 0, "pool", shard=8, window=4)


@pytest.mark.parametrize("world", [1, 2, 5])
def test_the_batches_of_a_window_ask_for_every_shard_of_the_next_once_over_all_processes(thousands, world):
    stream = ShardStream(thousands[0], 3e6, 0, "pool", shard=20, window=10)
    whole = order(stream, 0)
    asked = []
    for position in range(stream.batches_per_pass):
        stream.at(position)
        asked += [each for rank in range(world) for each in stream.ahead(position, rank, world)]
    expected = {number // 20 for number in whole[200:]}  # all but the first window's
    assert sorted(asked) == [(shard * 20, shard * 20 + 20) for shard in sorted(expected)]
    first = dict.fromkeys(number // 20 for number in whole[200:400])
    assert {shard * 20 for shard in first} == {begin for begin, _ in asked[:10]}  # before they are due


def test_expected_audio_is_asked_for_in_one_go_where_it_stands_in_one_archive(tmp_path, monkeypatch):
    import os

    entries = [f"{tmp_path}/a.ark:{100 * number}" for number in range(8)] + [f"{tmp_path}/b.ark:{10**9}", "c.flac"]
    (tmp_path / "a.ark").write_bytes(bytes(900))
    (tmp_path / "wav.scp").write_text("".join(f"u{number} {entry}\n" for number, entry in enumerate(entries)))
    (tmp_path / "utt2num_samples").write_text("".join(f"u{number} 100\n" for number in range(10)))
    index, asked = write_index(tmp_path, tmp_path / "pool.index"), []
    monkeypatch.setattr(os, "posix_fadvise", lambda file, *words: asked.append((os.readlink(f"/proc/self/fd/{file}"),
                                                                               *words)))  # fmt: skip
    for ends in ((2, 6), (6, 9), (8, 9), (8, 10), (9, 10)):
        index.expect(*ends)
    assert asked == [(f"{tmp_path}/a.ark", 200, 300, os.POSIX_FADV_WILLNEED)]
    (tmp_path / "a.ark").unlink()
    index.expect(2, 6)  # what is absent is named when it is read


@few
@given(SAMPLES, st.integers(1, 400))
def test_the_index_gives_the_lines_and_sums_of_the_tables(folder, samples, size):
    index = make_index(folder, samples)
    lines = (folder / "wav.scp").read_text().splitlines()
    assert len(index) == len(samples)
    assert [" ".join(index.entry(number)) for number in range(len(index))] == lines
    assert index.samples(0, len(index)).tolist() == samples
    assert index.sums(size).tolist() == [sum(samples[first : first + size]) for first in range(0, len(samples), size)]
    assert (folder / "pool.index").stat().st_size == 12 * (len(samples) + 1)


def test_what_a_process_holds_of_a_pool_does_not_grow_with_it_but_by_a_number_a_shard(tmp_path):
    held = {}
    for count in (1000, 200_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        index = make_index(folder, [160_000] * count)
        tracemalloc.start()
        stream = ShardStream(index, 87.5 * 16000, 0, "pool")
        stream.at(stream.batches_per_pass // 2)
        held[count] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(pickle.dumps(index)) < 1000  # what a loader's process gets
    assert held[200_000] < SHARD * WINDOW * 40 + 200_000 / SHARD * 40


def rewrite(folder, table, old, new):
    path = folder / table
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(("table", "old", "new", "message"), [
    ("utt2num_samples", "spk00000-000003 ", "spk00000-000004 ", r"utt2num_samples:4: not the samples of the utterance"),
    ("utt2num_samples", "spk00000-000003 5000", "spk00000-000003 x", r"utt2num_samples:4: not the samples"),
    ("utt2num_samples", "spk00002-000019 5000\n", "", r"utt2num_samples:20: not the samples of the utterance"),
    ("wav.scp", "spk00002-000019 dump/x/data.ark:19\n", "", r"utt2num_samples:20: not the samples of the utterance"),
    ("wav.scp", "spk00000-000003 ", "\n", r"utt2num_samples:4: not the samples"),
])  # fmt: skip
def test_tables_that_do_not_belong_together_are_named_by_file_and_line(tmp_path, table, old, new, message):
    make_index(tmp_path, [5000] * 20)
    rewrite(tmp_path, table, old, new)
    with pytest.raises(InputError, match=message):
        write_index(tmp_path, tmp_path / "other.index")
    assert not (tmp_path / "other.index").exists()


def test_a_table_that_is_not_sorted_would_give_an_utterance_twice_and_is_named(tmp_path):
    make_index(tmp_path, [5000] * 3)
    for table in ("wav.scp", "utt2num_samples"):
        rewrite(tmp_path, table, "spk00000-000001", "spk00000-000002")
    with pytest.raises(InputError, match=r"wav\.scp:3: spk00000-000002 does not sort behind the line above"):
        write_index(tmp_path, tmp_path / "other.index")


@pytest.mark.parametrize("damage", ["cut", "changed", "absent", "odd", "empty"])
def test_an_index_of_another_pool_or_a_damaged_one_is_refused_with_its_remedy(tmp_path, damage):
    make_index(tmp_path, [5000] * 30)
    path = tmp_path / "pool.index"
    if damage == "changed":
        rewrite(tmp_path, "wav.scp", "data.ark:29", "data.ark:290")
    elif damage == "absent":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: {"cut": -12, "odd": -5, "empty": -31 * 12}[damage]])
    with pytest.raises(InputError, match=r"pool\.index: .* Run stage 7 again"):
        PoolIndex(path, tmp_path / "wav.scp")
