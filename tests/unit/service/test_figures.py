"""A scrape shows the workers that live and the tables as they were last seen."""

from types import MappingProxyType

from tests.unit.service.signs import sign

from utility_ts_analytics.database.health import UNKNOWN, QuestDBHealth, TableHealth
from utility_ts_analytics.service.departed import Books
from utility_ts_analytics.service.figures import scrape_figures
from utility_ts_analytics.telemetry.exposition import Exposition
from utility_ts_analytics.telemetry.registry import METRICS
from utility_ts_analytics.telemetry.token_counts import TokenNumbers

STREAMS = ("meter_usage", "generation_output")


def test_everything_without_a_place_in_the_layout_is_found() -> None:
    tables = MappingProxyType({"mu": TableHealth(None)})
    figures = scrape_figures(Books(), STREAMS, QuestDBHealth(True, "", tables), ready=True)
    assert set(figures.found) == {metric.name for metric in METRICS if not metric.has_places}
    assert figures.found["ingestion_table_suspended"] == {("mu",): 0}
    assert figures.found["ingestion_questdb_up"] == figures.found["ingestion_ready"] == {(): 1}
    assert set(figures.streams) == set(STREAMS)
    assert Exposition(lambda: figures).render("")


def test_tokens_are_told_by_name_and_an_open_stream_has_none() -> None:
    tokens = {"meter_usage": {"head-end": TokenNumbers(3, 40), "unused": TokenNumbers()}}
    books = Books(departed_tokens=tokens)
    figures = scrape_figures(books, STREAMS, UNKNOWN, ready=False)
    requests, rows = (
        {("meter_usage", "head-end"): n, ("meter_usage", "unused"): 0} for n in (3, 40)
    )
    assert figures.found["ingestion_requests_by_token_total"] == requests
    assert figures.found["ingestion_rows_accepted_by_token_total"] == rows
    text = Exposition(lambda: figures).render("")[1].decode()
    name = "ingestion_requests_by_token_total"
    assert f'{name}{{stream="meter_usage",token="head-end"}} 3.0' in text
    assert [
        line for line in text.splitlines() if line.startswith(name) and "generation" in line
    ] == []


def test_tables_are_absent_while_nobody_can_look_at_them() -> None:
    figures = scrape_figures(Books(), STREAMS, UNKNOWN, ready=False)
    assert figures.found["ingestion_table_suspended"] == {}
    assert figures.found["ingestion_questdb_up"] == {(): 0}


def test_the_dead_are_no_workers_and_every_state_is_there() -> None:
    books = Books([sign(pid=2**22 + 5)])
    workers = scrape_figures(books, STREAMS, UNKNOWN, ready=False).found["ingestion_workers"]
    assert len(workers) == 2 * 5
    assert set(workers.values()) == {0}
