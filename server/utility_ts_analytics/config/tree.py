"""Walks the model's sections: overlays a file's tables on the defaults, lists and redacts keys.

msgspec stops at the first error; an operator wants all of them. So the walk is ours, and what it
knows of keys and types it asks the model.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec.inspect import Type, type_info

from utility_ts_analytics.config.kafka import ClientSettings
from utility_ts_analytics.config.leaf import read_leaf
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.problems import Problems, join_path, shown_value, unknown_key
from utility_ts_analytics.config.shards import Partitions, Shard, Shards
from utility_ts_analytics.config.values import Address, AllowedHost, Origin, Secret, Section

_SectionT = TypeVar("_SectionT", bound=Section)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One key that holds a value.

    Attributes:
        keys: TOML keys from the top.
        type: The model's type.
        value: What the section holds there; None if it is not set.
    """

    keys: tuple[str, ...]
    type: Type
    value: object

    @property
    def path(self) -> str:
        """Dotted TOML path."""
        return ".".join(self.keys)


def leaves(section: Section, keys: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield every key under `section` that holds a value, in the model's order.

    Args:
        section: The whole configuration, or a part of it.
        keys: Where `section` stands.
    """
    for info in msgspec.structs.fields(section):
        value = getattr(section, info.name)
        where = (*keys, info.encode_name)
        if isinstance(value, Section):
            yield from leaves(value, where)
        elif not isinstance(value, ClientSettings | Shards):  # their keys are not the model's
            yield Leaf(where, type_info(info.type), value)


def overlay(
    defaults: _SectionT, table: Mapping[str, object], problems: Problems, path: str = ""
) -> _SectionT:
    """Return `defaults` with the values of `table` in their place.

    Args:
        defaults: Keeps every value that `table` does not have, or has wrong.
        table: A TOML table; values may be `EnvironmentText`.
        problems: Gets every unknown key and every wrong value, in the table's order.
        path: Where `table` stands, dotted.
    """
    infos = {info.encode_name: info for info in msgspec.structs.fields(defaults)}
    changes: dict[str, object] = {}
    for key, value in table.items():
        if key not in infos:
            where = _unknown_path(path, key, infos)
            problems.add(where, "is no known key" + _suggestion(key, infos, path))
            continue
        where = join_path(path, key)
        info = infos[key]
        current = getattr(defaults, info.name)
        if isinstance(current, Shards):
            changes[info.name] = _read_shards(value, problems, where)
        elif not isinstance(current, Section | ClientSettings):
            read = read_leaf(type_info(info.type), value, where, problems)
            if read is not None:
                changes[info.name] = read
        elif not isinstance(value, dict):
            problems.add(where, f"must be a table, is {_kind(value)}")
        elif isinstance(current, ClientSettings):
            changes[info.name] = current.overlaid(value, problems)
        else:
            changes[info.name] = overlay(current, value, problems, where)
    return msgspec.structs.replace(defaults, **changes)


def _read_shards(value: object, problems: Problems, path: str) -> Shards:
    """Return the shards of an array of tables; every key of each of them has to be there."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        problems.add(path, "must be tables, each one under [[questdb.shards]]")
        return Shards()
    shards = []
    for index, table in enumerate(value):
        where = f"{path}[{index}]"
        numbers = table.get("partitions")
        if isinstance(numbers, list):
            table = {**table, "partitions": ",".join(map(str, numbers))}
        shards.append(overlay(Shard(), table, problems, where))
        for missing in (key for key in Shard.__struct_fields__ if key not in table):
            problems.add(f"{where}.{missing}", "is missing: every shard has one")
    return Shards(shards)


def _unknown_path(path: str, key: str, keys: Iterable[str]) -> str:
    shown = unknown_key(key, {*keys, *(leaf.keys[-1] for leaf in leaves(Config()))})
    return join_path(path, key) if shown == key else f"{path}.{shown}".removeprefix(".")


def _suggestion(key: str, keys: Iterable[str], path: str) -> str:
    """Return a question that names the key that was probably meant, or nothing."""
    top = path.partition(".")[0]
    elsewhere = [
        leaf.path
        for leaf in leaves(Config())
        if leaf.keys[-1] == key and (not top or leaf.keys[0] == top)
    ]
    # The right name in the wrong table says more than a like name in the right one.
    meant = elsewhere or difflib.get_close_matches(key, list(keys), n=1)
    return f"; did you mean {meant[0]}?" if meant else ""


def _kind(value: object) -> str:
    # A text in the place of a table may be a secret that slipped.
    return "a text" if isinstance(value, str) else shown_value(value)


def redacted(section: Section) -> dict[str, object]:
    """Return `section` under its TOML keys, ready for JSON, with every secret masked.

    Keys that are not set are left out. A new dictionary each time; the caller owns it.
    """
    shown: dict[str, object] = {}
    for info in msgspec.structs.fields(section):
        value = getattr(section, info.name)
        if value is not None and value not in (ClientSettings(), Shards()):
            shown[info.encode_name] = _shown(value)
    return shown


def _shown(value: object) -> object:
    match value:
        case Section():
            return redacted(value)
        case ClientSettings():
            return value.masked()
        case tuple() | Shards():
            return [_shown(item) for item in value]
        case Secret() | Address() | Origin() | AllowedHost() | Partitions():
            return str(value)
        case _:
            return value
