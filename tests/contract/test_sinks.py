"""The promises that every kind of sink keeps against a real QuestDB."""

import asyncio
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.delivery.lane_rig import settled_by_a_lane

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.delivery.sending import RetryPolicy
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS, MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, RetryLater, Sink
from utility_ts_analytics.sinks.ilp import ilp_over_http, ilp_over_tcp
from utility_ts_analytics.sinks.pgwire import PgwireSink

pytestmark = pytest.mark.questdb

TABLE = "meter_usage"
TS = datetime(2026, 1, 1, tzinfo=UTC)
VISIBLE_WITHIN_S = 15.0
_numbers = itertools.count(1)


class Database(Protocol):
    """What these tests ask of the QuestDB fixtures."""

    @property
    def http_addr(self) -> str: ...
    @property
    def ilp_tcp_addr(self) -> str: ...
    @property
    def pg_uri(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...
    def truncate(self, *tables: str) -> None: ...
    def wait_applied(self, table: str) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


KINDS: dict[str, Callable[[Database], Sink]] = {
    "ilp-http": lambda database: ilp_over_http(database.http_addr, TABLE),
    "ilp-tcp": lambda database: ilp_over_tcp(database.ilp_tcp_addr, TABLE),
    "pgwire": lambda database: PgwireSink(database.pg_uri, TABLE, STREAMS[TABLE]),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
acknowledged_kind = pytest.mark.parametrize("kind", ["ilp-http", "pgwire"])


def event_id() -> str:
    return str(UUID(int=(8 << 76) | (2 << 62) | next(_numbers)))


def reading(**fields: Any) -> MeterUsage:
    return MeterUsage(**{"ts": TS, "meter_id": "m", "kwh": 1.0, "event_id": event_id(), **fields})


def block_of(rows: Sequence[Reading]) -> Block:
    return Block(rows, range(len(rows)), 100 * len(rows), Settlement())


async def send(sink: Sink, rows: Sequence[Reading], *, times: int = 1) -> list[Outcome]:
    payload = sink.new_payload()
    payload.encode(block_of(rows))
    return [await payload.send(timeout_s=5.0) for _ in range(times)]


def send_once(database: Database, kind: str, rows: Sequence[Reading], times: int = 1) -> None:
    async def main() -> None:
        sink = KINDS[kind](database)
        assert await send(sink, rows, times=times) == [Delivered()] * times
        await sink.close()
        await sink.close()

    asyncio.run(main())


def stored(database: Database, rows: Iterable[MeterUsage]) -> list[tuple[object, ...]]:
    """Return the rows of the table with these event ids, as tuples in the order of `rows`."""
    rows = list(rows)
    names = (
        "event_id, ts, meter_id, premise_id, kwh, kvarh, kva_demand, quality_flag, source_system"
    )
    give_up_at_s = time.monotonic() + VISIBLE_WITHIN_S
    while True:
        database.wait_applied(TABLE)
        by_id = {row[0]: row for row in database.query(f"SELECT {names} FROM {TABLE}")}
        # Over TCP the server commits by a timer of its own.
        if all(row.event_id in by_id for row in rows) or time.monotonic() > give_up_at_s:
            return [by_id[row.event_id] for row in rows]
        threading.Event().wait(0.05)


def as_stored(row: MeterUsage) -> tuple[object, ...]:
    ts = row.ts.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    numbers = (row.kwh, row.kvarh, row.kva_demand)
    texts = (row.quality_flag, row.source_system)
    return (row.event_id, ts, row.meter_id, row.premise_id, *numbers, *texts)


TRICKY_TEXTS = ["", " ", "a b", "a,b", "a=b", "a\\b", "\\", "\\\\n", 'a"b', '"', "'", "a\nb", "\n"]
TRICKY_TEXTS += ["\r\t\x01\x7f", "é", "日本", "😀", "x" * 256, "😀" * 256, "null", "NaN", "\u2028"]
NUMBERS = [5e-324, 1.7976931348623157e308, -0.0, 0.1, 1e-300, -1.5, 123456789.12345679]

texts = st.sampled_from(TRICKY_TEXTS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=256
)
numbers = st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False)
# Few days, since each is a partition; any microsecond and any offset.
instants = st.builds(
    lambda day, micros, minutes: (day + timedelta(microseconds=micros)).astimezone(
        timezone(timedelta(minutes=minutes))
    ),
    st.sampled_from([datetime(2000, 1, 1, tzinfo=UTC), TS, datetime(2099, 12, 30, tzinfo=UTC)]),
    st.integers(min_value=0, max_value=86_399_999_999),
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
readings = st.builds(
    reading,
    ts=instants,
    meter_id=texts.filter(bool),
    kwh=numbers,
    premise_id=st.none() | texts,
    kvarh=st.none() | numbers,
    kva_demand=st.none() | numbers,
    quality_flag=st.none() | texts,
    source_system=st.none() | texts,
)


def check_equal(database: Database, rows: Sequence[MeterUsage]) -> None:
    for row, values in zip(rows, stored(database, rows), strict=True):
        assert values == as_stored(row)
        for got, sent in zip(values[4:7], (row.kwh, row.kvarh, row.kva_demand), strict=True):
            if isinstance(sent, float):
                assert isinstance(got, float)
                assert math.copysign(1, got) == math.copysign(1, sent)


@acknowledged_kind
def test_every_value_comes_back_equal(questdb: Database, kind: str) -> None:
    """Law 3, with QuestDB itself as the independent parser."""
    questdb.truncate(TABLE)

    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(readings, min_size=1, max_size=12, unique_by=lambda row: (row.ts, row.meter_id))
    )
    def check(rows: list[MeterUsage]) -> None:
        # A replayed example has its old ids; a new id per row keeps the examples apart.
        for row in rows:
            row.event_id = event_id()
        send_once(questdb, kind, rows)
        check_equal(questdb, rows)

    check()


@every_kind
def test_tricky_values_come_back_equal(questdb: Database, kind: str) -> None:
    questdb.truncate(TABLE)
    rows = [
        reading(
            ts=(TS + timedelta(seconds=index, microseconds=index)).astimezone(
                timezone(timedelta(hours=index % 24 - 12, minutes=45))
            ),
            meter_id=text or "empty",
            premise_id=text,
            quality_flag=text,
            source_system=None if index % 2 else text,
            kwh=NUMBERS[index % len(NUMBERS)],
            kvarh=None,
        )
        for index, text in enumerate(TRICKY_TEXTS)
    ]
    send_once(questdb, kind, rows)
    check_equal(questdb, rows)


@every_kind
def test_sent_twice_is_stored_once(questdb: Database, kind: str) -> None:
    questdb.truncate(TABLE)
    rows = [reading(meter_id=f"m-{number}") for number in range(50)]
    send_once(questdb, kind, rows, times=2)
    check_equal(questdb, rows)
    assert questdb.query(f"SELECT count() FROM {TABLE}") == [(50,)]


@every_kind
def test_of_two_readings_for_one_key_in_one_batch_the_later_stays(
    questdb: Database, kind: str
) -> None:
    questdb.truncate(TABLE)
    rows = [reading(kwh=float(number)) for number in range(3)]
    send_once(questdb, kind, rows)
    check_equal(questdb, rows[-1:])
    assert questdb.query(f"SELECT kwh FROM {TABLE}") == [(2.0,)]


@pytest.mark.process
def test_stopped_server_is_reported_in_time_and_a_restarted_one_used(
    own_questdb: Database,
) -> None:
    async def main() -> None:
        sinks = [make(own_questdb) for make in KINDS.values()]
        for sink in sinks:
            assert await send(sink, [reading(meter_id="before")]) == [Delivered()]
        await asyncio.to_thread(own_questdb.stop)
        for sink in sinks:
            started_s = time.monotonic()
            outcomes = await send(sink, [reading(meter_id="away")], times=2)
            assert time.monotonic() - started_s < 10.0
            assert isinstance(outcomes[0], RetryLater | InDoubt)
            assert isinstance(outcomes[1], RetryLater)
        await asyncio.to_thread(own_questdb.start)
        for sink in sinks:
            # The first attempt may meet what is left of the old connection.
            outcomes = await send(sink, [reading(meter_id="after")], times=2)
            assert outcomes[-1] == Delivered()
            await sink.close()

    asyncio.run(main())


BAD_ROW: dict[str, dict[str, object]] = {
    "ilp-http": {"event_id": "not-a-uuid"},
    "pgwire": {"ts": datetime(1960, 1, 1, tzinfo=UTC)},
}


@acknowledged_kind
def test_a_refused_row_does_not_take_others_with_it(questdb: Database, kind: str) -> None:
    questdb.truncate(TABLE)
    rows = [reading(meter_id=f"m-{number}") for number in range(40)]
    bad_indexes = [0, 17, 39]
    for index in bad_indexes:
        rows[index] = reading(meter_id=f"m-{index}", **BAD_ROW[kind])

    async def main() -> Settlement:
        return await settled_by_a_lane(
            KINDS[kind](questdb),
            block_of(rows),
            RetryPolicy(2, Backoff(0.01, 0.1), 5.0),
            delivery_timeout_s=20.0,
        )

    settlement = asyncio.run(main())
    assert settlement.stored_rows == 37
    assert [error.position for error in settlement.rejected] == bad_indexes
    assert {error.code for error in settlement.rejected} == {"sink-rejected"}
    check_equal(questdb, [row for index, row in enumerate(rows) if index not in bad_indexes])
