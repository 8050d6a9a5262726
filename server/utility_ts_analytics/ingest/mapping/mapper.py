"""Columns of a file to columns of a stream, and which rows are no records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.mapping.arrays import is_text_type, plain, rows_where, text_of
from utility_ts_analytics.ingest.mapping.faults import Faults
from utility_ts_analytics.ingest.mapping.local_time import Keys
from utility_ts_analytics.ingest.mapping.model import FieldRule, FileMapping
from utility_ts_analytics.ingest.mapping.numbers import is_number_type, numbers_of
from utility_ts_analytics.ingest.mapping.texts import texts_of
from utility_ts_analytics.ingest.mapping.times import TimeReader
from utility_ts_analytics.ingest.mapping.wide import WideDays
from utility_ts_analytics.ingest.notes import add_note
from utility_ts_analytics.records.columns import column_schema
from utility_ts_analytics.records.streams import StreamSpec

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Mapped:
    """What some rows of a file came to.

    Attributes:
        columns: One row for each record; a wide row makes many.
        rows: Index of the file's row that each record is from; None where they are the same.
        faults: Of the records; those that have one are no records.
    """

    columns: pa.RecordBatch
    rows: Indices | None
    faults: Faults


@dataclass(slots=True)
class Mapper:
    """Maps one file. Made once its columns are known.

    Attributes:
        used: Columns of the file that it needs, each once.
        notes: How often each rule decided something.
    """

    used: tuple[str, ...]
    notes: dict[str, int]
    _mapping: FileMapping
    _times: TimeReader
    _wide: WideDays | None
    _schema: pa.Schema
    _keys: Sequence[str]

    @classmethod
    def of_file(
        cls, mapping: FileMapping, spec: StreamSpec, names: Sequence[str], where: str
    ) -> "Mapper":
        """Return the mapper of a file with these columns.

        Args:
            mapping: Checked against the stream.
            spec: The stream.
            names: The file's columns, in its order.
            where: The file and, where it has one, the line of its header, for the message; and
                behind a colon what has the columns: `f.csv, line 1: the header`.

        Raises:
            OperatorError: A column that the mapping needs is not there, or is there twice.
        """
        notes: dict[str, int] = {}
        wanted = [rule.column for rule in mapping.fields.values() if rule.column is not None]
        wanted += [*mapping.time.columns, *mapping.only]
        interval_names: tuple[str, ...] = ()
        if mapping.wide is not None:
            wanted += [mapping.wide.first_column, mapping.wide.last_column]
        missing = sorted(set(wanted) - set(names))
        if missing:
            raise OperatorError(f"cannot read {where} lacks {', '.join(missing)}")
        if mapping.wide is not None:
            first = names.index(mapping.wide.first_column)
            interval_names = tuple(names[first : names.index(mapping.wide.last_column) + 1])
            if not interval_names:
                raise OperatorError(
                    f"cannot read {where} has {mapping.wide.last_column} (wide.last_column) before"
                    f" {mapping.wide.first_column} (wide.first_column)"
                )
        used = tuple(dict.fromkeys([*wanted, *interval_names]))
        repeated = sorted(name for name in used if list(names).count(name) > 1)
        if repeated:
            raise OperatorError(f"cannot read {where} has {', '.join(repeated)} more than once")
        times = TimeReader.of_mapping(mapping, notes)
        wide = WideDays(mapping, times, interval_names, notes) if interval_names else None
        fields = {"ts", *mapping.fields}
        schema = pa.schema([column for column in column_schema(spec) if column.name in fields])
        keys = [key for key in spec.dedup_keys if key in mapping.fields]
        return cls(used, notes, mapping, times, wide, schema, keys)

    def check_types(self, schema: pa.Schema, name: str) -> None:
        """Refuse columns of types that no field can be made of.

        Args:
            schema: Of the file; types with their dictionaries taken off.
            name: Of the file.

        Raises:
            OperatorError: Says which column, and what its type is.
        """
        self._times.check_types(schema, name)
        texts = {column.name for column in self._schema if column.type == pa.string()}
        for target, rule in self._mapping.fields.items():
            columns = [rule.column] if rule.column else self._wide.names if self._wide else []
            for column in columns:
                kind = schema.field(column).type
                whole = pa.types.is_integer(kind) or pa.types.is_null(kind)
                fits = whole if target in texts else is_number_type(kind)
                if not (fits or is_text_type(kind)):
                    wanted = "texts or whole numbers" if target in texts else "numbers"
                    raise OperatorError(
                        f"cannot read {name}: column {column} is {kind}, but {target} needs"
                        f" {wanted}"
                    )

    def field_of(self, column: str) -> str | None:
        """Return the field that a column of the file goes to, if it is one alone."""
        if column in self._mapping.time.columns:
            return "ts"
        rules = self._mapping.fields.items()
        return next((name for name, rule in rules if rule.column == column), None)

    def map(self, batch: pa.RecordBatch) -> Mapped:
        """Return what rows of the file come to; their order is kept.

        Args:
            batch: Columns `used`, of types that `check_types` lets in, or texts.
        """
        faults = Faults()
        rows = self._rows_wanted(batch)
        if rows is not None:
            batch = batch.take(pa.array(rows))
        if self._wide is not None:
            days = self._wide.read(batch, faults)
            texts = self._fields(batch, faults, skip=days.field)
            columns = {name: column.take(pa.array(days.rows)) for name, column in texts.items()}
            columns |= {"ts": days.ts, days.field: days.values}
            faults = faults.of_rows(days.rows).joined(days.faults)
            rows = days.rows if rows is None else rows[days.rows]
        else:
            columns = self._fields(batch, faults, skip=None)
            keys = Keys([columns[key] for key in self._keys])
            # Behind the other fields because of the keys, but the first to be named.
            first = Faults()
            columns["ts"] = self._times.read(batch, keys, first)
            faults = first.joined(faults)
        arrays = [columns[column.name] for column in self._schema]
        return Mapped(pa.RecordBatch.from_arrays(arrays, schema=self._schema), rows, faults)

    def _fields(
        self, batch: pa.RecordBatch, faults: Faults, *, skip: str | None
    ) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        for column in self._schema:
            if column.name not in ("ts", skip):
                rule = self._mapping.fields[column.name]
                columns[column.name] = self._field(batch, rule, column, faults)
        return columns

    def _field(
        self, batch: pa.RecordBatch, rule: FieldRule, target: pa.Field, faults: Faults
    ) -> pa.Array:
        if rule.column is None:
            return pa.repeat(pa.scalar(rule.constant, pa.string()), batch.num_rows)
        column = plain(batch.column(rule.column))
        read: Callable[[pa.Array, FieldRule, str, Faults], pa.Array]
        read = texts_of if target.type == pa.string() else numbers_of
        return read(column, rule, target.name, faults)

    def _rows_wanted(self, batch: pa.RecordBatch) -> Indices | None:
        """Return the rows that `[only]` keeps, or None if that is all."""
        wanted = np.ones(batch.num_rows, np.bool_)
        for name, words in self._mapping.only.items():
            text = text_of(plain(batch.column(name)))
            wanted &= rows_where(pc.is_in(text, pa.array(words, pa.string())))
        left_out = int(batch.num_rows - wanted.sum())
        if not left_out:
            return None
        add_note(self.notes, "rows-left-out", left_out)
        return np.flatnonzero(wanted)
