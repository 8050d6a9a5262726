from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from utility_ts_analytics.cli.archive import COMMAND, ArchiveRequest, Watch, archive_request
from utility_ts_analytics.errors import ConfigError


def request(*arguments: str) -> ArchiveRequest:
    return archive_request(COMMAND.parser().parse_args(arguments))


def test_actions() -> None:
    assert request() == ArchiveRequest()
    assert request("--dir", "a", "--verify") == ArchiveRequest("verify", Path("a"))
    assert request("--restore", "--table", "meters").tables == ("meters",)
    dropped = request("--drop-before", "2024-01-01")
    assert (dropped.action, dropped.end) == ("drop", date(2024, 1, 1))
    assert request("--watch", "15m").watch == Watch(every=timedelta(minutes=15))
    assert request("--watch", "02:30").watch == Watch(at=time(2, 30))


@pytest.mark.parametrize("text", ["0m", "99999m", "15", "24:00", "noon", ""])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--watch: must be minutes such as 15m"):
        request("--watch", text)


def test_two_actions_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        request("--verify", "--restore")
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_next_pass_is_so_long_after_the_beginning_of_the_last() -> None:
    watch = Watch(every=timedelta(minutes=15))
    started = datetime(2024, 3, 1, tzinfo=UTC)
    assert watch.next_after(started, started + timedelta(minutes=5)) == started + timedelta(
        minutes=15
    )
    late = started + timedelta(hours=1)
    assert watch.next_after(started, late) == late


def test_next_night_is_today_or_tomorrow() -> None:
    watch = Watch(at=time(2, 30))
    evening = datetime(2024, 3, 1, 20).astimezone()
    assert watch.next_after(evening, evening) == datetime(2024, 3, 2, 2, 30).astimezone()
    early = datetime(2024, 3, 1, 1).astimezone()
    assert watch.next_after(early, early) == datetime(2024, 3, 1, 2, 30).astimezone()
