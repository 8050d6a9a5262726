"""The parts of a balance fit each other: what they give is tested with the balance."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from utility_ts_analytics.queries import feeder_facts
from utility_ts_analytics.queries.feeder_scope import Scope
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2024, 6, 5, 9, tzinfo=UTC)
SCOPE = Scope(TimeRange(START, START + timedelta(hours=1)))


class Database(Protocol):
    """What these tests ask of the `sample_questdb` fixture."""

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("part", "kind", "rows"),
    [
        (lambda: feeder_facts.head_sql(SCOPE, 15), feeder_facts.HEAD, 12),
        (lambda: feeder_facts.head_due_sql(SCOPE, 15), feeder_facts.HEAD_DUE, 12),
        (lambda: feeder_facts.plant_sql(SCOPE, 15), feeder_facts.PLANT, 8),
        (lambda: feeder_facts.plant_due_sql(SCOPE, 15), feeder_facts.PLANT_DUE, 8),
        (lambda: feeder_facts.meter_sql(SCOPE, 15), feeder_facts.METER, 12),
        (lambda: feeder_facts.meter_due_sql(SCOPE, 15), feeder_facts.METER_DUE, 12),
        (lambda: feeder_facts.topology_sql(SCOPE), feeder_facts.TOPOLOGY, 1),
        (lambda: feeder_facts.scale_sql(SCOPE, 15), feeder_facts.SCALE, 0),
    ],
    ids=[
        "head",
        "head due",
        "plant",
        "plant due",
        "meter",
        "meter due",
        "topology",
        "scale",
    ],
)
def test_part_has_one_row_per_slot_and_feeder(
    sample_questdb: Database, part: Callable[[], str], kind: int, rows: int
) -> None:
    found = sample_questdb.query(f"SELECT ts, feeder_id, kind, kwh, n, m FROM ({part()})")

    assert len({(ts, feeder) for ts, feeder, *_ in found}) == len(found) == rows
    assert {row[2] for row in found} <= {kind}
