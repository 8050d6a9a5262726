"""The first day: posts `data-samples/` through the real front door, checks them, says where we are.

Runs as the supervisor's companion, in a process of its own, while the service serves.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config, SourceConfig, url_of
from utility_ts_analytics.database.pool import Connection, connected
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.reference_csv import insert_csv
from utility_ts_analytics.service.local_http import ask_listener
from utility_ts_analytics.service.standard_files import stdout_failed

_REFERENCE_OF = {
    "meter_usage": ("meter_id", "meters"),
    "generation_output": ("plant_id", "plants"),
}
"""Key of each stream, and the reference table that says which of them are the sample's."""

_READY_TIMEOUT_S = 60.0
_APPLIED_TIMEOUT_S = 60.0
_POST_TIMEOUT_S = 120.0
_QUERY_TIMEOUT_S = 30.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Samples:
    """What `data-samples/expected.json` says of the sample.

    Attributes:
        folder: Where the files are.
        rows: Rows of each table.
        start: First interval, as SQL reads it.
        end: End of the last one.
    """

    folder: Path
    rows: Mapping[str, int]
    start: str
    end: str

    @classmethod
    def read(cls, folder: Path) -> "Samples":
        """Read the folder's `expected.json`.

        Raises:
            OperatorError: It is not there.
        """
        path = folder / "expected.json"
        try:
            document = json.loads(path.read_text())
        except OSError as error:
            raise OperatorError(
                f"cannot read {path}: {error.strerror}; run this in a checkout of the project"
            ) from error
        period = document["period"]
        return cls(folder, document["rows"], period["start"], period["end"])


@dataclass(frozen=True, slots=True)
class FirstDay:
    """What the companion needs.

    Attributes:
        config: Of the service that runs beside it.
        console_url: QuestDB's own console.
        samples_dir: The checkout's `data-samples/`.
        clock: For waits.
    """

    config: Config
    console_url: str
    samples_dir: Path
    clock: Clock

    def run(self) -> int:
        """Load what is missing, verify, print; returns the exit code."""
        try:
            return asyncio.run(self._run())
        except OperatorError as error:
            print(f"ingestion-service: {error}", file=sys.stderr)
            return error.exit_code

    async def _run(self) -> int:
        samples = Samples.read(self.samples_dir)
        await self._wait_until_ready()
        async with connected(self.config.questdb.pgwire_uri) as connection:
            await self._load(connection, samples)
            stored = await self._wait_until_stored(connection, samples)
        _say(*self._facts(stored))
        if stored != samples.rows:
            print(f"the sample is not whole: expected {dict(samples.rows)}", file=sys.stderr)
            return 1
        _say("verified: every row of data-samples/ is stored, once")
        return 0

    async def _wait_until_ready(self) -> None:
        deadline_s = self.clock.monotonic_s() + _READY_TIMEOUT_S
        answer = "no answer"
        while self.clock.monotonic_s() < deadline_s:
            try:
                metrics = self.config.metrics
                status, body = ask_listener(
                    metrics.bind_address,
                    "GET",
                    "/readyz",
                    tls=metrics.tls,
                    timeout_s=_POST_TIMEOUT_S,
                )
            except OSError as error:
                answer = str(error)
            else:
                if status == HTTPStatus.OK:
                    return
                answer = body.decode()
            await self.clock.sleep(_POLL_S)
        raise OperatorError(f"the service was not ready in {_READY_TIMEOUT_S:g} s: {answer}")

    async def _load(self, connection: Connection, samples: Samples) -> None:
        specs = table_specs()
        for table in samples.rows:
            path = _existing(samples.folder, f"{table}.csv", f"{table}.csv.gz")
            if table not in self.config.streams and path is not None:
                await insert_csv(connection, path, specs[table])
        stored = await self._stored_rows(connection, samples)
        for stream, settings in self.config.streams.items():
            if stored[stream] != samples.rows[stream]:
                body = (samples.folder / f"{stream}.ndjson.gz").read_bytes()
                _post_sample(settings.source, stream, body)

    async def _wait_until_stored(
        self, connection: Connection, samples: Samples
    ) -> Mapping[str, int]:
        deadline_s = self.clock.monotonic_s() + _APPLIED_TIMEOUT_S
        while True:
            stored = await self._stored_rows(connection, samples)
            if stored == samples.rows or self.clock.monotonic_s() > deadline_s:
                return stored
            await self.clock.sleep(_POLL_S)

    async def _stored_rows(self, connection: Connection, samples: Samples) -> dict[str, int]:
        """Count the sample's own rows; what users have posted beside it does not count."""
        counts: dict[str, int] = {}
        for table in samples.rows:
            rows = await connection.fetch(
                self._count_sql(table, samples), timeout_s=_QUERY_TIMEOUT_S
            )
            count = int(str(rows[0][0]))
            own = table in self.config.streams
            counts[table] = count if own else min(count, samples.rows[table])
        return counts

    def _count_sql(self, table: str, samples: Samples) -> str:
        # S608: the names are our own and the config's, which are letters, digits and underscores.
        if table not in self.config.streams:
            return f'SELECT count() FROM "{table}"'  # noqa: S608
        key, reference = _REFERENCE_OF[table]
        period = f"ts >= '{samples.start}' AND ts < '{samples.end}'"
        own = f"{key} IN (SELECT {key} FROM {reference})"  # noqa: S608
        name = self.config.streams[table].table
        return f'SELECT count() FROM "{name}" WHERE {period} AND {own}'  # noqa: S608

    def _facts(self, stored: Mapping[str, int]) -> Iterator[str]:
        yield f"status page  {url_of(self.config.metrics)}/"
        yield "stored rows of the sample:"
        for table, rows in stored.items():
            yield f"  {table:24} {rows:>9,}"
        for stream, settings in self.config.streams.items():
            yield f"post {stream} to {url_of(settings.source)}/ingest/{stream}/ndjson"
        yield f"QuestDB      {self.console_url}"


def _say(*lines: str) -> None:
    """Print lines; who closed standard output wants no more of them, but the service goes on."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError:
        stdout_failed()


def _existing(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def _post_sample(source: SourceConfig, stream: str, body: bytes) -> None:
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    for token in source.tokens[:1]:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    status, answer = ask_listener(
        source.bind_address,
        "POST",
        f"/ingest/{stream}/ndjson",
        tls=source.tls,
        timeout_s=_POST_TIMEOUT_S,
        body=body,
        headers=headers,
    )
    if status != HTTPStatus.OK:
        raise OperatorError(f"cannot post the sample of {stream}: {status} {answer.decode()}")
