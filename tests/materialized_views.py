"""What tests of materialized views need: create them, wait until they have followed, drop them."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import ANSWER_TIMEOUT_S, TestQuestDB
from tests.process.stored_tables import until

from utility_ts_analytics.database.view_spec import view_specs
from utility_ts_analytics.database.views import ViewFinding, apply_views, check_views


@contextmanager
def applied_views(
    questdb: TestQuestDB, *, meter_table: str = "meter_usage", zone: str = "UTC"
) -> Iterator[list[ViewFinding]]:
    """Apply the views and drop them afterwards: `TRUNCATE` by other tests makes them invalid."""
    try:
        yield asyncio.run(apply_views(questdb.pg_uri, meter_table=meter_table, zone=zone))
    finally:
        for spec in view_specs(meter_table=meter_table):
            questdb.query(f'DROP MATERIALIZED VIEW IF EXISTS "{spec.name}"')


def checked(questdb: TestQuestDB, meter_table: str = "meter_usage") -> dict[str, ViewFinding]:
    """What `check` says of each view, by its name."""
    found = asyncio.run(check_views(questdb.pg_uri, meter_table=meter_table))
    return {finding.text.partition(":")[0]: finding for finding in found}


def refresh(questdb: TestQuestDB, *tables: str) -> None:
    """Do what the views' timer does, and return once they show all of these tables."""
    for table in tables:
        questdb.wait_applied(table)
        for (view,) in questdb.query(
            f"SELECT view_name FROM materialized_views() WHERE base_table_name = '{table}'"
        ):
            questdb.query(f'REFRESH MATERIALIZED VIEW "{view}" INCREMENTAL')
            wait_followed(questdb, str(view))


def wait_followed(questdb: TestQuestDB, view: str) -> None:
    """Return once `view` is valid and shows all of its table; fail after a while."""
    sql = (
        "SELECT view_status, refresh_base_table_txn, base_table_txn FROM materialized_views()"
        f" WHERE view_name = '{view}'"
    )
    give_up_at_s = time.monotonic() + ANSWER_TIMEOUT_S
    while True:
        # Listed a moment late: until then there is nothing to be followed.
        [(status, done, committed)] = questdb.query(sql) or [("not listed", None, None)]
        if status == "valid" and done == committed:
            break
        assert time.monotonic() < give_up_at_s, f"{view} is {status} at {done} of {committed}"
        threading.Event().wait(0.005)
    questdb.wait_applied(view)


def wait_spoilt(questdb: TestQuestDB, *views: str) -> None:
    """Return once `check` fails these views: QuestDB notices a moment behind the statement."""
    until(lambda: not any(checked(questdb)[view].ok for view in views), f"{views} fail the check")
