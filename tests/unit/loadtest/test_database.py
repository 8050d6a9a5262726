"""What the proofs see of QuestDB, on a real one."""

import msgspec
import pytest
from loadtest.database import QuestDBRest
from tests.process.running_service import QuestDBPorts

pytestmark = pytest.mark.questdb


class Pair(msgspec.Struct, array_like=True, frozen=True):
    number: float | None
    text: str | None


def test_rows_keep_null_apart_from_empty_text(questdb: QuestDBPorts) -> None:
    with QuestDBRest(questdb.http_port) as rest:
        rows = rest.rows("SELECT 0.30000000000000004, '' UNION ALL SELECT null::double, null", Pair)
    assert rows == [Pair(0.30000000000000004, ""), Pair(None, None)]


def test_refused_statement_is_an_error_that_names_it(questdb: QuestDBPorts) -> None:
    with QuestDBRest(questdb.http_port) as rest:
        with pytest.raises(RuntimeError, match="cannot run 'SELECT nonsense'"):
            rest.execute("SELECT nonsense")
        assert rest.count("SELECT count() FROM meter_usage WHERE meter_id = 'nobody'") == 0


def test_applied_rows_are_visible_and_truncated_ones_gone(questdb: QuestDBPorts) -> None:
    with QuestDBRest(questdb.http_port) as rest:
        rest.truncate("meter_usage")
        rest.execute("INSERT INTO meter_usage (ts, meter_id, kwh) VALUES ('2024-05-01', 'm', 1.0)")
        rest.wait_applied("meter_usage")
        assert rest.count("SELECT count() FROM meter_usage") == 1
        rest.truncate("meter_usage")
        assert rest.count("SELECT count() FROM meter_usage") == 0
