"""Two QuestDBs that share the readings by partition: as a config has them, and read as one."""

from collections.abc import Sequence
from typing import TypeVar

from loadtest.database import QuestDBRest

from utility_ts_analytics.database.embedded_questdb.server import RunningQuestDB

RowT = TypeVar("RowT")


def shards_text(databases: Sequence[RunningQuestDB], partitions: int) -> str:
    """Return the tables of a config that give each database its share of the partitions."""
    share = partitions // len(databases)
    return "".join(
        f'[[questdb.shards]]\nname = "shard-{number}"\n'
        f'partitions = "{number * share}-{(number + 1) * share - 1}"\n'
        f'uri = "{one.pg_uri}"\nilp_http_addr = "{one.http_addr}"\n'
        for number, one in enumerate(databases)
    )


class GatheredRest(QuestDBRest):
    """The rows of several QuestDBs as if they were in one; in no order between these.

    Args:
        ports: Of all of them, at least one.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(ports[0])
        self._all = [QuestDBRest(port) for port in ports]

    def __exit__(self, *error: object) -> None:
        for one in self._all:
            one.__exit__(*error)
        super().__exit__(*error)

    def execute(self, sql: str) -> bytes:
        """Run one statement in each; return the result of the last."""
        return [one.execute(sql) for one in self._all][-1]

    def rows(self, sql: str, row_type: type[RowT]) -> list[RowT]:
        """Return the rows of all."""
        return [row for one in self._all for row in one.rows(sql, row_type)]

    def count(self, sql: str) -> int:
        """Return the sum."""
        return sum(one.count(sql) for one in self._all)

    def truncate(self, table: str) -> None:
        """Empty the table in each."""
        for one in self._all:
            one.truncate(table)

    def wait_applied(self, table: str, *, timeout_s: float = 120.0) -> None:
        """Return once everything committed to the table in any of them is visible."""
        for one in self._all:
            one.wait_applied(table, timeout_s=timeout_s)
