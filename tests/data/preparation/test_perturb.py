import pytest

from espnet_bljust.data.kaldi.directory import read_dir
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.data.kaldi.walk import walk_dir
from espnet_bljust.data.preparation.format import FormatOptions, format_part
from espnet_bljust.data.preparation.format_merge import merge_parts
from espnet_bljust.data.preparation.perturb import perturb
from espnet_bljust.errors import InputError


def formatted_counts(data_dir, out):
    format_part(data_dir, out, part=(1, 1), options=FormatOptions())
    merge_parts(data_dir, out, num_jobs=1, options=FormatOptions(), skip_broken=False)
    return {utterance: int(count) for utterance, count in read_table(out / "utt2num_samples").items()}


def test_copies_have_espnets_names_and_their_length_follows_the_speed(data_dir, tmp_path):
    source = read_dir(data_dir)
    assert perturb(data_dir, ["0.9", "1.0", "1.1"], tmp_path / "train_sp") == 3 * len(source.wavs)
    copy = read_dir(tmp_path / "train_sp")
    originals = formatted_counts(data_dir, tmp_path / "org")
    counts = formatted_counts(tmp_path / "train_sp", tmp_path / "org_sp")
    assert len(counts) == 3 * len(originals)
    for utterance, count in originals.items():
        assert counts[utterance] == count
        for speed in ("0.9", "1.1"):
            name = f"sp{speed}-{utterance}"
            assert abs(counts[name] - count / float(speed)) <= 1
            assert copy.text[name] == source.text[utterance]
            assert copy.utt2spk[name] == f"sp{speed}-{source.utt2spk[utterance]}"


def test_segments_share_their_recordings(data_dir, tmp_path):
    names = list(read_table(data_dir / "wav.scp"))
    (data_dir / "segments").write_text("".join(f"{name} {name} 0.05 0.15\n" for name in names))
    perturb(data_dir, ["0.5", "1.0"], tmp_path / "train_sp")
    assert walk_dir(tmp_path / "train_sp", require_text=True).utterances == 2 * len(names)
    assert list(read_table(tmp_path / "train_sp" / "wav.scp")) == names
    counts = formatted_counts(tmp_path / "train_sp", tmp_path / "org_sp")
    assert set(counts.values()) == {1600, 3200}


@pytest.mark.parametrize("factors", [[], ["fast"], ["0.9", "0.90"], ["0"], ["-1"], ["9"], ["9/10"]])
def test_factors_that_make_no_sense_are_refused(data_dir, tmp_path, factors):
    with pytest.raises(InputError, match="--factors"):
        perturb(data_dir, factors, tmp_path / "sp")


def test_what_is_perturbed_already_is_refused(data_dir, tmp_path):
    perturb(data_dir, ["0.9"], tmp_path / "sp")
    with pytest.raises(InputError, match="perturbed already"):
        perturb(tmp_path / "sp", ["1.1"], tmp_path / "again")
