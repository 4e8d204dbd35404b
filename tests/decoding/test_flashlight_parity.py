"""Beam search beside flashlight's, where that is installed: with wide beams both find the same, up to float32."""


import pytest

pytest.importorskip("flashlight", reason="flashlight-text is not installed: it has wheels for Python 3.12 alone")
pytest.importorskip("torchaudio.models.decoder", reason="torchaudio's decoder is not installed")
from bench.helpers.flashlight_peer import FlashlightSearch
from espnet_bljust.data.text.arpa import write_arpa
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.decoding.beam_search import BeamSearch
from espnet_bljust.decoding.language_model import read_language_model, written
from espnet_bljust.decoding.search_settings import SearchSettings
from tests.helpers.plain import random_frames

TOKENS = ["<blank>", "<unk>", "<space>", "a", "b", "c", "<sos/eos>"]
WIDE = {"search": "beam", "beam_size": 6000, "beam_threshold": 1e9, "nbest": 8}
TEXT = [["a", "cab"], ["bac"], ["cab", "a", "b"], ["ba", "ab"], ["a", "a", "bac"]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("weight", "penalty"), [(0.0, 0.0), (1.5, 0.0), (0.7, -0.8)])
def test_tokens_are_those_of_flashlight(tmp_path, weight, penalty, seed):
    spelled = [[letter.replace(" ", "<space>") for letter in " ".join(words)] for words in TEXT]
    write_arpa(tmp_path / "x.arpa", estimate(spelled, 3))
    settings = SearchSettings(ngram_weight=weight, penalty=penalty, **WIDE)
    frames, ngram = random_frames(10, len(TOKENS), seed, sharp=5.0), tmp_path / "x.arpa" if weight else None
    theirs = FlashlightSearch(TOKENS, settings, ngram)(frames)
    ours = BeamSearch(TOKENS, settings, read_language_model(ngram, TOKENS) if ngram else None)(frames)
    assert [one.ids for one in ours] == [ids for ids, _ in theirs]
    assert [one.score for one in ours] == pytest.approx([score for _, score in theirs], abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [0.0, 1.5])
def test_words_are_those_of_flashlight(tmp_path, penalty, seed):
    write_arpa(tmp_path / "x.arpa", estimate(TEXT, 2))
    settings = SearchSettings(ngram_weight=1.2, ngram_unit="word", penalty=penalty, **WIDE)
    frames = random_frames(20, len(TOKENS), seed, sharp=5.0)
    theirs = FlashlightSearch(TOKENS, settings, tmp_path / "x.arpa")(frames)
    ours = BeamSearch(TOKENS, settings, read_language_model(tmp_path / "x.arpa", TOKENS))(frames)
    texts = written(TOKENS)
    assert ["".join(texts[token] for token in one.ids).split() for one in ours] == [words for words, _ in theirs]
    assert [one.score for one in ours] == pytest.approx([score for _, score in theirs], abs=1e-3)
