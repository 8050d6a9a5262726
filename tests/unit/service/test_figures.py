"""A scrape shows the workers that live and the tables as they were last seen."""

from types import MappingProxyType

from tests.unit.service.signs import sign

from utility_ts_analytics.database.health import UNKNOWN, QuestDBHealth, TableHealth
from utility_ts_analytics.service.departed import Books
from utility_ts_analytics.service.figures import scrape_figures
from utility_ts_analytics.telemetry.exposition import Exposition
from utility_ts_analytics.telemetry.registry import METRICS

STREAMS = ("meter_usage", "generation_output")


def test_everything_that_is_not_kept_by_workers_is_found() -> None:
    tables = MappingProxyType({"mu": TableHealth(None)})
    figures = scrape_figures(Books(), STREAMS, QuestDBHealth(True, "", tables), ready=True)
    assert set(figures.found) == {metric.name for metric in METRICS if not metric.per_worker}
    assert figures.found["ingestion_table_suspended"] == {("mu",): 0}
    assert figures.found["ingestion_questdb_up"] == figures.found["ingestion_ready"] == {(): 1}
    assert set(figures.streams) == set(STREAMS)
    assert Exposition(lambda: figures).render("")


def test_tables_are_absent_while_nobody_can_look_at_them() -> None:
    figures = scrape_figures(Books(), STREAMS, UNKNOWN, ready=False)
    assert figures.found["ingestion_table_suspended"] == {}
    assert figures.found["ingestion_questdb_up"] == {(): 0}


def test_the_dead_are_no_workers_and_every_state_is_there() -> None:
    books = Books([sign(pid=2**22 + 5)])
    workers = scrape_figures(books, STREAMS, UNKNOWN, ready=False).found["ingestion_workers"]
    assert len(workers) == 2 * 5
    assert set(workers.values()) == {0}
