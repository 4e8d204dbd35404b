"""Samples of training are those of ESPnet's own dataset and preprocessor, whatever the form of audio and text."""


import numpy as np
import pytest
import soundfile
import torch
from espnet2.train.dataset import ESPnetDataset
from espnet2.train.preprocessor import CommonPreprocessor
from torch.utils.data._utils.pin_memory import pin_memory

from espnet_bljust.data.feeding.samples import Sample, SampleTable
from espnet_bljust.data.kaldi.tables import read_table, write_table
from espnet_bljust.data.preparation.format import FormatOptions, _ArchiveWriter
from espnet_bljust.data.text.tokens import load_tokenizer
from espnet_bljust.errors import InputError
from espnet_bljust.training.augment import Turn
from espnet_bljust.training.masks import Drawing
from espnet_bljust.training.micro_batch import collate_labelled, collate_pool, merge
from tests.helpers.experiment import make_set
from tests.helpers.small import MASKING, SSL, WAV2VEC2

TOKENS = ["<blank>", "<unk>", "<space>", "A", "B", "AB", "<sos/eos>"]
TEXTS = {"char": "AB BA?", "word": "AB A AB C", "phn": "A B   A B"}


def in_form(folder, form):
    """A set of three utterances in a form that stage 3 writes, and what ESPnet calls the form."""
    make_set(folder / "set", 3, 0, text=True)
    names = read_table(folder / "set/wav.scp")
    audio = {name: soundfile.read(path, dtype="int16")[0] for name, path in names.items()}
    if form.endswith(".ark"):
        with _ArchiveWriter(folder, folder, FormatOptions(form)) as write:
            entries = {name: write(name, integers) for name, integers in audio.items()}
    else:
        entries = {name: f"{folder}/{name}.{form}" for name in audio}
        for name, integers in audio.items():
            soundfile.write(entries[name], integers, 16000)
    write_table(folder / "set/wav.scp", entries)
    return folder / "set", "kaldi_ark" if form.endswith(".ark") else "sound"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("token_type", TEXTS)
@pytest.mark.parametrize("form", ["wav", "flac", "flac.ark", "wav.ark"])
def test_a_sample_is_that_of_espnets_dataset_and_preprocessor(tmp_path, form, token_type, dtype):
    folder, kind = in_form(tmp_path, form)
    write_table(folder / "text", dict.fromkeys(read_table(folder / "text"), TEXTS[token_type]))
    theirs = ESPnetDataset(
        [(f"{folder}/wav.scp", "speech", kind), (f"{folder}/text", "text", "text")], float_dtype=dtype,
        preprocess=CommonPreprocessor(train=True, token_type=token_type, token_list=TOKENS))
    ours = SampleTable(folder / "wav.scp", folder / "utt2num_samples", dtype, text=folder / "text",
                       encode=load_tokenizer(token_type, TOKENS).encode)
    assert len(ours.utterances) == 3 and ours.num_samples.tolist() == [len(ours[name].wave) for name in ours.utterances]
    for name in ours.utterances:
        utterance, expected = theirs[name]
        found = ours[name]
        assert found.utterance == utterance == name
        for array, due in ((found.wave, expected["speech"]), (found.labels, expected["text"])):
            assert array.dtype == due.dtype and np.array_equal(array, due)


@pytest.mark.parametrize(("table", "change", "said"), [
    ("text", lambda lines: lines[:-1], "text: its utterances are not those of wav.scp, e.g. set-02"),
    ("utt2num_samples", lambda lines: lines[1:], "utt2num_samples: its utterances are not those of wav.scp, e.g. set"),
    ("text", lambda lines: [lines[0], "set-01", lines[2]], "text:2: set-01 has nothing after it"),
    ("utt2num_samples", lambda lines: ["set-00 many", *lines[1:]], "utt2num_samples: set-00 has 'many' samples"),
    ("wav.scp", lambda lines: lines[::-1], "its utterances are not those of wav.scp"),
])  # fmt: skip
def test_tables_that_do_not_belong_together_are_refused_before_training(tmp_path, table, change, said):
    folder, _ = in_form(tmp_path, "wav")
    path = folder / table
    path.write_text("".join(line + "\n" for line in change(path.read_text().splitlines())))
    with pytest.raises(InputError, match=said):
        SampleTable(folder / "wav.scp", folder / "utt2num_samples", "float32", text=folder / "text", encode=len)


def both_kinds():
    """Three utterances, two of them labelled."""
    rng = np.random.default_rng(0)
    samples = [Sample(f"u{size}", rng.standard_normal(size, np.float32), np.arange(1, size // 1000))
               for size in (4000, 9000, 5000)]  # fmt: skip
    drawing = Drawing(MASKING, SSL, WAV2VEC2.num_frames, WAV2VEC2.edge_frames, seed=0)
    names, lengths = zip(*((sample.utterance, len(sample.wave)) for sample in samples), strict=True)
    draw = drawing.pool(Turn(0), names, lengths)
    hidden = drawing.labelled(Turn(0), names[:2], lengths[:2])
    return samples, draw, merge(collate_labelled(samples[:2], hidden), collate_pool(samples, draw))


def tensors_of(joint):
    """By the side of the network that takes them: on its device, or where they are counted."""
    moved = [*joint.labelled, *joint.pool, *joint.pool_negatives, joint.noise]
    return moved, [*joint.labels, joint.labelled_mask, joint.pool_mask]


def test_audio_goes_to_the_device_and_what_is_counted_stays_on_the_cpu():
    moved, kept = tensors_of(both_kinds()[2].to(torch.device("meta")).joint)
    assert {tensor.device.type for tensor in moved} == {"meta"} and {tensor.device.type for tensor in kept} == {"cpu"}


def test_torchs_loader_pins_every_tensor_that_goes_to_the_device(monkeypatch):
    pinned = []

    def pin(tensor, device=None):
        pinned.append(tensor.data_ptr())
        return tensor.clone()

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    _, _, batch = both_kinds()
    found = pin_memory(batch)
    moved, (*_, labelled_mask, pool_mask) = tensors_of(batch.joint)
    assert sorted(pinned) == sorted(tensor.data_ptr() for tensor in [*moved, labelled_mask, pool_mask])
    again, (*_, other_labelled, other_pool) = tensors_of(found.joint)
    for one, other in zip([*moved, labelled_mask, pool_mask], [*again, other_labelled, other_pool], strict=True):
        assert one is not other and torch.equal(one, other)
    assert found.utterances == batch.utterances


def test_a_batch_has_every_utterance_as_it_was_read_and_no_padding():
    samples, draw, batch = both_kinds()
    joint = batch.joint
    assert batch.utterances == ["u4000", "u9000", "u4000", "u9000", "u5000"] and batch.num_labelled == 2
    assert [len(label) for label in joint.labels] == [3, 8] and joint.labels[0].dtype == torch.int64
    for found, sample in zip([*joint.labelled, *joint.pool], [*samples[:2], *samples], strict=True):
        assert np.array_equal(found.numpy(), sample.wave)
    for waves, due in ((joint.labelled, 13000), (joint.pool, 18000)):
        assert len({wave.untyped_storage().data_ptr() for wave in waves}) == 1  # one piece of memory ..
        assert waves[0].untyped_storage().nbytes() == 4 * due  # .. with nothing else in it
    assert (batch.num_masked, batch.num_rows) == (int(draw.mask.sum()), len(draw.mask))
