"""Preparation takes less than 200 bytes of memory an utterance: the peak at two sizes, with constant parts made small.

bench/prepare.py measures a million of each layout; here are some thousands of them, in this process.
"""

import gc
import runpy
import sys
import tracemalloc
from pathlib import Path

import pytest
import soundfile

from espnet_bljust.bin import data_report, filter_data, make_tokens
from espnet_bljust.data.audio import wav
from espnet_bljust.data.corpus import librispeech
from espnet_bljust.data.corpus.librispeech import Source
from espnet_bljust.data.corpus.librispeech_sets import make_sets
from espnet_bljust.data.kaldi import part
from espnet_bljust.data.preparation import report
from espnet_bljust.data.preparation.format import FormatOptions, format_part
from espnet_bljust.data.preparation.format_merge import merge_parts
from espnet_bljust.data.preparation.perturb import perturb
from espnet_bljust.disk import distinct, sorting

ROOT = Path(__file__).parents[2]
from bench.helpers.layouts import LAYOUTS, RUN  # noqa: E402

MOST = 200  # bytes an utterance
SIZES = (1000, 4000)


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch):
    """What does not grow with a corpus is not to hide what does, nor to look like it."""
    monkeypatch.setattr(sorting, "RUN_LINES", 300)
    monkeypatch.setattr(sorting, "MOST_RUNS", 4)
    monkeypatch.setattr(distinct, "LEAST_PENDING", 256)
    monkeypatch.setattr(report, "MOST_WORDS", 1000)
    monkeypatch.setattr(part, "BLOCK", 200)
    monkeypatch.setattr(wav, "BATCH", 100)


def peak(work, *words):
    """Bytes at the peak of ``work``, above what was there before."""
    gc.collect()
    gc.freeze()  # else garbage waits the longer for its collection, the more modules other tests have brought
    gc.collect()
    tracemalloc.start()
    try:
        work(*words)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()


def bytes_each(work, folders):
    """Of the second size above the first one; a run before them imports and caches."""
    work(folders[0])
    few, many = (peak(work, folder) for folder in folders[1:])
    return (many - few) / (SIZES[1] - SIZES[0])


@pytest.fixture
def grown(tmp_path):
    """``grown(layout)``: three folders of it, the first for the run that does not count."""

    def make(layout):
        folders = []
        for number, count in enumerate((SIZES[0], *SIZES)):
            folders.append(tmp_path / f"{number}")
            folders[-1].mkdir()
            LAYOUTS[layout](folders[-1], count)
        return folders

    return make


@pytest.mark.parametrize("layout", RUN)
def test_stage_1_of_every_large_recipe_keeps_no_utterances_in_memory(layout, grown, monkeypatch, capsys):
    recipe, words = RUN[layout]
    script = ROOT / "egs2" / recipe / "bljust/local/data.py"

    def stage(folder):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [str(script), *words.replace("{}", str(folder)).split()])
        runpy.run_path(str(script), run_name="__main__")

    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(script.parent))
    try:
        assert bytes_each(stage, grown(layout)) < MOST
    finally:
        for name in set(sys.modules) - before:  # recipes have modules of one name
            if str(ROOT / "egs2") in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


class AtOnce:
    """Threads whose work is done when it is asked for: what waits between threads follows the load of a machine."""

    def __init__(self, _):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_stage_1_of_librispeech_keeps_no_utterances_in_memory(grown, monkeypatch):
    monkeypatch.setattr(librispeech, "ThreadPoolExecutor", AtOnce)

    def stage(folder):
        source = Source(folder / "LibriSpeech/train-big", "train-big", folder / "SPEAKERS.TXT")
        make_sets(folder / "data", {"train": [source]}, training=["train"], threads=2)

    assert bytes_each(stage, grown("librispeech")) < MOST


def test_stages_4_to_6_keep_no_utterances_in_memory(grown, monkeypatch, capsys):
    folders = grown("dump")

    def stage(command, *words):
        def run(folder):
            monkeypatch.chdir(folder)
            command.main(command.get_parser().parse_args(words))

        return run

    sets = ["--train_set", "train", "--unlabelled_sets", "unlabelled", "--valid_set", "dev", "--test_sets", "test"]
    sets += ["--labelled_dir", "dump/raw/train_labelled", "--pool_dir", "dump/raw/train_pool"]
    assert bytes_each(stage(filter_data, *sets, "--labels", "0.5", "--ssl_on_labelled", "false"), folders) < MOST
    texts = ["--text", "dump/raw/train_labelled/text", "--out_dir", "data/tokens", "--token_type", "char"]
    assert bytes_each(stage(make_tokens, *texts), folders) < MOST
    tokens = ["--token_list", "data/tokens/tokens.txt", "--token_type", "char"]
    assert bytes_each(stage(data_report, "--sets", "train_labelled train_pool dev test", *tokens), folders) < MOST


def test_stages_2_and_3_keep_no_utterances_in_memory(make_tone, tmp_path):
    soundfile.write(tmp_path / "one.wav", make_tone(0.01), 16000)
    folders = [tmp_path / str(number) for number in range(3)]
    for folder, count in zip(folders, (200, 500, 1500), strict=True):
        (folder / "data").mkdir(parents=True)
        ids = [f"s{number // 50:06d}-{number:08d}" for number in range(count)]
        for name, value in (("wav.scp", lambda _: tmp_path / "one.wav"), ("utt2spk", lambda utterance: utterance[:7]),
                            ("text", lambda utterance: f"words of {utterance}")):  # fmt: skip
            (folder / "data" / name).write_text("".join(f"{utterance} {value(utterance)}\n" for utterance in ids))

    def stage_2(folder):
        perturb(folder / "data", ["0.9", "1.0"], folder / "sp")

    def stage_3(folder):
        form = FormatOptions(audio_format="flac.ark")
        format_part(folder / "data", folder / "org", part=(1, 1), options=form)
        merge_parts(folder / "data", folder / "org", num_jobs=1, options=form, skip_broken=False)

    for stage in (stage_2, stage_3):
        stage(folders[0])
        few, many = (peak(stage, folder) for folder in folders[1:])
        assert (many - few) / 1000 < MOST
