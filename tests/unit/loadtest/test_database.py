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
