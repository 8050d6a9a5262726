"""Values of columns as JSON and back, exactly: what a row of a file of columns is when it is text.

Times are ISO 8601, those with a zone in UTC, with as many digits as they need; what no calendar has
stays the number that it is. Decimals and whole numbers are JSON numbers of any length, floats that
JSON has not are texts (`"NaN"`), durations the number of their units. Bytes are a text of just
these bytes, which may be no UTF-8, to be seen when the row is corrected.
"""

import json
import math
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import pyarrow as pa

_DAY_S: Final = 86_400
_EXPONENT_MAX: Final = 400
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  of times without a zone as well
_PARTS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_TIME: Final = re.compile(
    r"(?P<whole>[^:]*:\d\d(?::\d\d)?)(?:[.,](?P<part>\d{1,9}))?(?P<zone>Z|[+-][\d:]+)?"
)
_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def json_value(kind: pa.DataType, value: Any) -> object:  # noqa: ANN401  pyarrow has no types
    """Return a value as `msgspec` writes it.

    Args:
        kind: Its type.
        value: A scalar of pyarrow.
    """
    if not value.is_valid:
        return None
    if isinstance(kind, pa.BaseExtensionType):
        return (
            str(value.as_py()) if kind == pa.uuid() else json_value(kind.storage_type, value.value)
        )
    types = pa.types
    if types.is_temporal(kind):
        return _text_of_time(kind, value)
    if types.is_floating(kind):
        return _json_float(value.as_py())
    if _is_bytes(kind):
        return _json_bytes(value.as_py())
    return _json_nested(kind, value) if types.is_nested(kind) else _json_plain(kind, value)


def _json_plain(kind: pa.DataType, value: Any) -> object:  # noqa: ANN401
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return json_value(kind.value_type, value.value)
    return value.as_py()


def _json_nested(kind: pa.DataType, value: Any) -> object:  # noqa: ANN401
    if pa.types.is_union(kind):
        return value.as_py()
    if pa.types.is_struct(kind):
        return {field.name: json_value(field.type, value[i]) for i, field in enumerate(kind)}
    if pa.types.is_map(kind):
        kinds = (kind.key_type, kind.item_type)
        return [[json_value(kinds[i], item[i]) for i in (0, 1)] for item in value.values]
    return [json_value(kind.value_type, item) for item in value.values]


def value_of(kind: pa.DataType, given: object) -> object:
    """Return what `pa.array` makes the value from that `json_value` has been given.

    Args:
        kind: The type wanted.
        given: Of the JSON, with its numbers as int and Decimal.

    Raises:
        ValueError: It is no value of this type; says what is wanted.
        TypeError: The same.
    """
    if given is None:
        return None
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _uuid(given) if kind == pa.uuid() else value_of(kind.storage_type, given)
    if types.is_struct(kind):
        members = _of(dict, given, "an object")
        return {field.name: value_of(field.type, members.get(field.name)) for field in kind}
    if types.is_map(kind):
        return [
            (value_of(kind.key_type, item[0]), value_of(kind.item_type, item[1]))
            for item in (_of(list, item, "pairs") for item in _of(list, given, "an array"))
        ]
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return value_of(kind.value_type, given)
    if types.is_nested(kind) and not types.is_union(kind):
        return [value_of(kind.value_type, item) for item in _of(list, given, "an array")]
    return next((read(kind, given) for fits, read in _READERS if fits(kind)), given)


def _json_float(value: float) -> object:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _json_bytes(value: bytes) -> msgspec.Raw:
    text = json.dumps(value.decode(errors="surrogateescape"), ensure_ascii=False)
    return msgspec.Raw(text.encode(errors="surrogateescape"))


def _is_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _text_of_time(kind: pa.DataType, value: Any) -> object:  # noqa: ANN401
    """Return a time as ISO 8601, or its number where the calendar has none such."""
    if pa.types.is_interval(kind):
        return list(value.as_py())
    number = value.value
    if pa.types.is_duration(kind):
        return number
    if pa.types.is_date(kind):
        days, rest = (number, 0) if pa.types.is_date32(kind) else divmod(number, _DAY_S * 1_000)
        exact = not rest and 1 <= _EPOCH_DAY + days <= date.max.toordinal()
        return date.fromordinal(_EPOCH_DAY + days).isoformat() if exact else number
    seconds, part = divmod(number, _PARTS[kind.unit])
    digits = f".{part:0{len(str(_PARTS[kind.unit])) - 1}}".rstrip("0") if part else ""
    if pa.types.is_time(kind):
        if not 0 <= seconds < _DAY_S:
            return number
        return f"{(_EPOCH + timedelta(seconds=seconds)).time().isoformat()}{digits}"
    try:
        whole = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return number
    return f"{whole}{digits}{'Z' if kind.tz is not None else ''}"


def _of(wanted: type, given: object, what: str) -> Any:  # noqa: ANN401
    if not isinstance(given, wanted):
        raise TypeError(f"must be {what}")
    return given


def _uuid(given: object) -> bytes:
    return uuid.UUID(_of(str, given, "a UUID")).bytes


def _bool(_: pa.DataType, given: object) -> object:
    return _of(bool, given, "true or false")


def _whole(_: pa.DataType, given: object) -> int:
    number = _number(given)
    if number != int(number):
        raise ValueError("must be a whole number")
    return int(number)


def _float(_: pa.DataType, given: object) -> float:
    if isinstance(given, str) and given in _FLOATS:
        return _FLOATS[given]
    return float(_number(given))


def _decimal(_: pa.DataType, given: object) -> Decimal:
    return Decimal(_number(given))


def _number(given: object) -> int | Decimal:
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise TypeError("must be a number")
    if isinstance(given, Decimal) and given.adjusted() > _EXPONENT_MAX:
        # As a whole number 1e999999999 would be a billion digits.
        raise ValueError("must be a number that can be stored")
    return given


def _text(_: pa.DataType, given: object) -> object:
    return _of(str, given, "text")


def _bytes(_: pa.DataType, given: object) -> bytes:
    text: str = _of(str, given, "text")
    return text.encode(errors="surrogateescape")


def _date(kind: pa.DataType, given: object) -> int:
    if isinstance(given, str):
        days = date.fromisoformat(given).toordinal() - _EPOCH_DAY
        return days if pa.types.is_date32(kind) else days * _DAY_S * 1_000
    return _whole(kind, given)


def _time(kind: pa.DataType, given: object) -> int:
    """Return the number of units of a time of day or an instant."""
    if not isinstance(given, str):
        return _whole(kind, given)
    parts = _TIME.fullmatch(given)
    if parts is None:
        raise ValueError("must be a time such as 2024-01-31T12:30:00Z")
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    if zoned != (parts["zone"] is not None):
        raise ValueError("must have an offset" if zoned else "must have no offset")
    if pa.types.is_time(kind):
        at = time.fromisoformat(parts["whole"])
        seconds = at.hour * 3_600 + at.minute * 60 + at.second
    else:
        moment = datetime.fromisoformat(parts["whole"] + (parts["zone"] or ""))
        if zoned:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        seconds = (moment - _EPOCH) // timedelta(seconds=1)
    ticks, rest = divmod(int(f"{parts['part'] or '':0<9}") * _PARTS[kind.unit], _PARTS["ns"])
    if rest:
        raise ValueError(f"must have no more digits than {kind.unit} has")
    return seconds * _PARTS[kind.unit] + ticks


def _interval(_: pa.DataType, given: object) -> tuple[object, ...]:
    return tuple(_of(list, given, "an array of months, days and nanoseconds"))


_Reader = Callable[[pa.DataType, object], object]
_READERS: Final[tuple[tuple[Callable[[pa.DataType], bool], _Reader], ...]] = (
    (pa.types.is_boolean, _bool),
    (pa.types.is_integer, _whole),
    (pa.types.is_floating, _float),
    (pa.types.is_decimal, _decimal),
    (_is_text, _text),
    (_is_bytes, _bytes),
    (pa.types.is_date, _date),
    (pa.types.is_interval, _interval),
    (pa.types.is_duration, _whole),
    (pa.types.is_temporal, _time),
)
