"""What a mapping gives, as columns of the stream.

Names and types are judged before the first row; then every text is read by the rules that hold over
HTTP.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping.problems import (
    is_text,
    missing_fields,
    nearest,
    wrong_type,
)
from utility_ts_analytics.files.mapping.text_values import (
    INSTANT,
    Mask,
    instants_of,
    lacks_offset,
    numbers_of,
)
from utility_ts_analytics.files.tables.contract import CELL_CHARACTERS_MAX
from utility_ts_analytics.records.columns import column_schema
from utility_ts_analytics.records.reading import FieldRules, fields_of
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowCode

_TEXT_SUFFIX: Final = "_text"
_UNREAD: Final[Mapping[str, RowCode]] = {
    "instant": "invalid-timestamp",
    "number": "invalid-number",
    "text": "wrong-type",
}


class Fault(NamedTuple):
    """Why one row is not taken.

    Attributes:
        row_index: In the batch, from 0.
        code: As over HTTP.
        field: The field at fault, if one is.
        detail: One short sentence.
        cell: The text at fault, where it is known.
    """

    row_index: int
    code: RowCode
    field: str | None
    detail: str
    cell: str | None


@dataclass(frozen=True, slots=True)
class Readings:
    """What a batch came to.

    Attributes:
        columns: Rows that are readings as far as reading tells, of `records.columns`; the rules
            (required fields, ranges, lengths, signs) are for `check_columns`.
        kept: Their indices in the batch, rising.
        faults: The other rows, by index, each with the first thing that is wrong.
    """

    columns: pa.RecordBatch
    kept: npt.NDArray[np.intp]
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: where its values and texts stand in a batch."""

    rules: FieldRules
    index: int
    text_index: int | None


@dataclass(frozen=True, slots=True)
class Output:
    """The columns of a mapping, or of a file whose columns are named as the fields.

    Attributes:
        rec_index: Of the record numbers; None without.
        raw_index: Of the records as they were read; None without.
        schema: Of the columns of `Readings`.
    """

    rec_index: int | None
    raw_index: int | None
    _refuse_index: int | None
    _fields: Sequence[_Field]
    schema: pa.Schema

    @classmethod
    def of_mapping(cls, schema: pa.Schema, spec: StreamSpec, name: str) -> "Output":
        """Judge the columns that a mapping gives.

        Args:
            schema: Names (any letter case) and types.
            spec: The stream.
            name: Of the file, for messages.

        Raises:
            OperatorError: A required field is missing, a column is unknown or of a type that would
                change what it says; names what is there and what is wanted.
        """
        helpers = {"rec", "raw", "refuse", *(f"{one}{_TEXT_SUFFIX}" for one in spec.fields)}
        known = {*spec.fields, *helpers}
        names = [column.lower() for column in schema.names]
        problems = [
            f'it gives a column "{column}", which {spec.name} has not'
            + nearest(column.lower(), spec.fields)
            for column, lower in zip(schema.names, names, strict=True)
            if lower not in known
        ]
        problems += [f"it gives {one} twice" for one in sorted(known) if names.count(one) > 1]
        what = f"cannot read {name} by the mapping: "
        problems += missing_fields(schema, names, spec, mapped=True)
        return cls._judged(schema, names, spec, what, problems)

    @classmethod
    def of_file(cls, schema: pa.Schema, spec: StreamSpec, name: str) -> "Output":
        """Judge the columns of a file without a mapping; further ones are ignored.

        Raises:
            OperatorError: As `of_mapping`.
        """
        names = [column if column in (*spec.fields, "rec") else "" for column in schema.names]
        problems = list(missing_fields(schema, names, spec, mapped=False))
        return cls._judged(schema, names, spec, f"cannot read {name}: ", problems)

    @classmethod
    def _judged(
        cls,
        schema: pa.Schema,
        names: Sequence[str],
        spec: StreamSpec,
        what: str,
        problems: list[str],
    ) -> "Output":
        fields: list[_Field] = []
        for rules in fields_of(spec.record_type):
            if rules.name not in names:
                continue
            index = names.index(rules.name)
            problems += wrong_type(schema.field(index), rules)
            fields.append(_Field(rules, index, _index(names, rules.name + _TEXT_SUFFIX)))
        for helper in ("refuse", "raw", *(one.rules.name + _TEXT_SUFFIX for one in fields)):
            place = _index(names, helper)
            if place is not None and not is_text(schema.field(place).type):
                problems.append(f"{helper} must be a text, is {schema.field(place).type}")
        rec = _index(names, "rec")
        if rec is not None and not pa.types.is_integer(schema.field(rec).type):
            problems.append(f"rec must be a whole number, is {schema.field(rec).type}")
        if problems:
            raise OperatorError(what + "; ".join(problems))
        kept = [column_schema(spec).field(one.rules.name) for one in fields]
        return cls(rec, _index(names, "raw"), _index(names, "refuse"), fields, pa.schema(kept))

    def readings(self, batch: pa.RecordBatch) -> Readings:
        """Return the readings of a batch, and the rows that are none."""
        count = batch.num_rows
        faulty = np.full(count, -1, np.int32)
        kinds: list[tuple[RowCode, str | None, str, pa.Array]] = []

        def add(rows: Mask, code: RowCode, name: str | None, detail: str, cells: pa.Array) -> None:
            new = rows & (faulty < 0)
            if new.any():
                faulty[new] = len(kinds)
                kinds.append((code, name, detail, cells))

        if self._refuse_index is not None:
            refuse = batch.column(self._refuse_index)
            add(_there(refuse, filled=True), "wrong-type", None, "", refuse)
        arrays = []
        for one in self._fields:
            column = batch.column(one.index)
            values, unread = _values(column, one.rules)
            if unread is not None and unread.any():
                for rows, demand in _demands(one.rules, column, unread):
                    add(rows, _UNREAD[one.rules.kind], one.rules.name, demand, column)
            if one.text_index is not None:
                texts = batch.column(one.text_index)
                lost = _there(texts, filled=True) & ~_there(values)
                add(lost, _UNREAD[one.rules.kind], one.rules.name, _lost(one.rules), texts)
            arrays.append(values)
        columns = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        kept = np.flatnonzero(faulty < 0)
        if len(kept) == count:
            return Readings(columns, kept, ())
        faults = []
        for index in np.flatnonzero(faulty >= 0).tolist():
            code, name, detail, cells = kinds[faulty[index]]
            cell = str(cells[index].as_py())[:CELL_CHARACTERS_MAX]
            # What a mapping says is a sentence itself.
            faults.append(Fault(index, code, name, detail or cell, cell if detail else None))
        return Readings(columns.take(pa.array(kept)), kept, faults)


def lost_value(name: str, spec: StreamSpec) -> tuple[RowCode, str]:
    """Return code and sentence for a field that is NULL though its cells are filled."""
    rules = next(one for one in fields_of(spec.record_type) if one.name == name)
    return ("missing-field" if rules.kind == "text" else _UNREAD[rules.kind]), _lost(rules)


def _values(column: pa.Array, rules: FieldRules) -> tuple[pa.Array, Mask | None]:
    """Return a column as the stream has it, and the rows whose text cannot be read."""
    kind = column.type
    if rules.kind == "text":
        return (column if kind == pa.string() else column.cast(pa.string())), None
    if pa.types.is_decimal(kind):
        # Straight from decimal to float Arrow is wrong in the last place for one in ten.
        return column.cast(pa.string()).cast(pa.float64()), None
    if not is_text(kind):
        wanted = INSTANT if rules.kind == "instant" else pa.float64()
        return column.cast(wanted, safe=False), None
    text = column if kind == pa.string() else column.cast(pa.string())
    found = instants_of(text) if rules.kind == "instant" else numbers_of(text)
    return found.values, found.unread


def _there(column: pa.Array, *, filled: bool = False) -> Mask:
    """Tell of each row whether it has a value; where `filled`, more than blanks."""
    truth = column.is_valid()
    if filled and not pa.types.is_null(column.type):
        truth = pc.and_(truth, pc.not_equal(pc.utf8_trim_whitespace(column), ""))
    found: Mask = pc.fill_null(truth, False).to_numpy(zero_copy_only=False)
    return found


def _demands(rules: FieldRules, column: pa.Array, unread: Mask) -> Iterator[tuple[Mask, str]]:
    """Yield rows whose text cannot be read, what it must be, and what reads other forms."""
    name = rules.name
    if rules.kind == "number":
        yield unread, f"{name} must be a decimal number (num() reads blanks, commas and thousands)"
        return
    local = np.zeros(len(column), np.bool_)
    for index in np.flatnonzero(unread).tolist():
        local[index] = lacks_offset(column[index].as_py())
    yield (
        local,
        f"{name} must have an offset (utc('Europe/Berlin', wall({name}, ...)) gives one)",
    )
    yield (
        unread & ~local,
        f"{name} must be an RFC 3339 time with an offset (instant(), wall() read other forms)",
    )


def _lost(rules: FieldRules) -> str:
    if rules.kind == "instant":
        return (
            f"the mapping gives no {rules.name} for this: it cannot be read so, or it comes twice"
            " or never in its zone (utc_pass(), by_order())"
        )
    return f"the mapping gives no {rules.name} for this: it cannot be read so"


def _index(names: Sequence[str], name: str) -> int | None:
    return list(names).index(name) if name in names else None
