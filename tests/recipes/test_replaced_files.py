"""What was replaced or purged under its name is noticed, by size and time, and made again; what is whole stays."""

import json
import os

import numpy as np
import pytest
import soundfile

from tests.recipes.test_stages import ran, up_to_date


def other_noise(path, seed=9):
    """Another recording of the same length in the place of ``path``."""
    samples, rate = soundfile.read(path)
    soundfile.write(path, 0.2 * np.random.default_rng(seed).standard_normal(len(samples)), rate)


def hashes(recipe, name="train"):
    return (recipe.folder / f"dump/raw/org/{name}/utt2hash").read_text()


def test_a_recording_that_was_replaced_is_formatted_again_with_its_set_alone(finished):
    before, kept = hashes(finished), (finished.folder / "dump/raw/org/dev").stat().st_ino
    other_noise(finished.folder / "downloads/s0-2.wav")
    output = finished.run("--stop_stage", "5")
    assert ran(output) == [3, 4] and "runs again: downloads/s0-2.wav has changed" in output
    changed = [one for one, two in zip(hashes(finished).splitlines(), before.splitlines(), strict=True) if one != two]
    assert [line.split()[0] for line in changed] == ["s0-2"]
    assert (finished.folder / "dump/raw/org/dev").stat().st_ino == kept
    assert up_to_date(finished.run("--stop_stage", "5")) == [1, 3, 4, 5]


@pytest.mark.parametrize("purged", [True, False])
def test_formatted_audio_that_was_purged_or_replaced_is_made_again(finished, purged):
    audio = finished.folder / "dump/raw/org/train/data/format.1/s0-1.flac"
    whole, before = audio.read_bytes(), finished.files()
    if purged:
        audio.unlink()
    else:
        other_noise(audio)
    output = finished.run("--stop_stage", "5")
    assert (ran(output), up_to_date(output)) == ([3], [1, 4, 5])  # the same files come out
    assert f"format.1/s0-1.flac {'is missing' if purged else 'has changed'}" in output
    assert audio.read_bytes() == whole and finished.files() == before


def test_a_recording_that_was_purged_after_it_was_formatted_is_named_and_no_more(finished):
    (finished.folder / "downloads/s0-1.wav").unlink()
    output = finished.run("--stop_stage", "5")
    assert up_to_date(output) == [1, 3, 4, 5]
    assert "stage 3: 1 of the recordings that it read are gone; what was made of them is whole" in output


def test_a_table_that_was_replaced_is_made_again(finished):
    text = finished.folder / "dump/raw/train_labelled/text"
    whole = text.read_text()
    text.write_text(whole.replace("one", "nine"))
    output = finished.run("--stop_stage", "4")
    assert ran(output) == [4] and "dump/raw/train_labelled/text is not what this stage made" in output
    assert text.read_text() == whole


def test_what_users_mend_in_data_stays_as_they_wrote_it(finished):
    text = finished.folder / "data/train/text"
    text.write_text(text.read_text().replace("three", "tree"))
    assert up_to_date(finished.run("--stop_stage", "1")) == [1] and "tree" in text.read_text()


def test_records_of_earlier_versions_without_sizes_still_stand(finished):
    for record in (finished.folder / "dump/raw/.stages").rglob("*.json"):
        content = json.loads(record.read_text())
        record.write_text(json.dumps({**content, "outputs": list(content["outputs"])}))
        record.with_name(record.name + ".recordings").unlink(missing_ok=True)
    os.utime(finished.folder / "downloads/s0-1.wav", (1, 1))
    assert up_to_date(finished.run("--stop_stage", "5")) == [1, 3, 4, 5]


def test_another_training_set_leaves_the_shared_sets_formatted_audio_alone(finished):
    script = finished.folder / "run.sh"
    script.write_text(script.read_text().replace("--train_set train --unlabelled_sets extra",
                                                 "--train_set extra --unlabelled_sets train"))
    before = {name: (finished.folder / f"dump/raw/org/{name}").stat().st_ino for name in ("train", "extra", "dev")}
    finished.run("--stop_stage", "3")
    assert before == {name: (finished.folder / f"dump/raw/org/{name}").stat().st_ino for name in before}
