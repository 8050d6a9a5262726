"""Rows as Parquet files instead of a QuestDB: many small worlds in a few seconds."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from utility_ts_analytics.analysis.engine import Analysis
from utility_ts_analytics.analysis.sources import Origin, RowFiles, Sources
from utility_ts_analytics.analysis.tables import COLUMNS
from utility_ts_analytics.queries.time_range import TimeRange

_TYPES = {
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
}


@contextmanager
def analysis_of(
    tables: Mapping[str, Sequence[Mapping[str, object]]],
    period: TimeRange,
    **given: Any,
) -> Iterator[Analysis]:
    """Questions about these rows; columns that a row lacks are null."""

    def of_table(self: RowFiles, table: str) -> list[Path]:
        path = self._folder / f"{table}.parquet"
        schema = pa.schema([(name, _TYPES[type_]) for name, type_ in COLUMNS[table].items()])
        pq.write_table(pa.Table.from_pylist(list(tables.get(table, ())), schema=schema), path)
        return [path]

    def of_period(self: RowFiles, table: str, _: TimeRange) -> tuple[list[Path], Origin]:
        return of_table(self, table), Origin(table)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RowFiles, "of_table", of_table)
        patched.setattr(RowFiles, "of_period", of_period)
        with Analysis(Sources(None), period, memory_mib=512, **given) as asked:
            yield asked
