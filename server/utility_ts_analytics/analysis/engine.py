"""Asks questions about one period: DuckDB in memory, over Parquet files and the prelude's views."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import duckdb
import pyarrow as pa

from utility_ts_analytics.analysis.catalogue import (
    PRELUDE,
    Question,
    all_questions,
    bound,
    parameters_in,
    parameters_of,
    reads_of,
    with_used,
)
from utility_ts_analytics.analysis.sources import Origin, RowFiles, Sources
from utility_ts_analytics.analysis.tables import (
    BY_DAY,
    COMMITS,
    REFERENCE,
    fill_given,
    table_sql,
)
from utility_ts_analytics.archive.duckdb_sql import literal, open_duckdb, quoted
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.owned_folder import owned_folder
from utility_ts_analytics.queries.tariff_calendar import TariffCalendar
from utility_ts_analytics.queries.time_range import TimeRange

MEMORY_MIB: Final = 2048
"""Default memory limit of DuckDB, MiB; more goes to a temporary folder."""

Value = str | int | float | datetime | Sequence[str] | None
"""Value of a question's parameter."""

_METER_TABLES: Final = ("meter_usage", "meters", "meter_feeder_map", "meter_scale_map")
_TARIFF: Final = "tariff"


class Analysis:
    """Questions about one period. A context manager; one thread.

    Rows are fetched when the first question needs their table, and kept for the next ones.

    Args:
        sources: Where rows come from.
        period: Readings whose interval starts in it.
        zone: IANA time zone that defines days; None takes the tariff's, or UTC.
        tariff: For time of use and typical days.
        heads: Head nodes by feeder, where they are not plain.
        ratings: Rated apparent power by feeder, kVA, > 0.
        meters: Only these, in every question; None takes all.
        memory_mib: What DuckDB may use, MiB.

    Attributes:
        origins: Origin of the rows of each table by day that was read so far.
    """

    def __init__(
        self,
        sources: Sources,
        period: TimeRange,
        *,
        zone: str | None = None,
        tariff: TariffCalendar | None = None,
        heads: Mapping[str, Sequence[str]] | None = None,
        ratings: Mapping[str, float] | None = None,
        meters: Sequence[str] | None = None,
        memory_mib: int = MEMORY_MIB,
    ) -> None:
        self.origins: dict[str, Origin] = {}
        self._sources = sources
        self._period = period
        self._tariff = tariff
        self._meters = meters
        self._made: set[str] = set()
        self._stack = contextlib.ExitStack()
        self._folder = self._stack.enter_context(owned_folder("ingestion-analysis-"))
        self._files = RowFiles(sources, self._folder)
        self._connection = self._stack.enter_context(
            open_duckdb(memory_mib=memory_mib, spill=self._folder / "spill")
        )
        self._confine()
        self._set("from", period.start.replace(tzinfo=None))
        self._set("to", period.end.replace(tzinfo=None))
        self._zone = zone or (tariff.zone if tariff is not None else "UTC")
        fill_given(self._connection, tariff, heads or {}, ratings or {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def ask(
        self, question: str | Question, *, then: str = "FROM answer", **parameters: Value
    ) -> pa.Table:
        """Return the answer as Arrow; times are in UTC, with their zone.

        Args:
            question: Its name, or one of your own.
            then: A SELECT over `answer`, where less than all of it is wanted.
            parameters: Values other than the defaults, by name.

        Raises:
            OperatorError: There is no such question or parameter, it needs a tariff and has none,
                or DuckDB refuses it.
            QuestDBUnavailable: QuestDB has to be asked and is away.
        """
        one = _known(question)
        self._check(one, parameters)
        try:
            self._require_one_select(one)
            self._prepare(one)
            for name, default in parameters_of(one).items():
                if name == "zone":
                    continue
                if name in parameters:
                    self._set(name, parameters[name])
                else:
                    self._connection.execute(f"SET VARIABLE {quoted(name)} = {default}")
            self._set("zone", parameters.get("zone", self._zone))
            for used in list(with_used(one))[:-1]:
                if used.name not in self._made:
                    self._connection.execute(
                        f"CREATE VIEW {quoted(used.name)} AS {bound(used.sql)}"
                    )
                    self._made.add(used.name)
            sql = f"WITH answer AS (\n{bound(one.sql)}\n) {then}"
            return _plain(self._connection.sql(sql).to_arrow_table())
        except duckdb.OutOfMemoryException as error:
            raise OperatorError(
                f"cannot answer {one.name}: {_line(error)}; give more with --memory-mib, or ask a"
                " shorter period"
            ) from error
        except duckdb.Error as error:
            raise OperatorError(f"cannot answer {one.name}: {_line(error)}") from error

    def _confine(self) -> None:
        """Confine questions, which users may write, to the archive and the exports."""
        folders = [
            self._folder,
            *([] if self._sources.archive is None else [self._sources.archive]),
        ]
        allowed = ", ".join(literal(f"{folder.resolve()}/") for folder in folders)
        self._connection.execute(f"SET allowed_directories = [{allowed}]")
        self._connection.execute("SET enable_external_access = false")

    def _check(self, question: Question, parameters: Mapping[str, Value]) -> None:
        known = {"from", "to", "zone", *parameters_of(question)}
        unknown = sorted(set(parameters) - known)
        if unknown:
            raise OperatorError(
                f"cannot ask {question.name} with {', '.join(unknown)}: it takes"
                f" {', '.join(sorted(known - {'from', 'to'}))}"
            )
        missing = sorted(parameters_in(question.sql) - known)
        if missing:
            raise OperatorError(
                f"cannot ask {question.name}: its text has ${missing[0]}, which has no default;"
                " add a line to its Parameters"
            )
        if _TARIFF in reads_of(question) and self._tariff is None:
            raise OperatorError(f"cannot ask {question.name} without a tariff: give --tariff FILE")

    def _require_one_select(self, question: Question) -> None:
        statements = self._connection.extract_statements(bound(question.sql))
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise OperatorError(f"cannot ask {question.name}: a question is one SELECT")

    def _prepare(self, question: Question) -> None:
        """Make the tables that a question reads; rows that were fetched are kept."""
        wanted = reads_of(question) - {_TARIFF}
        new = wanted - self._made
        if "prelude" in self._made and not new:
            return
        for table in REFERENCE:
            if table not in self._made:
                self._make(table, kind="TABLE")
        for table in (*BY_DAY, COMMITS):
            if table in new:
                self._make(table, kind="VIEW")
            elif "prelude" not in self._made:
                self._connection.execute(table_sql(table, [], kind="VIEW"))
        if "prelude" not in self._made:
            self._connection.execute(bound(PRELUDE.read_text()))
            self._made.add("prelude")

    def _make(self, table: str, *, kind: str) -> None:
        if table in BY_DAY:
            files, self.origins[table] = self._files.of_period(table, self._period)
        else:
            files = self._files.of_table(table)
        where = ""
        if self._meters is not None and table in _METER_TABLES:
            where = f" WHERE meter_id IN ({', '.join(map(literal, self._meters))})"
        self._connection.execute(table_sql(table, files, kind=kind, where=where))
        self._made.add(table)

    def _set(self, name: str, value: Value) -> None:
        given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
        self._connection.execute(f"SET VARIABLE {quoted(name)} = ?", [given])


def _known(question: str | Question) -> Question:
    if isinstance(question, Question):
        return question
    found = all_questions().get(question)
    if found is None:
        raise OperatorError(f"cannot ask {question!r}: there is no such question")
    return found


def _plain(table: pa.Table) -> pa.Table:
    """Return a table with times in UTC, with their zone, and sums of counts as integers."""

    def wanted(type_: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(type_):
            return pa.timestamp("us", tz="UTC")
        return pa.int64() if pa.types.is_decimal(type_) and type_.scale == 0 else type_

    return table.cast(pa.schema([field.with_type(wanted(field.type)) for field in table.schema]))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:600]
