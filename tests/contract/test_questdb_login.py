"""A real QuestDB that asks for a user over HTTP: every request of ours carries the login."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.database.access import (
    PLAIN,
    HttpAccess,
    basic_authorization,
    login_trouble,
    ping_trouble,
)
from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB
from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, Outcome, RetryLater
from utility_ts_analytics.sinks.ilp import ilp_over_http

pytestmark = pytest.mark.questdb

TABLE = "meter_usage"
RIGHT = HttpAccess(authorization=basic_authorization("meters", "s3cret-77aa"))
WRONG = HttpAccess(authorization=basic_authorization("meters", "guess"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningQuestDB]:
    login = {
        "QDB_HTTP_USER": "meters",
        "QDB_HTTP_PASSWORD": "s3cret-77aa",
        "QDB_HTTP_HEALTH_CHECK_AUTHENTICATION_REQUIRED": "false",
    }
    place: Path = tmp_path_factory.mktemp("guarded")
    with EmbeddedQuestDB(place, heap_mib=256, environ={**os.environ, **login}) as running:
        assert asyncio.run(apply_schema(running.pg_uri, table_specs().values())) == []
        yield running


def sent(database: RunningQuestDB, access: HttpAccess) -> Outcome:
    async def main() -> Outcome:
        sink = ilp_over_http(database.http_addr, TABLE, access=access)
        payload = sink.new_payload()
        row = MeterUsage(ts=datetime(2026, 1, 1, tzinfo=UTC), meter_id="m", kwh=1.0)
        payload.encode(Block([row], range(1), 1, Settlement()))
        outcome = await payload.send(timeout_s=10.0)
        await sink.close()
        return outcome

    return asyncio.run(main())


def asked(
    database: RunningQuestDB, access: HttpAccess, asks: Callable[..., Awaitable[str | None]]
) -> str | None:
    async def main() -> str | None:
        return await asks("127.0.0.1", database.http_port, timeout_s=10.0, access=access)

    return asyncio.run(main())


def test_right_login_stores(guarded: RunningQuestDB) -> None:
    assert sent(guarded, RIGHT) == Delivered()
    assert asked(guarded, RIGHT, ping_trouble) is None
    assert asked(guarded, RIGHT, login_trouble) is None


@pytest.mark.parametrize("access", [PLAIN, WRONG], ids=["none", "wrong"])
def test_no_or_wrong_login_is_told_and_stores_nothing(
    guarded: RunningQuestDB, access: HttpAccess
) -> None:
    outcome = sent(guarded, access)
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "sink-unavailable"
    assert "login" in outcome.reason
    assert "guess" not in outcome.reason
    assert asked(guarded, access, ping_trouble) is None  # it says nothing of a login
    assert "questdb.ilp_user" in (asked(guarded, access, login_trouble) or "")
