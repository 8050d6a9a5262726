"""What is in QuestDB, read over its REST interface: the tests' own eyes, apart from the package."""

import threading
import urllib.parse
from collections.abc import Callable, Mapping

import msgspec
from tests.process.raw_http import ask

APPLIED_TIMEOUT_S = 20.0
METER_COLUMNS = (
    "ts, event_id, meter_id, premise_id, kwh, kvarh, kva_demand, quality_flag, source_system"
)
GENERATION_COLUMNS = "ts, event_id, plant_id, unit_id, mw, mvar, status, fuel_type"

Value = str | float | None
Row = Mapping[str, Value]


class _Result(msgspec.Struct):
    dataset: list[list[Value]] = []


def until(holds: Callable[[], bool], what: str, *, timeout_s: float = APPLIED_TIMEOUT_S) -> None:
    """Ask every 50 ms until `holds()`; fail with `what` after `timeout_s` seconds of pauses.

    The time that asking takes does not count, so that a busy machine gets more of it.
    """
    pause = threading.Event()
    for _ in range(max(1, int(timeout_s / 0.05))):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError(f"still not so after {timeout_s} s of pauses: {what}")


class StoredTables:
    """Queries against one QuestDB, each after everything acknowledged has become visible."""

    def __init__(self, http_port: int) -> None:
        self._http_port = http_port

    def execute(self, sql: str) -> list[list[Value]]:
        """Run one statement and return its rows."""
        answer = ask(self._http_port, f"/exec?query={urllib.parse.quote(sql)}")
        assert answer.status == 200, (sql, answer)
        return msgspec.json.decode(answer.body, type=_Result).dataset

    def wait_applied(self, table: str) -> None:
        """Return once the write-ahead log of `table` is applied."""
        sql = f"SELECT writerTxn, sequencerTxn FROM wal_tables() WHERE name = '{table}'"

        def applied() -> bool:
            [[writer, sequencer]] = self.execute(sql)
            return writer == sequencer

        until(applied, f"the write-ahead log of {table} is applied")

    def meter(self, meter_id: str, table: str = "meter_usage") -> list[Row]:
        """Return all stored readings of one meter, by time."""
        return self._rows(table, METER_COLUMNS, "meter_id", meter_id)

    def plant(self, plant_id: str) -> list[Row]:
        """Return all stored readings of one plant, by time and unit."""
        return self._rows("generation_output", GENERATION_COLUMNS, "plant_id", plant_id)

    def count_meter(self, meter_id: str) -> int:
        """Return how many readings of one meter are stored."""
        return len(self.meter(meter_id))

    def _rows(self, table: str, columns: str, key: str, value: str) -> list[Row]:
        self.wait_applied(table)
        sql = f"SELECT {columns} FROM {table} WHERE {key} = '{value}' ORDER BY ts"
        names = columns.split(", ")
        return [dict(zip(names, row, strict=True)) for row in self.execute(sql)]
