"""The end of a load: what was done is told before it is forgotten how far it came."""

from collections.abc import Callable
from pathlib import Path

import pytest

from utility_ts_analytics.cli import load as load_command
from utility_ts_analytics.config import Config
from utility_ts_analytics.files.books.journal import FileRecord, Journal, identify
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.plan import LoadPlan
from utility_ts_analytics.files.result import Account, FileResult, LoadResult


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a load of one file without its database: all is stored, one record is refused."""
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"{}\n")
    refused = tmp_path / "refused" / "a.ndjson"
    known: list[bool] = []

    def run(_: Config, __: LoadOptions, plan: LoadPlan, journal: Journal) -> LoadResult:
        identity = identify(path)
        known.append(journal.find(identity)[0] is not None)
        journal.write(FileRecord(identity, done=True))
        refused.parent.mkdir(exist_ok=True)
        refused.write_bytes(b"{}\n")
        return LoadResult([FileResult(plan.inputs[0], Account(), "complete")])

    monkeypatch.setattr(load_command, "_deliver", run)
    options = LoadOptions(
        [path], "meter_usage", refused=refused.parent, journal=tmp_path / "journal"
    )

    def load() -> int:
        code = load_command.load_files(Config(), options)
        refused.unlink()
        assert known in ([False], [False, True])
        return code

    return load


def test_load_that_is_killed_before_it_has_told_its_end_tells_it_when_run_again(
    load: Callable[[], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as killed:

        def end_here(*_: object, **__: object) -> int:
            raise KeyboardInterrupt

        killed.setattr(load_command, "_report", end_here)
        with pytest.raises(KeyboardInterrupt):
            load()
    assert (tmp_path / "refused" / "a.ndjson").exists()
    assert load() == 0
    assert "a.ndjson" in capsys.readouterr().out
    assert not list((tmp_path / "journal").iterdir())


def test_journal_of_a_load_that_has_told_its_end_is_gone(
    load: Callable[[], int], tmp_path: Path
) -> None:
    assert load() == 0
    assert not list((tmp_path / "journal").iterdir())
