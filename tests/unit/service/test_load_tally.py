"""How far a load has come, over all its inputs."""

from utility_ts_analytics.ingest.account import Account
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.service.load_tally import Tally


def test_inputs_before_count_with_the_one_being_loaded() -> None:
    tally = Tally(2, 300)
    tally.begin()
    tally.account.stored_rows = 10
    tally.account.refuse([RowError(1, "invalid-json", None, "torn")])
    assert (tally.stored_rows, tally.refused_rows, tally.bytes_read) == (10, 1, 0)
    tally.end(100)
    assert (tally.stored_rows, tally.refused_rows, tally.bytes_read) == (10, 1, 100)
    tally.begin()
    resumed = Account()
    resumed.lines, resumed.stored_rows = 7, 6
    tally.resume(resumed)
    assert (tally.file_number, tally.stored_rows, tally.resumed_rows) == (2, 16, 7)
    tally.end(None)
    assert (tally.stored_rows, tally.bytes_read) == (16, 100)
