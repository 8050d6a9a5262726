"""Everything on one machine: an embedded QuestDB, the schema, the server, and `data-samples/`."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field
from http import HTTPStatus
from pathlib import Path

from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.config import (
    Config,
    QuestDBConfig,
    SourceConfig,
    parse_config,
    url_of,
)
from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB
from utility_ts_analytics.database.embedded_questdb.server_settings import HTTP_LOGIN, Ports
from utility_ts_analytics.database.pool import Connection, address_of, connected
from utility_ts_analytics.database.reference_csv import insert_csv
from utility_ts_analytics.database.schema import apply_schema, specs_for
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.service.assembly import server_plans, service_plan
from utility_ts_analytics.service.demo_log import DemoLog
from utility_ts_analytics.service.demo_samples import Samples
from utility_ts_analytics.service.listeners.ports import claim_or_raise
from utility_ts_analytics.service.local_http import ask_listener
from utility_ts_analytics.service.standard_files import stdout_failed
from utility_ts_analytics.service.supervisor import Supervisor
from utility_ts_analytics.telemetry.log_relay import LogRelay
from utility_ts_analytics.telemetry.logs import configure_logs

_POSTED = {
    "meter_usage": ("meter_id", "meters"),
    "generation_output": ("plant_id", "plants"),
}
"""Streams whose samples are posted, other tables are inserted: the key of each stream, and the
reference table that lists the sample's keys."""

_READY_TIMEOUT_S = 60.0
_APPLIED_TIMEOUT_S = 60.0
_POST_TIMEOUT_S = 120.0
_QUERY_TIMEOUT_S = 30.0
_POLL_S = 0.1


def run_demo(
    tables: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    data_dir: Path,
    samples_dir: Path,
    once: bool,
    with_kafka: bool,
) -> int:
    """Start QuestDB, apply the schema, serve, and store the samples if they are missing.

    Args:
        tables: TOML tables of the configuration; empty takes the built-in values.
        environ: The process's environment.
        data_dir: Of the embedded QuestDB.
        samples_dir: The checkout's `data-samples/`.
        once: Stop when the samples are stored and counted, instead of at a signal.
        with_kafka: Send the readings through a Kafka broker, whose data is in `data_dir`, and
            `consume`.

    Returns:
        The exit code.

    Raises:
        OperatorError: A port of the service is in use, or QuestDB or Kafka does not start.
    """
    config = parse_config(tables, environ)
    config.refuse_shards("dev")
    configure_logs(level=config.server.log_level, log_format=config.server.log_format)
    for plan in server_plans(config):
        claim_or_raise(plan.listener).close()  # before a JVM is started in vain
    ports = ports_of(config.questdb)
    clock = SystemClock()
    with ExitStack() as stack:
        questdb = EmbeddedQuestDB(data_dir, ports=ports, free_if_taken=True, notify=_say)
        running = stack.enter_context(questdb)
        here = {
            "uri": running.pg_uri,
            "ilp_http_addr": running.http_addr,
            "ilp_tcp_addr": running.ilp_tcp_addr,
            **{key: environ[name] for key, name in HTTP_LOGIN.items() if environ.get(name)},
        }
        others = {k: v for k, v in environ.items() if not k.startswith("INGESTION__QUESTDB__")}
        config = parse_config({**tables, "questdb": here}, others)
        asyncio.run(apply_schema(running.pg_uri, specs_for(config.stream_tables)))
        log = DemoLog(data_dir / "kafka", config, clock, notify=_say) if with_kafka else None
        if log is not None:
            config = stack.enter_context(log.broker())
        addresses = {"QuestDB console": f"http://{running.http_addr}/"}
        addresses |= log.addresses if log is not None else {}
        moved = {} if running.ports == ports else _environment_of(running)
        demo = Demo(config, addresses, samples_dir, clock, moved)
        supervisor = Supervisor(service_plan(config), load=None, clock=clock)
        with LogRelay():
            if log is None:
                return supervisor.run(demo.run, once=once)
            with log.consumer():
                code = supervisor.run(demo.run, once=once)
            return code or log.exit_code


def _environment_of(questdb: RunningQuestDB) -> dict[str, str]:
    return {
        "INGESTION__QUESTDB__ILP_HTTP_ADDR": questdb.http_addr,
        "INGESTION__QUESTDB__URI": questdb.pg_uri,
    }


def ports_of(questdb: QuestDBConfig) -> Ports | None:
    """Return the ports of the configuration; None, which chooses free ones, if two are equal."""
    ports = Ports(
        http=questdb.ilp_http_addr.port,
        pg=int(address_of(questdb.pgwire_uri).rpartition(":")[2]),
        ilp=questdb.ilp_tcp_addr.port,
    )
    return ports if len(set(astuple(ports))) == len(astuple(ports)) else None


@dataclass(frozen=True, slots=True)
class Demo:
    """Stores the samples and prints the addresses while the service serves, in its own process.

    Attributes:
        config: Of the service that runs beside it.
        others: Further addresses to print, by what is there.
        samples_dir: The checkout's `data-samples/`.
        clock: For waits.
        moved: Environment variables with QuestDB's ports, if they differ from the configuration.
    """

    config: Config
    others: Mapping[str, str]
    samples_dir: Path
    clock: Clock
    moved: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> int:
        """Store missing samples, count them, print addresses and counts; return the exit code."""
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
            print(f"sample rows are missing: expected {dict(samples.rows)}", file=sys.stderr)
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
            if table not in _POSTED and path is not None:
                await insert_csv(connection, path, specs[table])
        stored = await self._stored_rows(connection, samples)
        for stream in _POSTED:
            if stored[stream] != samples.rows[stream]:
                body = (samples.folder / f"{stream}.ndjson.gz").read_bytes()
                _post_sample(self.config.streams[stream].source, stream, body)

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
        """Count the rows of the samples, without those that users have posted."""
        counts: dict[str, int] = {}
        for table in samples.rows:
            rows = await connection.fetch(
                self._count_sql(table, samples), timeout_s=_QUERY_TIMEOUT_S
            )
            count = int(str(rows[0][0]))
            counts[table] = count if table in _POSTED else min(count, samples.rows[table])
        return counts

    def _count_sql(self, table: str, samples: Samples) -> str:
        # S608: the names are our own and the config's, which are letters, digits and underscores.
        if table not in _POSTED:
            return f'SELECT count() FROM "{table}"'  # noqa: S608
        key, reference = _POSTED[table]
        period = f"ts >= '{samples.start}' AND ts < '{samples.end}'"
        own = f"{key} IN (SELECT {key} FROM {reference})"  # noqa: S608
        name = self.config.streams[table].table
        return f'SELECT count() FROM "{name}" WHERE {period} AND {own}'  # noqa: S608

    def _facts(self, stored: Mapping[str, int]) -> Iterator[str]:
        addresses = {
            "status page": f"{url_of(self.config.metrics)}/",
            **{
                f"post {stream} to": f"{url_of(settings.source)}/ingest/{stream}/ndjson"
                for stream, settings in self.config.streams.items()
            },
            **self.others,
        }
        width = max(map(len, addresses))
        yield from (f"{name:{width}} {address}" for name, address in addresses.items())
        yield "stored rows of data-samples/:"
        for table, rows in stored.items():
            yield f"  {table:24} {rows:>9,}"
        if self.moved:
            yield "The configured ports of QuestDB are in use. For load, report and check:"
            yield f"  export {' '.join(f'{name}={value}' for name, value in self.moved.items())}"


def _say(*lines: str) -> None:
    """Print lines; the service goes on if standard output is closed."""
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
    if status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        raise OperatorError(f"cannot post the sample of {stream}: {status} {answer.decode()}")
