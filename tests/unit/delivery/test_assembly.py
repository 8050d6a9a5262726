"""The config decides what a lane is made of."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from utility_ts_analytics.config import parse_config
from utility_ts_analytics.delivery.assembly import make_lanes
from utility_ts_analytics.delivery.dead_letters import DeadLetters
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.sinks.ilp import IlpSink
from utility_ts_analytics.sinks.kafka.sink import KafkaSink
from utility_ts_analytics.sinks.pgwire import PgwireSink
from utility_ts_analytics.telemetry.measures import Measures


def with_lanes(
    check: Callable[[list[Lane]], None],
    meter_usage: dict[str, object],
    *,
    spools: bool = True,
) -> None:
    async def main() -> None:
        config = parse_config({"meter_usage": meter_usage}, {})
        lanes = make_lanes(config, "meter_usage", Measures(), spools=spools)
        try:
            check(lanes)
        finally:
            for lane in lanes:
                await lane.close()

    asyncio.run(main())


def kinds(lane: Lane) -> list[type]:
    return [type(part) for part in lane.closables]


def test_ilp_falls_back_to_pgwire_unless_told_not_to() -> None:
    def falls_back(lanes: list[Lane]) -> None:
        assert [kinds(lane) for lane in lanes] == [[IlpSink, PgwireSink]]

    def does_not(lanes: list[Lane]) -> None:
        assert [kinds(lane) for lane in lanes] == [[IlpSink]]

    with_lanes(falls_back, {})
    with_lanes(does_not, {"sink": {"fallback": "none"}})


def test_pgwire_has_nothing_behind_it() -> None:
    def check(lanes: list[Lane]) -> None:
        assert [kinds(lane) for lane in lanes] == [[PgwireSink]]

    with_lanes(check, {"sink": {"kind": "pgwire"}})


def test_kafka_has_nothing_behind_it() -> None:
    def check(lanes: list[Lane]) -> None:
        assert [kinds(lane) for lane in lanes] == [[KafkaSink]]

    with_lanes(check, {"sink": {"kind": "kafka", "fallback": "none"}})


def test_lanes_share_the_capacity() -> None:
    def check(lanes: list[Lane]) -> None:
        assert [lane.queue.rows_max for lane in lanes] == [1000] * 4

    source = {"channel_capacity": 4000}
    with_lanes(check, {"source": source, "sink": {"workers": 4, "batch_size": 1000}})


def test_dead_letters_and_spool_are_there_only_where_a_directory_is_named(tmp_path: Path) -> None:
    def without(lanes: list[Lane]) -> None:
        assert DeadLetters not in kinds(lanes[0])
        assert lanes[0].spooler is None

    def with_both(lanes: list[Lane]) -> None:
        assert DeadLetters in kinds(lanes[0])
        assert lanes[0].spooler is not None

    sink = {"dead_letter_dir": str(tmp_path / "letters")}
    settings: dict[str, object] = {"sink": sink, "spool": {"dir": str(tmp_path / "spool")}}
    with_lanes(without, {})
    with_lanes(with_both, settings)
    assert list(tmp_path.iterdir()) == [], "nothing is made before it is needed"


def test_a_command_that_has_its_rows_in_files_leaves_the_spool_alone(tmp_path: Path) -> None:
    def check(lanes: list[Lane]) -> None:
        assert lanes[0].spooler is None

    with_lanes(check, {"spool": {"dir": str(tmp_path / "spool")}}, spools=False)
