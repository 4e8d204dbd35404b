"""What is fuzzed: each target reads the files of a case in a folder of its own, as a stage or a command would."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.fuzz import seeds

ROOT = Path(__file__).parents[2]
RECIPES = ("timit", "tedlium2", "an4", "aishell", "covost2", "TEMPLATE")
sys.path[:0] = [str(ROOT / f"egs2/{recipe}/bljust/local") for recipe in RECIPES]

import aishell2  # noqa: E402
import an4  # noqa: E402
import common_voice  # noqa: E402
import tedlium2  # noqa: E402
import timit  # noqa: E402
import user_corpus  # noqa: E402
import user_reading  # noqa: E402

from espnet_bljust.comparison import description  # noqa: E402
from espnet_bljust.data.audio.flac import read_flac_header  # noqa: E402
from espnet_bljust.data.audio.headers import read_header  # noqa: E402
from espnet_bljust.data.audio.mp3 import mp3_length  # noqa: E402
from espnet_bljust.data.audio.reading import read_channels  # noqa: E402
from espnet_bljust.data.audio.wav import read_wav_header  # noqa: E402
from espnet_bljust.data.corpus import db, librispeech  # noqa: E402
from espnet_bljust.data.corpus.names import Speakers  # noqa: E402
from espnet_bljust.data.kaldi.audio_check import check_audio  # noqa: E402
from espnet_bljust.data.kaldi.directory import read_dir  # noqa: E402
from espnet_bljust.data.kaldi.part import count_checked, read_part  # noqa: E402
from espnet_bljust.data.kaldi.tables import read_table, write_table  # noqa: E402
from espnet_bljust.data.kaldi.walk import walk_dir  # noqa: E402
from espnet_bljust.data.text import tokens  # noqa: E402
from espnet_bljust.data.text.arpa import arpa_words  # noqa: E402
from espnet_bljust.decoding import search_settings  # noqa: E402
from espnet_bljust.decoding.beam_search import BeamSearch  # noqa: E402
from espnet_bljust.decoding.huggingface_folder import from_huggingface_folder  # noqa: E402
from espnet_bljust.decoding.language_model import read_language_model  # noqa: E402
from espnet_bljust.decoding.load_model import from_pack  # noqa: E402
from espnet_bljust.decoding.recogniser import Recogniser  # noqa: E402
from espnet_bljust.disk import archive  # noqa: E402
from espnet_bljust.disk.distinct import Distinct  # noqa: E402
from espnet_bljust.disk.settings_file import read_yaml_keys  # noqa: E402
from espnet_bljust.errors import InputError  # noqa: E402
from espnet_bljust.network.config import SSLConfig, TrunkConfig  # noqa: E402
from espnet_bljust.publishing.experiment import Experiment  # noqa: E402
from espnet_bljust.training import configuration  # noqa: E402
from espnet_bljust.weights.checkpoint import load  # noqa: E402
from espnet_bljust.weights.own_files import NetworkSettings  # noqa: E402
from espnet_bljust.weights.starting_point import starting_point  # noqa: E402


class Target(NamedTuple):
    """``read`` runs in the folder that holds a case; ``lines``: of an error at most."""

    cases: list[seeds.Case]
    read: Callable[[Path], object]
    lines: int = 1


def tolerant(*calls: Callable[[], object]) -> None:
    """All of them; InputErrors of all but the last are looked at and put aside."""
    for number, call in enumerate(calls, 1):
        try:
            call()
        except InputError as error:
            if number == len(calls):
                raise
            assert "\n" not in str(error), f"an error of several lines: {error!r}"


def data_dir(folder: Path) -> None:
    walked = walk_dir(folder, require_text=False, allow_empty_text=True)
    directory = read_dir(folder, allow_empty_text=True)
    assert walked is None or walked.utterances == len(directory.utterances), "walked and read differ"
    parts = [one.name for job in (1, 2) for one in read_part(folder, (job, 2), count_checked(folder))]
    assert sorted(directory.utterances) == parts, "parts differ"
    check_audio(folder, rate=16000)


def table(folder: Path) -> None:
    found = read_table(folder / "text", allow_empty=True)
    write_table(folder / "again", found)
    assert read_table(folder / "again", allow_empty=True) == found, "written and read back differ"


def sound(folder: Path) -> None:
    (path,) = folder.iterdir()
    own = {".wav": read_wav_header, ".flac": read_flac_header, ".mp3": mp3_length}.get(path.suffix, read_header)
    tolerant(lambda: own(path), lambda: read_header(path), lambda: read_channels(str(path), 0.01, 0.02),
             lambda: decoded(str(path)))


def decoded(entry: str) -> None:
    samples, rate = read_channels(entry)
    assert samples.dtype == np.float32 and samples.ndim == 2 and len(samples) and rate > 0, (samples.shape, rate)


def stm(folder: Path) -> None:
    words = tedlium2.read_dictionary(folder)
    for spoken in tedlium2.read_stm(folder / "T.stm"):
        tedlium2.clean(spoken.text, words)
        assert spoken.name


def phones(folder: Path) -> None:
    fold = timit.read_fold(ROOT / "egs2/timit/bljust/local/phones_61_to_48.txt")
    tolerant(lambda: timit.read_phones(folder / "a.phn", fold), lambda: timit.read_words(folder / "a.txt"))


def chapter(folder: Path) -> None:
    inside = folder / "19/198"
    inside.mkdir(parents=True)
    for path in list(folder.iterdir()):
        if path.is_file() and path.name.startswith("19-"):
            path.rename(inside / path.name)
    found = librispeech.read_speaker(folder / "19")
    assert all("\n" not in problem for problem in found.problems)
    librispeech.read_speakers(folder / "SPEAKERS.TXT")


def read_all(folder: Path, reader: Callable[[Path, list[str]], Iterable[object]]) -> None:
    """Everything that ``reader`` gives with a folder for what it sorts and a list for problems, a line each."""
    problems: list[str] = []
    (folder / "spool").mkdir()
    for _ in reader(folder / "spool", problems):
        pass
    assert all("\n" not in problem for problem in problems)


def clips(folder: Path) -> None:
    (folder / "clips").mkdir()
    read_all(folder, lambda _, problems: common_voice.evidence(common_voice.Release(folder, folder, "nl"), problems))


def mandarin(folder: Path) -> None:
    read_all(folder, lambda spool, problems: aishell2.read_corpus(folder, {"\u53a8\u623f"}, spool, problems))


def own_corpus(folder: Path) -> None:
    sources = [path for path in folder.iterdir() if path.suffix == ".csv"] or [folder]
    read_all(folder, lambda spool, problems: user_corpus.read_source(
        sources[0], user_reading.Reading(
            user_reading.speaker_by(""), problems, spool, Speakers(), [], Distinct(), {}, Counter())))


def language_model(folder: Path) -> None:
    words = arpa_words(folder / "x.arpa")
    words = list(dict.fromkeys(words))  # of a token list, twice is refused before
    beam = search_settings.SearchSettings(search="beam", ngram_weight=0.5)
    tokens = ["<blank>", "<unk>", *words[:20], "<sos/eos>"]
    BeamSearch(tokens, beam, read_language_model(folder / "x.arpa", tokens, "token"))


def token_list(folder: Path) -> None:
    tolerant(lambda: tokens.read_symbols(folder / "symbols.txt"),
             lambda: tokens.load_tokenizer("char", folder / "tokens.txt").encode("AB AB"))


def sentence_pieces(folder: Path) -> None:
    splitter = tokens.BpeSplitter(folder / "bpe.model")
    splitter.join(splitter.tokens("YES NO"))


def training_settings(folder: Path) -> None:
    def training() -> None:
        found = read_yaml_keys(folder / "train.yaml", may_be_empty=True)
        configuration.check({**configuration.written_defaults(), **found}, "train.yaml")
        TrunkConfig.from_dict(found.get("trunk_conf", {}))
        SSLConfig.from_dict(found.get("ssl_conf", {}))

    tolerant(training, lambda: search_settings.read_settings(folder / "decode.yaml", {}),
             lambda: description.read_description(folder / "compare.yaml"))


def start(folder: Path) -> None:
    path = folder / "average.pth"
    starting_point(path if path.is_file() else folder, NetworkSettings.of(seeds.SETTINGS).shape, seeds.TOKENS)


def experiment(folder: Path) -> None:
    weights = folder / "average.pth"
    tolerant(lambda: Recogniser.from_experiment(folder, weights), lambda: Experiment.read(folder, weights))


def pack(folder: Path) -> None:
    from_pack(folder / "x.zip" if (folder / "x.zip").exists() else folder / "x")


def huggingface(folder: Path) -> None:
    model = from_huggingface_folder(folder / "x")
    model.tokenizer.decode(range(1, len(model.tokenizer.vocabulary)))


def unpack(folder: Path) -> None:
    (path,) = folder.iterdir()
    if path.suffix == ".zip":
        archive.extract_zip(path, folder / "out")
    else:
        tolerant(lambda: archive.extract(path, folder / "out"), lambda: archive.extract_beside([path]))
    for made in folder.rglob("*"):
        assert not made.is_symlink() and (made.is_dir() or made.is_file()), f"{made}: no plain file"


def targets() -> dict[str, Target]:
    """By name."""
    lists, models, weights = seeds.tables(), seeds.models(), seeds.weights()
    texts = [{"text": seeds.data_dirs()[0]["text"]}, {"text": "a \u00fc \u53a8\nb\n".encode()}]
    return {
        "data_dir": Target(seeds.data_dirs(), data_dir, lines=11), "table": Target(texts, table, lines=11),
        **{f"audio_{name}": Target(cases, sound) for name, cases in seeds.audio().items()},
        "ark": Target(seeds.archives_of_kaldi(), lambda folder: decoded(f"{folder / 'a.ark'}:2")),
        "stm": Target(lists["stm"], stm), "timit": Target(lists["timit"], phones),
        "librispeech": Target(lists["librispeech"], chapter), "tsv": Target(lists["tsv"], clips),
        "an4": Target(lists["an4"], an4.read_transcripts), "aishell": Target(lists["aishell"], mandarin),
        "own_corpus": Target(lists["own corpus"], own_corpus, lines=11),
        "db": Target(lists["db"], lambda folder: db.read_db(folder / "db.txt")),
        "arpa": Target(models["arpa"], language_model), "tokens": Target(models["tokens"], token_list),
        "bpe": Target(models["bpe"], sentence_pieces), "settings": Target(models["settings"], training_settings),
        "checkpoint": Target(weights["checkpoint"], lambda folder: load(folder / "average.pth")),
        "starting_point": Target([*weights["starting point"], *weights["safetensors"]], start),
        "experiment": Target(weights["experiment"], experiment), "pack": Target(weights["pack"], pack),
        "huggingface": Target(weights["huggingface"], huggingface),
        "archive": Target(seeds.archives(), unpack),
    }


def write(case: seeds.Case, folder: Path) -> None:
    """The files of a case."""
    for name, content in case.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
