"""What is wrong with the columns of a mapping or file, before the first row."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from utility_ts_analytics.records.reading import FieldRules
from utility_ts_analytics.records.streams import StreamSpec

_COLUMNS_TOLD_MAX: Final = 50
_TITLE_CELLS_MAX: Final = 2
"""Titles above a header have so few cells: `Name,AN EXAMPLE`."""
_WITHOUT_HEADER: Final = (["j"], ["line"])
"""Columns of JSON records, and of `lines`."""
_WORDS: Final = {";": "';'", "\t": r"'\t'", "|": "'|'", ",": "','"}
"""Separators, and how a mapping writes them. One comma alone may be that of a sentence."""
_GALLERY: Final = "; docs/MAPPINGS.md has mappings by what files look like"


def missing_fields(
    schema: pa.Schema, names: Sequence[str], spec: StreamSpec, *, mapped: bool
) -> Iterator[str]:
    """Yield which required fields are not there, with what is there and what is wanted.

    Args:
        schema: The columns.
        names: Their names as those of fields.
        spec: The stream.
        mapped: Whether they are those of a mapping.
    """
    missing = [one for one in spec.required if one not in names]
    if not missing:
        return
    own = _own(schema.names)
    advice = None if mapped else _remedy(own, missing, spec)
    foreign = not mapped and advice is None
    if advice is None:
        advice = _one_cell(own) or "".join(nearest(one, own) for one in missing)
    yield (
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; there is"
        f" {_quoted(own)}{advice}"
        f"; wanted are {', '.join(spec.fields)}{_GALLERY * foreign}"
    )


def columns_there(names: Sequence[str]) -> str:
    """Say which columns there are, in quotes, so that blanks are seen; the first of very many."""
    own = _own(names)
    return _quoted(own) + _one_cell(own)


def column_not_there(reason: str, names: Sequence[str]) -> str:
    """Return why DuckDB cannot use a mapping, with the columns of the file, and a guess.

    Args:
        reason: DuckDB's words.
        names: Of the columns.
    """
    own = _own(names)
    told = f"{reason}; the file has {columns_there(names)}"
    if "column" not in reason or _sign(own) is not None or own in _WITHOUT_HEADER:
        return told
    if len(own) <= _TITLE_CELLS_MAX:
        return f"{told} (lines above the header? skip := n leaves them out)"
    return f"{told} (is the mapping for another file?)"


def _own(names: Sequence[str]) -> list[str]:
    return [name for name in names if name != "rec"]


def _quoted(own: Sequence[str]) -> str:
    told = ", ".join(f'"{name}"' for name in own[:_COLUMNS_TOLD_MAX])
    if len(own) > _COLUMNS_TOLD_MAX:
        told += f" and {len(own) - _COLUMNS_TOLD_MAX:,} more"
    return told or "nothing"


def _remedy(own: Sequence[str], missing: Sequence[str], spec: StreamSpec) -> str | None:
    """Say what reads a file without a mapping that has the fields after all, or None."""
    sign = _sign(own)
    if sign is not None:
        cells = [cell.strip(' \t\r"\ufeff') for cell in own[0].split(sign)]
        if set(spec.required) <= set(cells):
            fields = ", ".join(["rec", *(field for field in spec.fields if field in cells)])
            word = _WORDS[sign]
            mapping = f"SELECT {fields} FROM csv($path, sep := {word})"  # noqa: S608  for people
            return f" (cells are parted by {word}: the mapping `{mapping}` reads them)"
        return None
    lower = {name.lower() for name in own}
    if all(one in lower for one in missing):
        return " (letter case counts: rename them, or select them by a mapping, where it does not)"
    return None


def _one_cell(own: Sequence[str]) -> str:
    """Name the character that seems to part what came as one cell."""
    sign = _sign(own)
    if sign is None:
        return ""
    word = _WORDS[sign]
    return f" (cells seem to be parted by {word}: a mapping reads csv($path, sep := {word}))"


def _sign(own: Sequence[str]) -> str | None:
    if len(own) != 1:
        return None
    return next((one for one in _WORDS if own[0].count(one) > (one == ",")), None)


def nearest(name: str, candidates: Sequence[str]) -> str:
    """Ask whether a name that is close to another was meant; empty where none is."""
    close = difflib.get_close_matches(name, [one.lower() for one in candidates], 1)
    found = next((one for one in candidates if close and one.lower() == close[0]), None)
    return f' (is "{found}" meant?)' if found is not None else ""


def wrong_type(column: pa.Field, rules: FieldRules) -> Iterator[str]:
    """Yield what is wrong with the type of a column."""
    kind, name = column.type, rules.name
    if is_text(kind) or pa.types.is_null(kind):
        return
    whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    match rules.kind:
        case "instant" if pa.types.is_timestamp(kind) and kind.tz is None:
            yield f"{name} has no zone: utc('Europe/Berlin', {name}), or utc_fixed('Z', {name})"
        case "instant" if pa.types.is_date(kind):
            yield f"{name} is a date: utc('Europe/Berlin', {name}), or utc_fixed('Z', {name})"
        case "instant" if not pa.types.is_timestamp(kind):
            yield f"{name} must be a time, is {kind} (epoch_s(), epoch_millis() read epochs)"
        case "text" if pa.types.is_floating(kind) or (pa.types.is_decimal(kind) and not whole):
            yield f"{name} is {kind}: two ids may have become one; read it as text"
        case "text" if not whole:
            yield f"{name} must be a text, is {kind}"
        case "number" if not (whole or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            yield f"{name} must be a number, is {kind}"
        case _:
            pass


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column has texts, or nothing."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    )
