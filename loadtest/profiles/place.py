"""Where a profile is run: a QuestDB and a service of its own, or ones that are there already."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.meter_posts import CONTENT_TYPE, PATH, fault_of, produce
from loadtest.posting import Target, post_bodies, split_bodies
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import (
    DatabasePorts,
    ServiceSettings,
    running_database,
    running_service,
)
from loadtest.stored_comparison import TABLE

_WARM_UP_BODIES_MAX = 1_500
_WARM_UP_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A running service and its QuestDB.

    Attributes:
        host: Of both.
        port: Of the stream `meter_usage`.
        operations_port: Of `/metrics` and `/status.json`.
        questdb_port: Of QuestDB's REST interface.
        pids: What is to be watched on this machine, by name.
        own_table: Whether nothing but the run writes to the table, which was empty before.
    """

    host: str
    port: int
    operations_port: int
    questdb_port: int
    pids: Mapping[str, int] = field(default_factory=dict)
    own_table: bool = False


@contextlib.contextmanager
def own_place(*, workers: int, warm_up_rows: int, body_rows: int) -> Iterator[Place]:
    """Run a QuestDB and a service on free ports, with an empty table; end and remove both.

    Args:
        workers: Processes for the stream; 0 is one per core.
        warm_up_rows: Posted before, at most, and removed: QuestDB answers slowly until its JVM is
            warm, and for tiny commits after large ones it is cold again.
        body_rows: Rows of one body of that; as in the profile that follows.

    Raises:
        RuntimeError: One of them does not start or does not end well.
    """
    with tempfile.TemporaryDirectory(prefix="profiles-") as name:
        directory = Path(name)
        with running_database(directory / "questdb") as database:
            ports = DatabasePorts(database.http_port, database.ilp_port, database.pg_uri)
            with running_service(directory, ports, ServiceSettings(workers=workers)) as service:
                target = Target(service.meter_usage_port, PATH, CONTENT_TYPE)
                warm_up(directory, target, rows=warm_up_rows, body_rows=body_rows)
                with QuestDBRest(database.http_port) as rest:
                    rest.truncate(TABLE)
                yield Place(
                    host="127.0.0.1",
                    port=service.meter_usage_port,
                    operations_port=service.operations_port,
                    questdb_port=database.http_port,
                    pids={"service": service.pid, "QuestDB": database.pid},
                    own_table=True,
                )


def warm_up(directory: Path, target: Target, *, rows: int, body_rows: int) -> None:
    """Post readings as fast as they are answered.

    Args:
        directory: For the readings; exists.
        target: Where they go.
        rows: At most so many, and no more bodies than take some seconds; 0 posts nothing.
        body_rows: Of each body.

    Raises:
        RuntimeError: An answer was wrong.
    """
    rows = min(rows, body_rows * _WARM_UP_BODIES_MAX)
    if rows == 0:
        return
    path = directory / "warm-up.ndjson"
    produce(path, rows)
    bodies = split_bodies(path, body_rows)
    posted = post_bodies(path, bodies, target, connections=_WARM_UP_CONNECTIONS)
    path.unlink()
    for answer in posted.answers:
        fault = fault_of(answer)
        if fault is not None:
            raise RuntimeError(f"cannot warm up: {fault}")
