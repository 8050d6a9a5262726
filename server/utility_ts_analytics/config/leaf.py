"""Reads one value of the configuration by the type that the model gives it.

The types are msgspec's description of the model (`msgspec.inspect`), so ranges and choices are in
the model only. `tests/unit/config/test_leaf.py` checks that msgspec accepts the same values.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeGuard

import msgspec
from msgspec.inspect import (
    BoolType,
    CustomType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    Type,
    UnionType,
    VarTupleType,
)

from utility_ts_analytics.config.problems import Problems, shown_value
from utility_ts_analytics.config.values import Secret

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class EnvironmentText:
    """A value that an environment variable gave, as text still; may be a secret.

    Attributes:
        text: The variable's value, or the content of the file it names.
        variable: Its name.
        is_from_file: Then the text is never shown: people point `_FILE` at secrets.
    """

    text: str
    variable: str
    is_from_file: bool


class _UnfitError(Exception):
    """The value is not what the model wants; holds the phrase that follows "must be"."""


class _TextType(Protocol):
    @classmethod
    def parse(cls, text: str) -> Self: ...


def read_leaf(expected: Type, value: object, path: str, problems: Problems) -> object | None:
    """Return the value that the model holds for `value`, or None after adding the problems.

    Args:
        expected: The model's type of this key.
        value: As TOML gave it, or an `EnvironmentText`.
        path: Dotted path of the key.
        problems: Where problems go, one for each wrong element of a list.
    """
    expected = _without_none(expected)
    place = _Place(path, problems, None, is_hidden=_is_secret(expected))
    if isinstance(value, EnvironmentText):
        is_hidden = place.is_hidden or value.is_from_file
        place = _Place(path, problems, value.variable, is_hidden=is_hidden)
        value = _value_of_text(expected, value.text)
    if isinstance(expected, VarTupleType) and isinstance(value, list):
        return _read_list(expected, value, place)
    return _read_or_report(expected, value, place)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands, and whether a problem may show it."""

    path: str
    problems: Problems
    variable: str | None
    is_hidden: bool

    def element(self, index: int) -> "_Place":
        return replace(self, path=f"{self.path}[{index}]")

    def report(self, message: str) -> None:
        self.problems.add(self.path, message, variable=self.variable)


def _without_none(expected: Type) -> Type:
    """Return the type a value can have: neither TOML nor the environment can say None."""
    if isinstance(expected, UnionType):
        (expected,) = (part for part in expected.types if not isinstance(part, NoneType))
    return expected


def _is_secret(expected: Type) -> bool:
    if isinstance(expected, VarTupleType):
        expected = expected.item_type
    return isinstance(expected, CustomType) and issubclass(expected.cls, Secret)


def _read_or_report(expected: Type, value: object, place: _Place) -> object | None:
    try:
        return _read_single(expected, value)
    except _UnfitError as error:
        shown = "" if place.is_hidden else f", is {shown_value(value)}"
        place.report(f"must be {error}{shown}")
        return None


def _read_list(expected: VarTupleType, values: Sequence[object], place: _Place) -> object | None:
    low, high = expected.min_length or 0, expected.max_length
    if len(values) < low or (high is not None and len(values) > high):
        place.report(f"must be {_list_phrase(expected)}, has {len(values)}")
        return None
    read = [
        _read_or_report(expected.item_type, value, place.element(index))
        for index, value in enumerate(values)
    ]
    if None in read:
        place.problems.paths.add(place.path)
        return None
    return tuple(read)


def _read_single(expected: Type, value: object) -> object:
    """Return the value read; `_UnfitError` holds a phrase that follows "must be"."""
    match expected:
        case Metadata(type=inner, extra_json_schema={"description": str(phrase)}):
            return _read_described(inner, phrase, value)
        case IntType(ge=int(low), le=int(high)):
            return _read_int(low, high, value)
        case BoolType():
            return _read_bool(value)
        case LiteralType(values=choices):
            return _read_choice(choices, value)
        case StrType(max_length=high):
            return _read_str(expected, expected.min_length or 0, high, value)
        case CustomType(cls=cls) if _is_text_type(cls):
            return _read_text_type(cls, value)
        case VarTupleType():
            raise _UnfitError(_list_phrase(expected))
        case _:
            raise AssertionError(f"the model has a type that is not read here: {expected}")


def _read_described(inner: Type, phrase: str, value: object) -> object:
    try:
        return _read_single(inner, value)
    except _UnfitError:
        raise _UnfitError(phrase) from None


def _read_int(low: int, high: int, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _UnfitError(f"a whole number {low}..{high}")
    if not low <= value <= high:
        raise _UnfitError(f"{low}..{high}")
    return value


def _read_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _UnfitError("true or false")
    return value


def _read_choice(choices: Sequence[object], value: object) -> str:
    if not isinstance(value, str) or value not in choices:
        raise _UnfitError(" or ".join(shown_value(choice) for choice in choices))
    return value


def _read_str(expected: StrType, low: int, high: int | None, value: object) -> str:
    bound = "" if high is None else f" of {low}..{high} characters"
    if not isinstance(value, str) or len(value) < low or (high is not None and len(value) > high):
        raise _UnfitError(f"a text{bound}")
    if expected.pattern is not None and re.search(expected.pattern, value) is None:
        raise _UnfitError(f"a text that matches {expected.pattern}")
    return value


def _read_text_type(cls: type[_TextType], value: object) -> _TextType:
    if not isinstance(value, str):
        raise _UnfitError("a text")
    try:
        return cls.parse(value)
    except ValueError as error:
        raise _UnfitError(str(error)) from None


def _list_phrase(expected: VarTupleType) -> str:
    return f"a list of {expected.min_length or 0}..{expected.max_length} texts"


def _is_text_type(cls: type) -> TypeGuard[type[_TextType]]:
    return hasattr(cls, "parse")


def _value_of_text(expected: Type, text: str) -> object:
    """Return `text` as the kind of value that TOML would give, or as it is if it cannot be."""
    match expected:
        case IntType() if _WHOLE_NUMBER.fullmatch(text):
            return int(text)
        case BoolType() if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        case VarTupleType() if text.startswith("["):
            try:
                return msgspec.json.decode(text)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                return text
        case VarTupleType():
            # A file has one on each line; blank lines are layout, an empty place is a mistake.
            lines = [line for line in text.splitlines() if line.strip()]
            return [part.strip() for line in lines for part in line.split(",")]
        case _:
            return text
