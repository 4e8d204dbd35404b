"""A key as a field of a group: what its type and range let through, and what the error says of the rest."""

import math
from dataclasses import MISSING, dataclass, fields
from typing import ClassVar

import pytest

from espnet_bljust.errors import InputError
from espnet_bljust.keys import Count, Group, allowed, key, require, shown


@dataclass(frozen=True, kw_only=True)
class Walk(Group):
    """One key of each type."""

    conf: ClassVar[str] = "walk_conf"

    steps: int = key(MISSING, "on the way", unit="steps", least=1, example=3)
    laps: Count = key(1, "there and back", least=0)
    speed: float = key(1.5, "on the level", unit="m/s", above=0, most=math.inf)
    share: float = key(0.5, "uphill", least=0, below=1)
    alone: bool = key(False, "without company")
    gait: str = key("slow", "of the feet", choices=("slow", "fast"))
    shoes: str | None = key(None, "on the feet", choices=("old", "new"))
    stops: tuple[int, ...] = key((), "where to rest", least=0, most=9)
    box: tuple[tuple[float, float], ...] = key((), "corners")
    feet: dict[str, float] = key({}, "loads", least=0, choices=("left", "right"))

    def check(self) -> None:
        require(self.steps > self.laps, f"laps {self.laps} are no fewer than steps {self.steps}")


def test_values_come_out_as_their_fields_have_them():
    walk = Walk.from_dict({"steps": 4, "laps": 2.0, "speed": 2, "stops": [1, 2], "box": [[0, 1]], "feet": {"left": 1}})
    assert walk == Walk(steps=4, laps=2, speed=2.0, stops=(1, 2), box=((0.0, 1.0),), feet={"left": 1.0})
    assert [type(value) for value in (walk.laps, walk.speed, walk.stops, walk.box[0][0])] == [int, float, tuple, float]
    assert walk.shoes is None and Walk(steps=2, speed=math.inf).speed == math.inf


@pytest.mark.parametrize(("name", "value", "words"), [
    ("steps", 0, "steps is 0, not a whole number of steps from 1 (on the way), such as 3"),
    ("steps", 2.0, "steps is 2.0, not a whole number"), ("steps", True, "steps is True, not"),
    ("steps", None, "steps is None, not"), ("steps", "2", "steps is '2', not"),
    ("laps", 2.5, "laps is 2.5, not a whole number from 0"), ("laps", math.inf, "laps is inf"),
    ("laps", math.nan, "laps is nan"), ("laps", False, "laps is False"),
    ("speed", 0, "speed is 0, not a number of m/s above 0, .inf for none (on the level)"),
    ("speed", math.nan, "speed is nan"), ("speed", True, "speed is True"), ("speed", "1.5", "speed is '1.5'"),
    ("speed", 10**400, "speed is 1000"), ("share", 1, "share is 1, not a share from 0 below 1"),
    ("share", -0.1, "share is -0.1"), ("share", -math.inf, "share is -inf"),
    ("alone", 1, "alone is 1, not true or false"), ("alone", "yes", "alone is 'yes'"),
    ("gait", "medium", "gait is 'medium', not one of slow, fast (of the feet)"), ("gait", ["slow"], "gait is ['slow']"),
    ("shoes", "red", "shoes is 'red', not one of old, new"),
    ("stops", [1, 10], "stops is [1, 10], not a list, each a whole number from 0 to 9"), ("stops", 3, "stops is 3"),
    ("box", [[1]], "box is [[1]], not a list, each a list of 2, each a number"), ("box", [[1, math.inf]], "box is"),
    ("feet", {"left": "heavy"}, "feet.left is 'heavy', not a number from 0 (loads)"),
    ("feet", {"middle": 1}, "feet has 'middle', not keys of left, right, each a number from 0"),
    ("feet", 3, "feet is 3, not keys of left, right"), ("laps", 3, "laps 3 are no fewer than steps 3"),
])  # fmt: skip
def test_a_value_that_does_not_do_is_named_with_place_range_and_meaning(name, value, words):
    with pytest.raises(InputError) as caught:
        Walk.from_dict({"steps": 3, name: value}, "walk.yaml: walk_conf")
    message = str(caught.value)
    assert message.startswith(f"walk.yaml: walk_conf: {words}") and message.endswith("docs/training_keys.md lists all.")
    with pytest.raises(ValueError):  # noqa: PT011  of Python's callers, too
        Walk(**{"steps": 3, name: value})


@pytest.mark.parametrize("name", ["stpes", "", 7, None, ("laps",)])
def test_an_unknown_key_is_named_with_the_nearest_known_one(name):
    with pytest.raises(InputError, match=r"^walk_conf: unknown key .*\. Remove it, or did you mean \w+\?$"):
        Walk.from_dict({"steps": 3, name: 1})
    with pytest.raises(InputError, match="did you mean share"):
        Walk.from_dict({"shar": 3})


def test_a_key_that_must_be_set_is_missed_with_an_example():
    with pytest.raises(InputError, match=r"^walk_conf: steps is missing \(on the way\)\. Add steps: 3, say\.$"):
        Walk.from_dict({})


def test_what_a_key_may_be_is_said_in_words():
    assert [allowed(each) for each in fields(Walk)] == [
        "a whole number of steps from 1", "a whole number from 0", "a number of m/s above 0, .inf for none",
        "a share from 0 below 1", "true or false", "one of slow, fast", "one of old, new",
        "a list, each a whole number from 0 to 9", "a list, each a list of 2, each a number",
        "keys of left, right, each a number from 0"]


def test_values_are_shown_as_yaml_has_them():
    written = {"1": 1, "true": True, ".inf": math.inf, "[1, [2.0, false]]": (1, (2.0, False)), "word": "word",
               "{theta: 0.0001}": {"theta": 1e-4}, "{}": {}}
    assert {text: shown(value) for text, value in written.items()} == {text: text for text in written}
