"""local/data.py of egs2/librispeech/bljust and egs2/mini_librispeech/bljust: generated trees and real recordings."""


import numpy as np
import pytest
import soundfile
import yaml

from espnet_bljust.bilevel.plan_options import PlanOptions, build_plan
from espnet_bljust.data.kaldi.directory import read_dir
from tests.helpers.libri import CORPUS, ROOT, SENTENCES, generated, real, run_data, write_chapter, write_speakers

PARTS = ["train-clean-100", "train-clean-360", "dev-other", "test-clean"]
WORDS = ["--librispeech_dir", "corpus", "--unlabelled", "train-clean-360", "--dev", "dev-other", "--test", "test-clean"]
MINI = ["train-clean-5", "dev-clean-2", "test-clean"]


def tree_of(kind, parts, root):
    if kind == "real" and not CORPUS.is_dir():
        pytest.skip(f"the excerpt is not at {CORPUS}")
    return {"generated": generated, "real": real}[kind](root, parts)


@pytest.fixture(params=["generated", "real"])
def tree(request, tmp_path):
    """The parts in ``tmp_path / "corpus"``."""
    return tree_of(request.param, PARTS, tmp_path / "corpus")


def part_of(tree, name):
    return tree / "LibriSpeech" / name


def transcripts(part):
    """Words by id, by the slow plain way."""
    lines = [line for path in part.glob("*/*/*.trans.txt") for line in path.read_text().splitlines()]
    return dict(line.split(" ", 1) for line in lines)


def listed(folder):
    return (folder / "data/librispeech_problems.txt").read_text().splitlines()


def problems_of(folder, *words, recipe="librispeech"):
    """A run that must end in one line and a list: the list."""
    done = run_data(recipe, folder, *(words or WORDS))
    assert done.returncode == 1
    assert done.stderr.startswith("error: stage 1: ") and done.stderr.count("\n") == 1, done.stderr
    assert not (folder / "data/train").exists()
    found = listed(folder)
    assert found[0] in done.stderr and f" {len(found)} problem" in done.stderr
    return found


def test_every_set_is_its_part_with_text_where_it_is_labelled(tree, tmp_path):
    done = run_data("librispeech", tmp_path, *WORDS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("train ") and done.stdout.count("\n") == 1
    for name, part in zip(["train", "unlabelled", "dev_other", "test_clean"], PARTS, strict=True):
        folder = part_of(tree, part)
        directory = read_dir(tmp_path / "data" / name)
        paths = {path.stem: str(path.absolute()) for path in folder.glob("*/*/*.flac")}
        assert directory.wavs == paths and paths
        assert directory.utt2spk == {key: key.split("-")[0] for key in paths}
        assert directory.text == (None if name == "unlabelled" else transcripts(folder))
        assert f"{name} {len(paths)} utterances" in done.stdout


def test_hours_of_the_last_line_are_those_of_the_audio(tree, tmp_path):
    done = run_data("librispeech", tmp_path, *WORDS)
    seconds = sum(soundfile.info(path).duration for path in part_of(tree, "train-clean-100").glob("*/*/*.flac"))
    assert f"{seconds / 3600:.2f} h; unlabelled" in done.stdout


def test_running_again_changes_nothing(tree, tmp_path):
    contents = []
    for _ in range(2):
        assert run_data("librispeech", tmp_path, *WORDS).returncode == 0
        contents.append({path: path.read_bytes() for path in sorted((tmp_path / "data").rglob("*")) if path.is_file()})
    assert contents[0] == contents[1] and not list(tmp_path.glob("data/*.tmp"))


def test_windows_line_ends_and_byte_order_marks_change_no_transcript(tree, tmp_path):
    part = part_of(tree, "test-clean")
    due = transcripts(part)
    for path in part.glob("*/*/*.trans.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    done = run_data("librispeech", tmp_path, *WORDS)
    assert done.returncode == 0, done.stderr
    assert read_dir(tmp_path / "data/test_clean").text == due


def test_several_parts_make_one_training_set_and_the_place_may_stand_in_db(tree, tmp_path):
    (tmp_path / "db.sh").write_text(f"LIBRISPEECH={tree / 'LibriSpeech'}\n")
    words = ["--labelled", *PARTS[:2], "--unlabelled", "--dev", "dev-other", "--test", "test-clean"]
    done = run_data("librispeech", tmp_path, *words)
    assert done.returncode == 0, done.stderr
    due = transcripts(part_of(tree, PARTS[0])) | transcripts(part_of(tree, PARTS[1]))
    assert read_dir(tmp_path / "data/train").text == due
    assert not (tmp_path / "data/unlabelled").exists()


def test_a_file_of_ids_chooses_what_is_labelled_and_the_rest_is_unlabelled(tree, tmp_path):
    everything = sorted(transcripts(part_of(tree, "train-clean-360")))
    (tmp_path / "ids.txt").write_text("".join(f"{utterance} and more\n" for utterance in everything[1::2]))
    done = run_data("librispeech", tmp_path, *WORDS, "--labelled", "ids.txt")
    assert done.returncode == 0, done.stderr
    assert sorted(read_dir(tmp_path / "data/train").text) == everything[1::2]
    assert sorted(read_dir(tmp_path / "data/unlabelled").wavs) == everything[0::2]
    (tmp_path / "ids.txt").write_text("19-198-9999\nnonsense\n")
    done = run_data("librispeech", tmp_path, *WORDS, "--labelled", "ids.txt")
    assert [line.split()[1] for line in listed(tmp_path)] == ["19-198-9999", "nonsense"]


def limited_tree(root, tree):
    """librispeech_finetuning: three utterances of train-clean-360 in three of its folders, others elsewhere."""
    chapter = sorted(part_of(tree, "train-clean-360").glob("*/*"))[0]
    ids = sorted(path.stem for path in chapter.glob("*.flac"))
    speaker = chapter.parent.name
    words = transcripts(part_of(tree, "train-clean-360"))
    for place, utterance in [("1h/0/clean", ids[0]), ("1h/3/clean", ids[1]), ("9h/clean", ids[2])]:
        folder = root / "librispeech_finetuning" / place / speaker / chapter.name
        folder.mkdir(parents=True)
        (folder / f"{utterance}.flac").write_bytes((chapter / f"{utterance}.flac").read_bytes())
        (folder / f"{speaker}-{chapter.name}.trans.txt").write_text(f"{utterance} {words[utterance]}\n")
    for place in [*(f"1h/{fold}/{kind}" for fold in range(6) for kind in ("clean", "other")), "9h/clean", "9h/other"]:
        folder = root / "librispeech_finetuning" / place
        if not folder.is_dir():
            write_chapter(folder, "19", str(7000 + len(place) * 100 + sum(map(ord, place))), 1)
    (root / "librispeech_finetuning/phones").mkdir()
    return ids


@pytest.mark.parametrize(("amount", "due", "count"), [("10min", 1, 2), ("1h", 2, 12), ("10h", 3, 14)])
def test_libri_lights_amounts_are_labelled_and_their_utterances_left_out_of_the_rest(tmp_path, amount, due, count):
    tree = generated(tmp_path / "corpus", PARTS)
    ids = limited_tree(tmp_path / "light", tree)
    done = run_data("librispeech", tmp_path, *WORDS, "--labelled", amount, "--librilight_dir", "light")
    assert done.returncode == 0, done.stderr
    train, rest = (read_dir(tmp_path / "data" / name) for name in ("train", "unlabelled"))
    assert len(train.wavs) == count and set(ids[:due]) <= train.text.keys()
    assert all("librispeech_finetuning" in path for path in train.wavs.values())
    assert not train.wavs.keys() & rest.wavs.keys()
    assert rest.wavs.keys() | set(ids[:due]) == transcripts(part_of(tree, "train-clean-360")).keys()


def test_ten_minutes_may_be_another_sixth_of_the_hour_and_a_missing_fold_is_named(tmp_path):
    ids = limited_tree(tmp_path / "light", generated(tmp_path / "corpus", PARTS))
    words = [*WORDS, "--labelled", "10min", "--librilight_dir", "light"]
    assert run_data("librispeech", tmp_path, *words, "--fold", "3").returncode == 0
    assert ids[1] in read_dir(tmp_path / "data/train").text
    done = run_data("librispeech", tmp_path, *words[:-1], "corpus")
    assert done.returncode == 1 and "1h/0/clean" in done.stderr and done.stderr.count("\n") == 1


def test_missing_parts_are_all_named_in_one_line(tree, tmp_path):
    done = run_data("librispeech", tmp_path, "--librispeech_dir", "corpus")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no train-other-500, no dev-clean, no test-other in it" in done.stderr
    done = run_data("librispeech", tmp_path, "--librispeech_dir", "corpus", "--dev", "dev-othr")
    assert "dev-othr: not one of dev-clean, dev-other. Did you mean dev-other?" in done.stderr


def test_everything_wrong_in_a_half_copied_tree_is_listed_at_once_and_nothing_is_made(tree, tmp_path):
    chapters = [sorted(part_of(tree, part).glob("*/*"))[0] for part in PARTS]
    audio = [sorted(chapter.glob("*.flac"))[:3] for chapter in chapters]
    audio[0][0].unlink()
    audio[0][1].write_bytes(b"")
    audio[0][2].write_bytes(audio[0][2].read_bytes()[: audio[0][2].stat().st_size // 2])
    next(chapters[1].glob("*.trans.txt")).unlink()
    soundfile.write(audio[2][0], np.zeros(8000, np.int16), 8000)
    soundfile.write(audio[2][1], np.zeros((8000, 2), np.int16), 16000)
    audio[2][2].write_bytes(b"RIFF" + audio[2][2].read_bytes()[4:])
    lines = next(chapters[3].glob("*.trans.txt")).read_text().splitlines()
    next(chapters[3].glob("*.trans.txt")).write_text("\n".join([f"{lines[0].split()[0]} déjà vu", *lines[2:]]) + "\n")
    found = "\n".join(problems_of(tmp_path))
    for path, what in [(audio[0][0], "no such file, but a transcript"), (audio[0][1], "an empty file"),
                       (audio[0][2], "cut short"), (audio[2][0], "8000 Hz and 1 channels"),
                       (audio[2][1], "16000 Hz and 2 channels"), (audio[2][2], "no FLAC file"),
                       (audio[3][1], "audio without a transcript")]:  # fmt: skip
        assert f"{path.absolute()}: {what}" in found
    for path in audio[1]:
        assert f"{path.absolute()}: audio without a transcript" in found
    assert ".trans.txt: no such file" in found and ".trans.txt:1: " in found and "déjà vu" in found


def test_empty_folders_of_a_half_unpacked_archive_are_named(tree, tmp_path):
    (part_of(tree, "train-clean-100") / "4970").mkdir()
    found = problems_of(tmp_path)
    assert ["4970: no folder of a chapter in it" in line for line in found] == [True]


def test_a_speaker_in_two_kinds_of_sets_or_of_another_part_is_refused(tree, tmp_path):
    chapter = sorted(part_of(tree, "test-clean").glob("*/*"))[0]
    heard = chapter.parent.name
    (part_of(tree, "train-clean-360") / heard).symlink_to(chapter.parent.absolute())
    found = problems_of(tmp_path)
    assert any(f"train-clean-360/{heard}: " in line and "in test-clean" in line for line in found)
    assert any(f"data/test_clean: speaker {heard} is in data/unlabelled, too" in line for line in found)


def test_a_speaker_that_speakers_txt_does_not_know_is_refused(tree, tmp_path):
    write_chapter(part_of(tree, "dev-other"), "9999", "1", 2)
    assert "dev-other/9999: " in problems_of(tmp_path)[0] and "in no part" in listed(tmp_path)[0]


def test_less_speech_than_speakers_txt_has_is_a_warning_with_a_list(tree, tmp_path):
    speakers = {folder.name: part for part in PARTS for folder in part_of(tree, part).iterdir()}
    write_speakers(tree / "LibriSpeech/SPEAKERS.TXT", speakers | {"7": "train-clean-100", "8": "train-other-500"})
    done = run_data("librispeech", tmp_path, *WORDS)
    assert done.returncode == 0 and "warning: 1 speakers" in done.stderr
    assert "train-clean-100/7: 0.00 of 0.01 minutes" in (tmp_path / "data/librispeech_missing.txt").read_text()


@pytest.mark.parametrize("words", [("--unlabelled", "train-clean-100"), ("--labelled", "test-clean"),
                                   ("--labelled", "11h"), ("--test", "dev-clean")])  # fmt: skip
def test_parts_that_cannot_serve_are_refused_in_one_line(tmp_path, words):
    done = run_data("librispeech", tmp_path, "--librispeech_dir", "corpus", *words)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and words[-1] in done.stderr


@pytest.mark.parametrize("kind", ["generated", "real"])
def test_mini_librispeech_is_three_parts_with_text(kind, tmp_path):
    tree = tree_of(kind, MINI, tmp_path / "corpus")
    done = run_data("mini_librispeech", tmp_path, "--librispeech_dir", "corpus")
    assert done.returncode == 0, done.stderr
    for name, part in zip(["train", "dev", "test"], MINI, strict=True):
        assert read_dir(tmp_path / "data" / name).text == transcripts(part_of(tree, part))
    next(part_of(tree, "dev-clean-2").glob("*/*/*.trans.txt")).unlink()
    done = run_data("mini_librispeech", tmp_path, "--librispeech_dir", "corpus")
    assert done.returncode == 1 and all("/dev" in line for line in listed(tmp_path))
    done = run_data("mini_librispeech", tmp_path, "--librispeech_dir", "nowhere")
    assert "no train-clean-5, no dev-clean-2, no test-clean" in done.stderr


def test_sentences_of_the_generated_trees_are_librispeechs_kind():
    assert all(set(sentence) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ") for sentence in SENTENCES)


@pytest.mark.parametrize("recipe", ["librispeech", "mini_librispeech"])
def test_every_machine_makes_the_same_updates_over_the_same_audio(recipe):
    plans, audio = [], []
    for name in ("train_bljust", "tuning/train_bljust_small_gpu", "tuning/train_bljust_many_gpus"):
        settings = configuration(recipe, name)
        plans.append(settings["plan_conf"])
        audio.append([settings["accum_grad"] * settings[key] for key in ("batch_seconds", "unlabelled_batch_seconds")])
    assert plans[0] == plans[1] == plans[2]
    assert np.allclose(audio, audio[0], rtol=0.002)


@pytest.mark.parametrize(("name", "hours"), [
    ("conformer_500h_100h", 100.6), ("conformer_500h_360h", 363.6), ("cnn_rnn", 100.6),
])  # fmt: skip
def test_a_cycle_of_the_published_systems_is_a_pass_over_the_labelled_speech(name, hours):
    settings = configuration("librispeech", f"tuning/train_bljust_{name}")
    plan = build_plan(PlanOptions.from_dict(settings["plan_conf"]))
    seconds = settings["accum_grad"] * settings["batch_seconds"]
    assert settings["plan_conf"]["joint_steps"] * seconds / 3600 == pytest.approx(hours, rel=0.002)
    assert settings["plan_conf"]["final_steps"] * seconds / 3600 == pytest.approx(5 * hours, rel=0.002)
    gammas = [segment.gamma_last for segment in plan.segments if segment.phase == "joint"]
    assert gammas[0] == 0 and np.allclose(np.diff(gammas), gammas[-1] / (len(gammas) - 1))


def configuration(recipe, name):
    return yaml.safe_load((ROOT / f"egs2/{recipe}/bljust/conf/{name}.yaml").read_text())
