"""Training on a pool in shards: every process its share, every step its batches, whatever was done before."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from espnet2.train.distributed_utils import DistributedOption

from espnet_bljust.data.feeding.pool_index import write_index
from espnet_bljust.data.feeding.samples import IndexedPool
from espnet_bljust.data.feeding.shards import ShardStream
from espnet_bljust.data.kaldi.tables import read_table, write_table
from espnet_bljust.data.preparation.format import FormatOptions, _ArchiveWriter
from espnet_bljust.errors import InputError
from espnet_bljust.espnet import task
from espnet_bljust.espnet.iterator import Share
from espnet_bljust.espnet.task import BLJustTask
from espnet_bljust.planning import limits
from espnet_bljust.planning.speed import Rates
from tests.helpers.experiment import history, make_experiment, train, train_killed_at, weights

UTTERANCES = 2000
POOL_ONLY = ("plan_conf.schedule=once", "plan_conf.exploration_steps=400", "unlabelled_batch_seconds=0.5")


def make_pool(folder: Path, count: int) -> None:
    """``count`` utterances of 20 to 60 ms in one archive of FLAC: the recording tells the utterance."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    with _ArchiveWriter(folder, folder, FormatOptions("flac.ark")) as write, \
            (folder / "wav.scp").open("w") as wavs, (folder / "utt2num_samples").open("w") as lengths:  # fmt: skip
        for number in range(count):
            samples = int(rng.integers(640, 960))
            wavs.write(f"u{number:06d} {write(f'u{number:06d}', np.full(samples, number, np.int16))}\n")
            lengths.write(f"u{number:06d} {samples}\n")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))
        root = tmp_path_factory.mktemp("large_pool")
        (root / "large").mkdir()
        make_experiment(root)
        yield root


@pytest.fixture(scope="module")
def large(root):
    """Stage 7 on a pool of ``UTTERANCES`` in an archive; a pass are two hundred steps."""
    make_experiment(root / "large")
    shutil.rmtree(root / "large/dump/train_pool")
    make_pool(root / "large/dump/train_pool", UTTERANCES)
    return make_experiment(root / "large", *POOL_ONLY, f"unlabelled_shards_from={UTTERANCES}")


@pytest.fixture(scope="module")
def trained(root):
    """The small experiment after exploration."""
    exp_dir = make_experiment(root)
    train(exp_dir, "exploration")
    return exp_dir


@pytest.fixture
def factory(large, monkeypatch):
    """The iterator as stage 8 builds it, with shards and windows small enough for the pool."""
    monkeypatch.setattr(task, "ShardStream", lambda *words: ShardStream(*words, shard=8, window=25))

    def build(share=None, **changes):
        args = BLJustTask.get_parser().parse_args(["--config", f"{large}/train.yaml"])
        BLJustTask.build_model(args)
        for name, value in {"num_workers": 0, "output_dir": large, **changes}.items():
            setattr(args, name, value)
        built = BLJustTask.build_iter_factory(args, DistributedOption(), "train")
        built.share = share or Share()
        return built

    return build


def heard(factory, first, last):
    """Utterances of each step, which must be those of the audio."""
    steps = []
    for (batch,) in factory.steps(first, last):
        assert [f"u{round(32768 * float(wave[0])):06d}" for wave in batch.joint.pool] == batch.utterances
        steps.append(batch.utterances)
    return steps


def test_a_pass_of_any_number_of_processes_holds_every_utterance_once_in_even_shares(factory):
    whole = factory()
    steps = whole.pool.stream.batches_per_pass
    alone = heard(whole, 1, steps)
    assert Counter(name for batch in alone for name in batch) == Counter(f"u{n:06d}" for n in range(UTTERANCES))
    for world in (2, 3):
        shares = [heard(factory(Share(rank, world)), 1, steps) for rank in range(world)]
        for step, batch in enumerate(alone):
            parts = [share[step] for share in shares]
            assert sorted(name for part in parts for name in part) == sorted(batch)
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_run_begun_at_any_step_goes_on_with_the_batches_masks_and_noise_of_the_unbroken_one(factory, num_workers):
    unbroken = [batches[0] for batches in factory().steps(1, 260)]  # into the second pass
    for first in (2, 57, 199, 231):
        again = factory(num_workers=num_workers).steps(first, first + 9)
        for expected, (found,) in zip(unbroken[first - 1 :], again, strict=False):
            assert found.utterances == expected.utterances
            one, other = ([*batch.joint.pool, *batch.joint.pool_negatives, batch.joint.pool_mask, batch.joint.noise]
                          for batch in (found, expected))
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_audio_that_is_not_what_the_index_says_is_named_by_utterance_and_place(tmp_path):
    make_pool(tmp_path / "pool", 4)
    text = (tmp_path / "pool/wav.scp").read_text().splitlines(keepends=True)
    entries = [line.split()[1] for line in text]
    (tmp_path / "pool/wav.scp").write_text("".join([*text[:2], text[2].replace(entries[2], entries[0]),
                                                    f"u000003 {tmp_path}/none.flac\n"]))  # fmt: skip
    samples = IndexedPool(write_index(tmp_path / "pool", tmp_path / "pool.index"), "float64")
    found = samples[1]
    assert found.utterance == "u000001" and found.wave.dtype == "float64" and set(found.wave) == {1 / 32768}
    with pytest.raises(InputError, match=rf"u000002: cannot be read: {entries[0]}: \d+ of \d+ samples are there"):
        samples[2]
    with pytest.raises(InputError, match=rf"u000003: cannot be read: {tmp_path}/none\.flac: no such audio file"):
        samples[3]


def test_a_pool_is_read_in_shards_from_the_given_size_on_and_shuffled_whole_below_it(root):
    above, below = (make_experiment(root, f"unlabelled_shards_from={count}") for count in (9, 10))  # it has nine
    assert yaml.safe_load((above / "train.yaml").read_text())["unlabelled_index"] == str(above / "pool.index")
    assert "unlabelled_index" not in yaml.safe_load((below / "train.yaml").read_text())
    assert not (below / "pool.index").exists()
    assert (above / "stats.md").read_text() == (below / "stats.md").read_text()  # hours and passes


def test_a_run_in_shards_killed_at_any_step_equals_the_unbroken_one(root):
    unbroken, broken = (make_experiment(root, "unlabelled_shards_from=1") for _ in range(2))
    train(unbroken)
    train_killed_at(broken, 7)
    train(broken)
    expected = weights(unbroken)
    assert all(torch.equal(value, expected[name]) for name, value in weights(broken).items())
    assert history(broken) == history(unbroken)


@pytest.mark.parametrize("form", ["flac.ark", "wav.ark"])
def test_audio_in_archives_trains_as_audio_in_files(root, trained, tmp_path, form):
    """Stage 3's archives of the same samples: labelled, pool and dev."""
    for name in ("train_labelled", "train_pool", "dev"):
        source, folder = root / "dump" / name, tmp_path / "dump" / name
        folder.mkdir(parents=True)
        for table in ("text", "utt2num_samples"):
            if (source / table).exists():
                shutil.copy(source / table, folder)
        with _ArchiveWriter(folder, folder, FormatOptions(form)) as write:
            entries = {utterance: write(utterance, soundfile.read(entry, dtype="int16")[0])
                       for utterance, entry in read_table(source / "wav.scp").items()}
        write_table(folder / "wav.scp", entries)
    for shared in ("tiny.yaml", "train.yaml", "tokens.txt"):
        shutil.copy(root / shared, tmp_path)
    exp_dir = make_experiment(tmp_path)
    train(exp_dir, "exploration")
    expected = weights(trained)
    assert all(torch.equal(value, expected[name]) for name, value in weights(exp_dir).items())
    assert history(exp_dir) == history(trained)
