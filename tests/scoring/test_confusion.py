"""Accuracy, unweighted average recall and confusion counts, by hand and beside a slow plain loop."""

import random

import numpy as np
import pytest

from espnet_bljust.bin import score_classes
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.confusion import NOTHING, add, count, markdown_table, read_confusion, write_confusion
from espnet_bljust.scoring.confusion_figure import labels

SAID = {"a": "calm", "b": "calm", "c": "sad", "d": "sad", "e": "sad", "f": "sad"}
HEARD = {"a": "calm", "b": "sad", "c": "sad", "d": "sad", "e": "sad", "f": ""}


def test_rates_are_those_counted_by_hand():
    found = count(SAID, HEARD)
    assert found.classes == [NOTHING, "calm", "sad"]
    assert found.counts.tolist() == [[0, 0, 0], [0, 1, 1], [1, 0, 3]]
    assert found.accuracy == 4 / 6
    assert found.recalls() == {"calm": 1 / 2, "sad": 3 / 4}
    assert found.average_recall == (1 / 2 + 3 / 4) / 2


def test_rates_of_many_utterances_are_those_of_a_plain_loop():
    generator = random.Random(0)
    names = ["angry", "calm", "happy", "sad"]
    said = {str(index): generator.choice(names[:3]) for index in range(200)}
    heard = {key: generator.choice([value, *names]) for key, value in said.items()}
    found = count(said, heard)
    assert found.accuracy == sum(said[key] == heard[key] for key in said) / 200
    recalls = []
    for name in names[:3]:
        mine = [key for key in said if said[key] == name]
        recalls.append(sum(heard[key] == name for key in mine) / len(mine))
    assert found.average_recall == pytest.approx(sum(recalls) / 3)


def test_folds_add_up_to_the_whole_though_they_hold_other_classes():
    halves = [{"a", "b", "c"}, {"d", "e", "f"}]
    parts = [count({key: SAID[key] for key in half}, {key: HEARD[key] for key in half}) for half in halves]
    whole, together = count(SAID, HEARD), add(parts)
    assert together.classes == whole.classes
    assert np.array_equal(together.counts, whole.counts)


def test_counts_come_back_from_their_file_and_a_damaged_one_is_named(tmp_path):
    path = tmp_path / "confusion.json"
    write_confusion(path, count(SAID, HEARD))
    found = read_confusion(path)
    assert found.classes == [NOTHING, "calm", "sad"] and found.accuracy == 4 / 6
    assert "|test|6|66.7|62.5||50.0|75.0|" in markdown_table({"test": found})
    path.write_text("{}")
    with pytest.raises(InputError, match="no counts of classes"):
        read_confusion(path)


def test_the_command_writes_numbers_and_picture_and_refuses_other_utterances(tmp_path, capsys):
    for name, table in (("ref", SAID), ("hyp", HEARD)):
        (tmp_path / name).write_text("".join(f"{key} {value}".rstrip() + "\n" for key, value in table.items()))
    words = [f"--{name}={tmp_path / name}" for name in ("ref", "hyp")]
    score_classes.main(score_classes.get_parser().parse_args([*words, f"--out_dir={tmp_path / 'out/score_class'}"]))
    assert "accuracy 66.7 %, unweighted average recall 62.5 % (6 utterances)" in capsys.readouterr().out
    assert (tmp_path / "out/score_class/confusion.png").read_bytes()[:4] == b"\x89PNG"
    (tmp_path / "hyp").write_text("a calm\n")
    with pytest.raises(InputError, match="5 utterances have no hypothesis"):
        score_classes.main(score_classes.get_parser().parse_args([*words, f"--out_dir={tmp_path / 'out'}"]))


def test_names_that_the_font_of_the_picture_lacks_stand_as_numbers():
    assert labels(["yes", "ja", "да", "ναι"]) == (["yes", "ja", "да", "ναι"], "")
    names, key = labels(["हाँ", "はい"])
    assert names == ["1", "2"] and "confusion.json" in key
