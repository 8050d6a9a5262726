"""Rows of a test's QuestDB, with an archive or without."""

from pathlib import Path
from typing import Protocol

from utility_ts_analytics.analysis.sources import Sources
from utility_ts_analytics.archive.export import QuestDBHttp
from utility_ts_analytics.database.access import PLAIN


class Server(Protocol):
    @property
    def pg_uri(self) -> str: ...

    @property
    def http_port(self) -> int: ...


def sources(server: Server, archive: Path | None = None, *, fresh: bool = False) -> Sources:
    http = QuestDBHttp("127.0.0.1", server.http_port, PLAIN)
    return Sources(archive, server=http, pg_uri=server.pg_uri, fresh=fresh)
