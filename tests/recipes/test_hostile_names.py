"""Folders, ids and option values that a shell would run, and names that climb: stages 1 to 5 with them."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.kaldi.tables import read_table
from tests.helpers.house import Recipe, build_house, clone_recipe

TRACE = "pwned"
HOSTILE = f"it's $(touch {TRACE}) `touch {TRACE}`; touch {TRACE} \"& * ~ \\ {{a,b}} ü -rf #"
IDS = ["$(touch${IFS}pwned)", "`touch${IFS}pwned`", ";touch${IFS}pwned;", "../../pwned", "/etc/pwned", "-rf", "--debug",
       "'\"'", "..", "*", "%2e%2e%2fpwned", "~root", "&&", "ü" * 60, "{a,b}", "\\x", "!x", "#x", "|", "JOB"]


@pytest.fixture
def hostile(tmp_path):
    """The template in a checkout whose own path is hostile."""
    house = tmp_path / HOSTILE
    house.mkdir()
    return clone_recipe(build_house(house), "TEMPLATE")


def write_audio(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = io.BytesIO()  # soundfile opens no name that is not UTF-8
    soundfile.write(wave, 0.1 * np.random.default_rng(seed).standard_normal(6000), 16000, format="WAV")
    path.write_bytes(wave.getvalue())


def traces(folder):
    return [path for path in folder.rglob("*") if TRACE in path.name and path.suffix not in (".flac", ".wav", ".ogg")
            and "touch" not in path.name]  # fmt: skip


def start(recipe, *words):
    return subprocess.run([recipe.folder / "run.sh", *map(str, words)], cwd=recipe.folder, env=recipe.environment,
                          capture_output=True, text=True, errors="replace")  # fmt: skip


def kaldi_corpus(folder, ids):
    """A Kaldi directory: three splits' worth of speakers, one of the ids a speaker of its own."""
    rows = []
    for number, utterance in enumerate(ids):
        write_audio(folder / f"audio/{number}.wav", number)
        rows.append((utterance, f"audio/{number}.wav", utterance, "YES NO"))
    rows.sort()
    for column, name in ((1, "wav.scp"), (2, "utt2spk"), (3, "text")):
        (folder / name).write_text("".join(f"{row[0]} {row[column]}\n" for row in rows))
    return folder


def test_ids_that_kaldi_permits_go_through_the_stages_and_reach_no_shell(hostile, tmp_path):
    corpus = kaldi_corpus(tmp_path / f"corpus {HOSTILE}", IDS)
    done = start(hostile, "--labelled", corpus, "--stop_stage", "5", "--nj", "2", "--speed_perturb_factors", "")
    assert done.returncode == 0, done.stdout + done.stderr
    formatted = {}
    for name in ("train", "dev", "test"):
        formatted |= read_table(hostile.folder / f"dump/raw/{name}/wav.scp")
    assert sorted(formatted) == sorted(IDS), "all of them, none renamed"
    dump = (hostile.folder / "dump").resolve()
    for entry in formatted.values():
        assert (hostile.folder / entry).resolve().is_relative_to(dump) and (hostile.folder / entry).is_file()
    assert traces(tmp_path) == [] and not Path("/etc/pwned").exists()


def test_folders_and_files_of_any_name_become_plain_ids(hostile, tmp_path):
    corpus = tmp_path / f"corpus {HOSTILE}"
    names = [f"$(touch {TRACE})", "`id`", "b c", "it's", '"', "-rf", "a;b", "x" * 200, "ü", "a|"]
    for number, name in enumerate(names):
        write_audio(corpus / name / f"{name}.wav", number)
        (corpus / name / f"{name}.txt").write_text("yes no")
    done = start(hostile, "--labelled", corpus, "--stop_stage", "3", "--nj", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 audio files" not in done.stderr and traces(tmp_path) == []


@pytest.mark.parametrize("name", [b"a\nb", b"\xff\xfe"], ids=["line break", "no UTF-8"])
def test_a_folder_that_no_table_can_name_is_one_clear_line(hostile, tmp_path, name):
    corpus = Path(str(tmp_path)) / name.decode(errors="surrogateescape")
    write_audio(corpus / "s/a.wav", 0)
    (corpus / "s/a.txt").write_text("yes")
    done = start(hostile, "--labelled", str(corpus), "--stop_stage", "1")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1, done.stderr


def test_a_command_in_a_stranger_s_wav_scp_stops_stage_1_unless_it_is_allowed(hostile, tmp_path):
    corpus = kaldi_corpus(tmp_path / "corpus", ["a", "b", "c", "d"])
    audio = corpus / "audio/0.wav"
    (corpus / "wav.scp").write_text(
        f"a touch {tmp_path}/{TRACE}; cat {audio} |\n" + "".join(f"{key} {audio}\n" for key in "bcd"))
    done = start(hostile, "--labelled", corpus, "--stop_stage", "3", "--nj", "1")
    assert done.returncode != 0 and "a command, which is not run" in done.stderr and not traces(tmp_path)
    done = start(hostile, "--labelled", corpus, "--stop_stage", "3", "--nj", "1", "--allow_pipes", "true")
    assert done.returncode == 0, done.stdout + done.stderr
    assert traces(tmp_path)


NAMES = [("--asr_tag", "../../x"), ("--asr_tag", "a b"), ("--asr_tag", "$(touch pwned)"), ("--asr_tag", ".hidden"),
         ("--decode_name", "a/b"), ("--lang", "../x"), ("--train_set", "-rf"), ("--test_sets", "a;b"),
         ("--valid_set", "a\nb"), ("--dumpdir", "-x"), ("--expdir", "exp/JOB"), ("--asr_args", "a=1\nb=2")]  # fmt: skip


@pytest.mark.parametrize(("option", "value"), NAMES)
def test_names_that_lead_elsewhere_are_refused_before_any_stage(recipe: Recipe, option, value):
    done = start(recipe, option, value, "--stop_stage", "1", "--dry_run", "true")
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("bljust.sh: "), done.stderr
    assert not (recipe.folder / TRACE).exists() and not (recipe.folder / "data").exists()


def test_words_for_the_recipe_are_parted_by_quotes_alone(recipe: Recipe):
    words = f"--a 'b c' \"d'e\" f\\ g $(touch {TRACE}) `touch {TRACE}` * ~ '' -- 'two\nlines'"
    (recipe.folder / "local/data.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(3)\n")
    done = start(recipe, "--local_data_opts", words, "--stop_stage", "1")
    expected = ["--a", "b c", "d'e", "f g", "$(touch", f"{TRACE})", "`touch", f"{TRACE}`", "*", "~", "", "--",
                "two\nlines"]
    assert str(expected) in done.stdout, done.stdout + done.stderr
    done = start(recipe, "--local_data_opts", "--a 'b", "--stop_stage", "1")
    assert done.returncode != 0 and "no closing quotation. Balance the quotes." in done.stderr
    assert not (recipe.folder / TRACE).exists()


@pytest.mark.parametrize("name", ["x a[$(touch${IFS}pwned)] 1", "../x", "-x", "$(touch pwned)", "a b"])
@pytest.mark.parametrize("place", ["name", "arm"])
def test_names_in_a_description_of_a_comparison_reach_no_arithmetic_of_the_shell(recipe: Recipe, name, place):
    arm = name if place == "arm" else "a"
    (recipe.folder / "conf/c.yaml").write_text(
        f"name: '{name if place == 'name' else 'x'}'\nseeds: [0]\ntest_set: test\n"
        f"reference: '{arm}'\narms: {{'{arm}': }}\n")
    compare = recipe.folder / "../../../local/compare.sh"
    done = subprocess.run([compare, "--config", "conf/c.yaml", "--dry_run", "true"], cwd=recipe.folder,
                          env=recipe.environment, capture_output=True, text=True)  # fmt: skip
    assert done.returncode != 0 and "no plain name" in done.stderr
    assert not (recipe.folder / TRACE).exists()
