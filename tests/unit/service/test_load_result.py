"""When a load is complete, and when it is all stored."""

from pathlib import Path, PurePath

import pytest

from utility_ts_analytics.ingest.account import Account
from utility_ts_analytics.ingest.inputs import Input
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.service.load_result import FileResult, LoadResult, State


@pytest.mark.parametrize(
    ("state", "refused", "stopped", "complete", "ok"),
    [
        ("complete", 0, None, True, True),
        ("complete-before", 0, None, True, True),
        ("complete", 1, None, True, False),
        ("incomplete", 0, "interrupted", False, False),
        ("failed", 0, None, False, False),
        ("complete", 0, "interrupted", False, False),
    ],
)
def test_all_stored_is_complete_without_refused_rows(
    state: State, refused: int, stopped: str | None, complete: bool, ok: bool
) -> None:
    account = Account()
    account.refuse(RowError(number, "negative-value", "kwh", "no") for number in range(refused))
    file = FileResult(Input(Path("a"), PurePath("a"), 1), account, state)
    load = LoadResult([file], stopped)
    assert (load.complete, load.ok) == (complete, ok)
