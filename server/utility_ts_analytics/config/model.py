"""What can be set, with its TOML key, default and range: the only list of the keys.

Sections of ports are in `listeners`, those of Kafka in `kafka`, all others here. An attribute has
the name of its TOML key (CONTRACT section 4), and so has every parameter that carries its value.
Three keys would mislead and differ: `<stream>.name` is `table`, `sink.workers` is `lanes`
(connections, where `source.workers` are processes), `source.http_bind_addr` is `bind_address`, as
of every listener. Ranges stand in `Meta`, values in `values`, rules across keys in `checks`. Each
key has its sentence in `ingestion-config.example.toml`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from utility_ts_analytics.config.kafka import KafkaConfig
from utility_ts_analytics.config.listeners import FilePath, MetricsConfig, SourceConfig
from utility_ts_analytics.config.questdb_values import DatabaseUri, HttpAddress
from utility_ts_analytics.config.shards import Shard, ShardName, Shards
from utility_ts_analytics.config.values import (
    Address,
    BearerToken,
    BindAddress,
    Secret,
    Section,
)

_MIB = 1024 * 1024
_GIB = 1024 * _MIB

TableName = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z_][A-Za-z0-9_]{0,126}\Z",
        description="up to 127 letters, digits and underscores, the first one no digit",
    ),
]
UserName = Annotated[str, Meta(min_length=1, max_length=256)]
FolderPath = Annotated[str, Meta(min_length=1, max_length=4096)]


class QuestDBConfig(Section, frozen=True, kw_only=True):
    """Where QuestDB is: `[questdb]`.

    Attributes:
        uri: PostgreSQL wire: fallback sink, checks, queries.
        max_connections: Connections of one process over that wire, 1..1000.
        wal_lag_transactions_max: Above it and not shrinking is a reason not to be ready; 0 is off.
        ilp_http_addr: ILP over HTTP, acknowledged.
        ilp_tcp_addr: ILP over TCP, for sinks with `transport = "tcp"`.
        ilp_user: For HTTP basic authentication; None without.
        ilp_password: Set if and only if `ilp_user` is.
        ilp_token: Sent as bearer token instead of user and password.
        tls_ca_file: Authorities that sign the certificates of QuestDB, over HTTP and pgwire; None
            takes the system's.
        shards: Several servers, each for some partitions; `uri` and `ilp_http_addr` are not used
            then.
    """

    uri: DatabaseUri = DatabaseUri("postgresql://admin:quest@localhost:8812/qdb")
    max_connections: Annotated[int, Meta(ge=1, le=1000)] = 10
    wal_lag_transactions_max: Annotated[int, Meta(ge=0, le=10**9)] = 1000
    ilp_http_addr: HttpAddress = HttpAddress("127.0.0.1", 9000)
    ilp_tcp_addr: Address = Address("127.0.0.1", 9009)
    ilp_user: UserName | None = None
    ilp_password: Secret | None = None

    ilp_token: BearerToken | None = None
    tls_ca_file: FilePath | None = None
    shards: Shards = Shards()

    @property
    def pgwire_uri(self) -> str:
        """`uri` with its password and with `tls_ca_file`; never to be shown."""
        return self.uri.with_ca_file(self.tls_ca_file)

    @property
    def ca_files(self) -> tuple[str, ...]:
        """Files with authorities that TLS to QuestDB needs."""
        uses_tls = self.ilp_http_addr.tls or self.uri.is_encrypted
        return (self.tls_ca_file,) if uses_tls and self.tls_ca_file is not None else ()


class SinkConfig(Section, frozen=True, kw_only=True):
    """How a stream goes out: `[<stream>.sink]`.

    Attributes:
        kind: First choice of the way into QuestDB, or into the log.
        transport: Of ILP; only "http" is acknowledged.
        fallback: What takes over while ILP fails; "pgwire" after kind "pgwire" is none.
        ack: When a request is answered: its rows are committed in QuestDB's write-ahead log (with
            kind "kafka": on every in-sync replica), or are in this process's buffer.
        lanes: Connections per process, 1..64; a request's rows stay on one.
        batch_size: Rows of one send, which is one transaction.
        max_batch_linger_ms: How long a batch may wait for more rows, 0..60000.
        max_retries: Sends after the first one, 0..100.
        retry_backoff_ms: Bound of the first wait between sends; later ones double.
        request_timeout_ms: Of one send.
        delivery_timeout_ms: Of one batch, every send and wait included.
        dead_letter_dir: Where rows are kept that QuestDB refuses for good; None keeps none.
        dead_letter_max_bytes: Of the stream's file in there.
    """

    kind: Literal["ilp", "pgwire", "kafka"] = "ilp"
    transport: Literal["http", "tcp"] = "http"
    fallback: Literal["pgwire", "none"] = "pgwire"
    ack: Literal["committed", "enqueued"] = "committed"
    lanes: Annotated[int, Meta(ge=1, le=64)] = field(name="workers", default=1)
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] = 25_000
    max_batch_linger_ms: Annotated[int, Meta(ge=0, le=60_000)] = 200
    max_retries: Annotated[int, Meta(ge=0, le=100)] = 5
    retry_backoff_ms: Annotated[int, Meta(ge=1, le=60_000)] = 200
    request_timeout_ms: Annotated[int, Meta(ge=1, le=600_000)] = 10_000
    delivery_timeout_ms: Annotated[int, Meta(ge=1, le=3_600_000)] = 30_000
    dead_letter_dir: FolderPath | None = None
    dead_letter_max_bytes: Annotated[int, Meta(ge=1024, le=2**50)] = 64 * _MIB


class SpoolConfig(Section, frozen=True, kw_only=True):
    """Where rows wait while QuestDB is away: `[<stream>.spool]`.

    Attributes:
        dir: On a local disk, used by nothing else; None switches the spool off.
        max_bytes: Of everything that waits there for this stream, over all workers.
    """

    dir: FolderPath | None = None
    max_bytes: Annotated[int, Meta(ge=_MIB, le=2**50)] = _GIB


class StreamConfig(Section, frozen=True, kw_only=True):
    """One stream: `[<stream>]`.

    Attributes:
        table: The QuestDB table that its rows go to.
        source: How they come in.
        sink: How they go out.
        spool: Where they wait while they cannot.
    """

    table: TableName = field(name="name")
    source: SourceConfig
    sink: SinkConfig = SinkConfig()
    spool: SpoolConfig = SpoolConfig()


class ServerConfig(Section, frozen=True, kw_only=True):
    """The service as a whole: `[server]`.

    Attributes:
        drain_timeout_s: Time from SIGTERM until unfinished work is ended, 1..1200 seconds.
        worker_silent_s: Time without a heartbeat after which a worker is killed, 2..600 seconds.
        log_level: The least serious level that is logged.
        log_format: "auto" is "console" at a terminal and "json" elsewhere.
    """

    drain_timeout_s: Annotated[int, Meta(ge=1, le=1200)] = 30
    worker_silent_s: Annotated[int, Meta(ge=2, le=600)] = 15
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"


class ArchiveConfig(Section, frozen=True, kw_only=True):
    """History as Parquet files: `[archive]`.

    Attributes:
        dir: Where it is; must exist. None is no archive.
        shard: File name in each day's folder; each QuestDB of one archive has its own. Not used
            where `[[questdb.shards]]` have names.
        event_ids: Whether tables by day keep `event_id`, as text.
        final_after_hours: A day (UTC) is final so long after its end, 0..8760.
        memory_mib: What sorting and comparing may take before it spills to the disk, 128..1048576.
    """

    dir: FolderPath | None = None
    shard: ShardName = "main"
    event_ids: bool = False
    final_after_hours: Annotated[int, Meta(ge=0, le=8760)] = 36
    memory_mib: Annotated[int, Meta(ge=128, le=1_048_576)] = 1024


def _stream(name: str, *, port: int, workers: int) -> StreamConfig:
    address = BindAddress("0.0.0.0", port)  # noqa: S104 - CONTRACT section 4
    return StreamConfig(table=name, source=SourceConfig(bind_address=address, workers=workers))


class Config(Section, frozen=True, kw_only=True):
    """Everything. `Config()` has the defaults of CONTRACT section 4.

    To add a stream, add a line here: its section, named as in `records.streams`, with the defaults
    that differ.
    """

    questdb: QuestDBConfig = QuestDBConfig()
    meter_usage: StreamConfig = _stream("meter_usage", port=7001, workers=0)
    generation_output: StreamConfig = _stream("generation_output", port=7002, workers=1)
    metrics: MetricsConfig = MetricsConfig()
    server: ServerConfig = ServerConfig()
    archive: ArchiveConfig = ArchiveConfig()
    kafka: KafkaConfig = KafkaConfig()

    @property
    def streams(self) -> Mapping[str, StreamConfig]:
        """Every stream's section by the stream's name, in the order above."""
        sections = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return MappingProxyType({k: v for k, v in sections if isinstance(v, StreamConfig)})

    @property
    def stream_tables(self) -> Mapping[str, str]:
        """The table in QuestDB of every stream, by the stream's name."""
        return MappingProxyType({name: stream.table for name, stream in self.streams.items()})

    @property
    def databases(self) -> Mapping[str, "Config"]:
        """The configuration for each shard alone, by its name; "" and this one without shards."""
        if not self.questdb.shards:
            return MappingProxyType({"": self})
        return MappingProxyType({shard.name: self._on(shard) for shard in self.questdb.shards})

    def _on(self, shard: Shard) -> "Config":
        replace = msgspec.structs.replace
        questdb = replace(
            self.questdb, uri=shard.uri, ilp_http_addr=shard.ilp_http_addr, shards=Shards()
        )
        archive = replace(self.archive, shard=shard.name)
        return replace(self, questdb=questdb, archive=archive)

    def streams_into(self, store: Literal["questdb", "kafka"]) -> list[str]:
        """Return the names of the streams whose rows this service writes there."""
        into_kafka = store == "kafka"
        return [
            name
            for name, stream in self.streams.items()
            if (stream.sink.kind == "kafka") == into_kafka
        ]
