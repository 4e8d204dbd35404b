"""A key of a configuration, written down once: a field with its default, unit, range and meaning.

    pool_span: int = key(10, "length of a span on the pool", unit="frames", least=1)

From such fields of a `Group` come the check of what a file holds, the nearest name in an error, ESPnet's arguments
(espnet/arguments.py), `--help` and docs/training_keys.md (planning/keys_page.py).
"""

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from types import UnionType
from typing import Any, ClassVar, NamedTuple, Self, get_args, get_origin

from espnet_bljust.errors import InputError

type Count = int  # a whole number that may be written 3e2


class Key(NamedTuple):
    """What a field cannot say by its name, type and default."""

    meaning: str
    unit: str
    least: float
    above: float
    most: float | None
    below: float
    choices: tuple[str, ...]
    example: Any  # a value that would do
    in_train_yaml: bool


def key(
    default: Any, meaning: str, *, unit: str = "", least: float = -math.inf, above: float = -math.inf,
    most: float | None = None, below: float = math.inf, choices: Collection[str] = (), example: Any = None,
    in_train_yaml: bool = False, compare: bool = True,
) -> Any:
    """A field of a Group; ``default`` MISSING: a file must say it, as ``example`` shows.

    Numbers are finite, but for ``most`` inf, which allows .inf. ``choices``: of text, or of the keys of a mapping.
    ``in_train_yaml``: stage 7 writes the default down where nobody set it.
    """
    example = default if example is None else example
    made = {"default_factory": lambda: dict(default)} if isinstance(default, dict) else {"default": default}
    metadata = {"key": Key(meaning, unit, least, above, most, below, tuple(choices), example, in_train_yaml)}
    return field(**made, metadata=metadata, compare=compare)


@dataclass(frozen=True)
class Group:
    """Keys that stand together in a configuration file; each is checked by type and range wherever one is made."""

    conf: ClassVar[str] = ""  # the key of a file below which they stand

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """From YAML; InputError for a key that is unknown or missing and for a value that does not do."""
        where = where or cls.conf or cls.__name__
        refuse_unknown(values, [each.name for each in fields(cls)], where)
        for each in fields(cls):
            if is_required(each) and each.name not in values:
                raise InputError(f"{where}: {each.name} is missing ({key_of(each).meaning}). "
                                 f"Add {each.name}: {shown(key_of(each).example)}, say.")
        try:
            return cls(**values)
        except ValueError as error:
            raise InputError(f"{where}: {error}. Mend the value; docs/training_keys.md lists all.") from error

    @classmethod
    def among(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """The same of a mapping that has other keys too."""
        return cls.from_dict({each.name: values[each.name] for each in fields(cls) if each.name in values}, where)

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, fitted(each, getattr(self, each.name)))
        self.check()

    def check(self) -> None:
        """ValueError where values do not go together."""


def key_of(each: Field) -> Key:
    """What `key` put into a field."""
    return each.metadata["key"]


def kind_of(each: Field) -> Any:
    """Its type; of ``text | None``, where nobody set it, text."""
    return get_args(each.type)[0] if isinstance(each.type, UnionType) else each.type


def is_required(each: Field) -> bool:
    """Whether a file must set it."""
    return each.default is MISSING and each.default_factory is MISSING


def default_of(each: Field) -> Any:
    """The value of a key that nobody set, as YAML has it; None for one that must be set."""
    if each.default_factory is not MISSING:
        return each.default_factory()
    if isinstance(each.default, tuple):
        return list(each.default)
    return None if each.default is MISSING else each.default


def require(holds: bool, what: str) -> None:
    """ValueError where it does not hold."""
    if not holds:
        raise ValueError(what)


def refuse_unknown(given: Collection, known: Collection[str], where: str, what: str = "unknown key") -> None:
    """InputError with the nearest known name, at the first of ``given`` that is not known."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1, 0)[0]
            raise InputError(f"{where}: {what} {name}. Remove it, or did you mean {near}?")


def fitted(each: Field, value: Any) -> Any:
    """``value`` as the field's type has it; ValueError where it is of another, or out of range."""
    key = key_of(each)
    if value is None and each.default is None:
        return None
    if get_origin(each.type) is not dict:
        return _fitted(each.name, kind_of(each), value, key)
    if not isinstance(value, Mapping):
        raise ValueError(f"{each.name} is {value!r}, not {allowed(each)} ({key.meaning})")
    if odd := [name for name in value if name not in key.choices]:
        raise ValueError(f"{each.name} has {odd[0]!r}, not {allowed(each)} ({key.meaning})")
    kind, key = get_args(each.type)[1], key._replace(choices=(), example=MISSING)
    return {name: _fitted(f"{each.name}.{name}", kind, part, key) for name, part in value.items()}


def allowed(each: Field) -> str:
    """What a key may be, in words."""
    return _words(kind_of(each), key_of(each))


def shown(value: Any) -> str:
    """As YAML has it, on one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {shown(part)}' for name, part in value.items())}}}"
    return str(value).lower() if isinstance(value, bool) else ".inf" if value == math.inf else str(value)


class _UnfitError(Exception):
    """A value is not what its key takes."""


def _fitted(name: str, kind: Any, value: Any, key: Key) -> Any:
    try:
        return _converted(kind, value, key)
    except (_UnfitError, OverflowError):  # an integer beyond floating point
        example = f", such as {shown(key.example)}" if key.example not in (MISSING, (), {}) and not key.choices else ""
        raise ValueError(f"{name} is {value!r}, not {_words(kind, key)} ({key.meaning}){example}") from None


def _converted(kind: Any, value: Any, key: Key) -> Any:
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        _need(isinstance(value, list | tuple))
        kinds = kinds[:1] * len(value) if kinds[-1] is Ellipsis else kinds
        _need(len(kinds) == len(value))
        return tuple(_converted(one, part, key) for one, part in zip(kinds, value, strict=True))
    if kind in (bool, str, dict):
        _need(isinstance(value, kind) and (not key.choices or value in key.choices))
        return value
    whole = type(value) is int or type(value) is float and value.is_integer() and kind is Count
    _need(whole or type(value) is float and kind is float)
    number = float(value) if kind is float else int(value)
    _need(number >= key.least and number > key.above)
    _need(number < key.below if key.most is None else number <= key.most)
    return number


def _need(holds: bool) -> None:
    if not holds:
        raise _UnfitError


def _words(kind: Any, key: Key) -> str:
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        count = "" if kinds[-1] is Ellipsis else f" of {len(kinds)}"
        return f"a list{count}, each {_words(kinds[0], key)}"
    if get_origin(kind) is dict:
        return f"keys of {', '.join(key.choices)}, each {_words(get_args(kind)[1], key._replace(choices=()))}"
    if key.choices:
        return f"one of {', '.join(key.choices)}"
    if kind in (bool, str, dict):
        return {bool: "true or false", str: "text", dict: "keys with values"}[kind]
    share = kind is float and key.least == 0 and 1 in (key.most, key.below)
    unit = f" of {key.unit}" if key.unit else ""
    return f"a {'share' if share else 'number' if kind is float else 'whole number'}{unit}{_range_words(key)}"


def _range_words(key: Key) -> str:
    bounds = [("from", key.least), ("above", key.above), ("below", key.below), ("to", key.most)]
    words = [f"{word} {bound:g}" for word, bound in bounds if bound is not None and math.isfinite(bound)]
    return "".join(f" {word}" for word in words) + (", .inf for none" if key.most == math.inf else "")
