import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from espnet_bljust.bin.filter_data import get_parser, main
from espnet_bljust.data.kaldi.copies import original_of
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.data.preparation.format import FormatOptions, format_part
from espnet_bljust.data.preparation.format_merge import merge_parts
from espnet_bljust.data.preparation.formatted_set import open_formatted
from espnet_bljust.data.preparation.perturb import perturb
from espnet_bljust.data.preparation.subsets import choose_labelled
from espnet_bljust.errors import InputError

ROOT = Path(__file__).parents[3]


def format_set(data_dir, out):
    format_part(data_dir, out, part=(1, 1), options=FormatOptions())
    merge_parts(data_dir, out, num_jobs=1, options=FormatOptions(), skip_broken=False)


@pytest.fixture
def dump(make_rows, make_dir, make_tone, tmp_path):
    """dump/raw/org with train (20), unl (10, no text), dev (4) and test (4), each with one fault worth naming."""
    train = make_rows(20, 4, "train")
    soundfile.write(train[3][3], make_tone(0.1), 16000)  # not above min_wav_duration
    soundfile.write(train[4][3], make_tone(3.0), 16000)
    train[5] = (*train[5][:2], "", train[5][3])
    unl = [(f"x-{row[0]}", f"x-{row[1]}", "", row[3]) for row in make_rows(10, 2, "unl")]
    for index, row in enumerate(unl):
        soundfile.write(row[3], make_tone(0.5, seed=100 + index), 16000)
    dev = [(f"d-{row[0]}", f"d-{row[1]}", row[2], row[3]) for row in make_rows(4, 2, "dev")]
    test = [(f"t-{row[0]}", f"t-{row[1]}", row[2], row[3]) for row in make_rows(4, 2, "test")]
    for index, row in enumerate([*dev, *test]):
        soundfile.write(row[3], make_tone(0.4, seed=200 + index), 16000)
    soundfile.write(test[0][3], make_tone(3.0, seed=9), 16000)
    shutil.copy(dev[1][3], train[6][3])  # equal audio under another id
    unl.append((test[2][0], test[2][1], "", test[2][3]))  # an id of the test set
    unl.append(train[7])  # an utterance of the training set
    org = tmp_path / "dump" / "raw" / "org"
    for name, rows in {"train": train, "unl": unl, "dev": dev, "test": test}.items():
        format_set(make_dir(tmp_path / "data" / name, rows, text=name != "unl"), org / name)
    return org.parent


def options_of(dump, *more):
    names = ["--train_set", "train", "--unlabelled_sets", "unl", "--valid_set", "dev", "--test_sets", "test"]
    train = more[more.index("--train_set") + 1] if "--train_set" in more else "train"
    folders = ["--org_dir", dump / "org", "--dump_dir", dump, "--labelled_dir", dump / f"{train}_labelled",
               "--pool_dir", dump / f"{train}_pool"]
    return [*map(str, folders), *names, "--max_wav_duration", "2.5", *more]


def run_filter(dump, *more):
    main(get_parser().parse_args(options_of(dump, *more)))


def removed(dump, name):
    return read_table(dump / name / "removed.txt", allow_empty=True)


def kept(dump, name):
    return set(read_table(dump / name / "wav.scp"))


def test_what_goes_is_listed_with_its_reason_and_the_rest_is_kept(dump):
    run_filter(dump)
    reasons = removed(dump, "train")
    assert reasons == {
        "s3-u3": "too_short 0.100 s",
        "s0-u4": "too_long 3.000 s",
        "s1-u5": "empty_text",
        "s2-u6": "audio_in_dev d-s1-u1",
    }
    assert removed(dump, "unl") == {"t-s0-u2": "id_in_test"}
    assert removed(dump, "dev") == removed(dump, "test") == {}, "a test set is scored whole"


@pytest.mark.parametrize("labels", ["all", "0.5", "4s"])
@pytest.mark.parametrize("ssl_on_labelled", ["true", "false"])
def test_counts_in_are_counts_kept_plus_counts_removed(dump, labels, ssl_on_labelled):
    run_filter(dump, "--labels", labels, "--ssl_on_labelled", ssl_on_labelled)
    for name in ["train", "unl", "dev", "test"]:
        assert kept(dump, name) | removed(dump, name).keys() == kept(dump / "org", name)
        assert not kept(dump, name) & removed(dump, name).keys()
    assert kept(dump, "train_labelled") | removed(dump, "train_labelled").keys() == kept(dump, "train")
    members = len(kept(dump, "train")) + len(kept(dump, "unl"))
    words = sum(len(reason.split()) for reason in removed(dump, "train_pool").values())
    assert len(kept(dump, "train_pool")) + words == members
    inside = kept(dump, "train_labelled") <= kept(dump, "train_pool")
    apart = not kept(dump, "train_labelled") & kept(dump, "train_pool")
    assert inside if ssl_on_labelled == "true" else apart


def test_the_pool_has_no_text_and_all_tables_of_a_set_have_the_same_utterances(dump):
    run_filter(dump, "--labels", "0.5")
    assert not (dump / "train_pool" / "text").exists()
    for name in ["train", "dev", "test", "train_labelled", "train_pool"]:
        assert len(list(open_formatted(dump / name, require_text=name != "train_pool"))) == len(kept(dump, name))
        assert set(" ".join(read_table(dump / name / "spk2utt").values()).split()) == kept(dump, name)


def test_no_dev_or_test_utterance_or_audio_is_left_in_training(dump):
    run_filter(dump)
    held_out = [utterance for name in ("dev", "test") for utterance in open_formatted(dump / name)]
    for name in ["train", "unl", "train_labelled", "train_pool"]:
        data = list(open_formatted(dump / name))
        assert not {utterance.name for utterance in data} & {utterance.name for utterance in held_out}
        assert not {utterance.hash for utterance in data} & {utterance.hash for utterance in held_out}


def test_a_speed_copy_leaves_training_with_its_original(dump, tmp_path):
    perturb(tmp_path / "data/train", ["0.9", "1.0"], tmp_path / "data/train_sp")
    format_set(tmp_path / "data" / "train_sp", dump / "org" / "train_sp")
    run_filter(dump, "--train_set", "train_sp")
    reasons = removed(dump, "train_sp")
    assert reasons["s2-u6"] == reasons["sp0.9-s2-u6"] == "audio_in_dev d-s1-u1"


@pytest.mark.parametrize(("labels", "due"), [("0.5", 8), ("6s", None)])
def test_a_speed_copy_has_the_label_of_its_original_or_none(dump, tmp_path, labels, due):
    """Half of 17 utterances are 8 transcripts, and not those of half of their 33 copies; one is short at speed 1."""
    perturb(tmp_path / "data/train", ["0.9", "1.0"], tmp_path / "data/train_sp")
    format_set(tmp_path / "data" / "train_sp", dump / "org" / "train_sp")
    run_filter(dump, "--train_set", "train_sp", "--labels", labels, "--ssl_on_labelled", "false")
    labelled, pool = kept(dump, "train_sp_labelled"), kept(dump, "train_sp_pool")
    assert kept(dump, "train_sp") <= labelled | pool and not labelled & pool
    originals = {name.removeprefix("sp0.9-") for name in labelled}
    assert labelled == {name for name in kept(dump, "train_sp") if name.removeprefix("sp0.9-") in originals}
    assert due is None or len(originals) == due
    counts = read_table(dump / "train_sp" / "utt2num_samples")
    if due is None:  # 6 s of originals; what a copy lasts at speed 1 is 0.9 of it
        amounts = sum(int(counts.get(name, 0.9 * int(counts[f"sp0.9-{name}"]))) for name in originals)
        assert 6 - 2.5 < amounts / 16000 <= 6, "none lasts longer than 2.5 s"


def test_a_listed_utterance_labels_its_copies_and_a_listed_copy_itself(dump, tmp_path):
    perturb(tmp_path / "data/train", ["0.9", "1.0"], tmp_path / "data/train_sp")
    format_set(tmp_path / "data" / "train_sp", dump / "org" / "train_sp")
    first, second, third, *_ = sorted(set(read_table(dump / "org/train/wav.scp")))
    (tmp_path / "ids").write_text(f"{first}\n{second}\nsp0.9-{third}\n")
    run_filter(dump, "--train_set", "train_sp", "--labels", str(tmp_path / "ids"))
    due = {first, f"sp0.9-{first}", second, f"sp0.9-{second}", f"sp0.9-{third}"}
    assert kept(dump, "train_sp_labelled") == due


def test_speakers_called_sp1_and_sp2_are_no_copies_of_each_other():
    assert [original_of(name) for name in ("sp1-a", "sp01-a", "sp1.1-a", "sp2.0-sp1-a")] == [
        "sp1-a", "sp01-a", "a", "sp1-a"]  # fmt: skip


def test_smaller_labelled_subsets_lie_within_larger_ones_and_another_seed_draws_others(dump):
    run_filter(dump)
    data, source = open_formatted(dump / "train"), open_formatted(dump / "org/train")
    samples = {utterance.name: utterance.num_samples for utterance in data}

    def draw(labels, seed=0):
        chosen = choose_labelled(data, labels, rate=16000, seed=seed, source=source)
        return {name for name, is_chosen in zip(samples, chosen, strict=True) if is_chosen}

    def seconds(names):
        return sum(samples[name] for name in names) / 16000

    draws = [draw(labels) for labels in ("3s", "6s", "0.1min", "all")]
    assert draws[0] < draws[1] == draws[2] < draws[3] == samples.keys()
    assert seconds(draws[0]) <= 3 < seconds(draws[1]) <= 6
    assert draw("6s", seed=1) != draws[1]
    assert len(draw("0.25")) == round(0.25 * len(samples))


def test_a_file_of_ids_chooses_the_labelled_utterances(dump, tmp_path):
    (tmp_path / "ids").write_text("s0-u0 and a comment\ns1-u1\ns3-u3\n")
    run_filter(dump, "--labels", str(tmp_path / "ids"))
    assert kept(dump, "train_labelled") == {"s0-u0", "s1-u1"}, "s3-u3 is too short"
    (tmp_path / "ids").write_text("s0-u0\nnobody\n")
    with pytest.raises(InputError, match=r"ids:2: nobody is not an utterance of"):
        run_filter(dump, "--labels", str(tmp_path / "ids"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--labels", "5h"], r"train has 0\.01 h after filtering"),
        (["--labels", "3"], "a share lies between 0 and 1. Add a unit for an amount: 3h"),
        (["--labels", "many"], "no amount .* and no file of utterance ids"),
        (["--valid_set", "train"], "both trained on and evaluated on"),
        (["--test_sets", "dev unl"], "both trained on and evaluated on"),
        (["--valid_set", "nowhere"], "nowhere/wav.scp: no such file"),
        (["--valid_set", "unl", "--unlabelled_sets", ""], "unl/text: no such file"),
        (["--min_wav_duration", "30"], "not between 0 and --max_wav_duration"),
        (["--min_wav_duration", "2.4"], "nothing is left of 20 utterances"),
        (["--unlabelled_sets", "", "--ssl_on_labelled", "false"], "the pool of unlabelled speech is empty"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(dump, more, message):
    with pytest.raises(InputError, match=message):
        run_filter(dump, *more)


def test_one_id_with_two_audios_in_the_pool_is_refused(dump, make_dir, make_tone, tmp_path):
    soundfile.write(tmp_path / "other.wav", make_tone(0.5, seed=77), 16000)
    format_set(
        make_dir(tmp_path / "data" / "unl", [("s0-u0", "s0", "", tmp_path / "other.wav")], text=False),
        dump / "org" / "unl",
    )
    with pytest.raises(
        InputError, match=r"pool_id_clashes\.txt: 1 utterance ids, the first s0-u0, name different audio"
    ):
        run_filter(dump)


def test_killed_and_started_again_it_ends_in_the_same_files(dump, tree):
    command = [sys.executable, "-m", "espnet_bljust.bin.filter_data", *options_of(dump, "--labels", "0.5")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    unbroken = tree(dump)
    for number in range(8):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.05 + 0.01 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    assert tree(dump) == unbroken
