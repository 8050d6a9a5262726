"""Ports, settings and JVM arguments of the embedded QuestDB.

`infra/docker-compose.yml` carries the same settings; `test_docker_compose.py` holds them together.
"""

import random
import socket
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import MappingProxyType

HOST = "127.0.0.1"
USER = "admin"
PASSWORD = "quest"  # noqa: S105 - QuestDB's documented default; the server listens on loopback only

HTTP_LOGIN: Mapping[str, str] = MappingProxyType(
    {"ilp_user": "QDB_HTTP_USER", "ilp_password": "QDB_HTTP_PASSWORD"}
)
"""Where the environment has these, QuestDB's HTTP port asks for them; by the key of `[questdb]`."""

SERVICE_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # A misspelt table or column must be an error, not a new table or column.
        "QDB_LINE_AUTO_CREATE_NEW_TABLES": "false",
        "QDB_LINE_AUTO_CREATE_NEW_COLUMNS": "false",
        # A reader keeps what a query has mapped, ten maps for each day of meter_usage: without this
        # one query over 6,500 days leaves none of Linux's 65,530 for anything else, and the next
        # commit suspends its table (docs/decisions/0025-days-and-memory-maps.md).
        "QDB_CAIRO_INACTIVE_READER_MAX_OPEN_PARTITIONS": "100",
        "QDB_METRICS_ENABLED": "true",
        "QDB_TELEMETRY_ENABLED": "false",
    }
)
"""What the ingestion service needs of any QuestDB it writes to."""

SMALL_MACHINE_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # Idle workers spin before they sleep. On 2 cores that takes the CPU from the server beside
        # it: 265-335 k rows/s stored with the defaults, 316-338 k with these.
        "QDB_SHARED_WORKER_NAP_THRESHOLD": "50",
        "QDB_WAL_APPLY_WORKER_NAP_THRESHOLD": "50",
        "QDB_WAL_APPLY_WORKER_YIELD_THRESHOLD": "10",
        "QDB_MAT_VIEW_REFRESH_WORKER_COUNT": "1",
        "QDB_MAT_VIEW_REFRESH_WORKER_NAP_THRESHOLD": "50",
        "QDB_MAT_VIEW_REFRESH_WORKER_YIELD_THRESHOLD": "10",
        "QDB_VIEW_COMPILER_WORKER_COUNT": "1",
        "QDB_VIEW_COMPILER_WORKER_NAP_THRESHOLD": "50",
        "QDB_VIEW_COMPILER_WORKER_YIELD_THRESHOLD": "10",
        "QDB_EXPORT_WORKER_NAP_THRESHOLD": "50",
        "QDB_EXPORT_WORKER_YIELD_THRESHOLD": "10",
    }
)
"""For machines of up to `SMALL_MACHINE_CORES_MAX` cores; larger ones keep QuestDB's defaults."""

SMALL_MACHINE_CORES_MAX = 4

LOG_CONF = """\
# Written at every start by the embedded QuestDB of utility_ts_analytics; changes here are lost.
# stdout (questdb.log): life cycle and critical errors. File: all errors, 64 MB of them at most.
# Add INFO to w.file.level of a server of your own to see every request; its log thread then takes
# a tenth of what the server takes to store rows.
writers=stdout,file,http.min
w.stdout.class=io.questdb.log.LogConsoleWriter
w.stdout.level=ADVISORY,CRITICAL
w.file.class=io.questdb.log.LogRollingFileWriter
w.file.location=${log.dir}/questdb-rolling.log.${date:yyyyMMdd}
w.file.level=ADVISORY,ERROR,CRITICAL
w.file.rollEvery=day
w.file.rollSize=16m
w.file.lifeDuration=7d
w.file.sizeLimit=64m
w.http.min.class=io.questdb.log.LogConsoleWriter
w.http.min.level=ERROR
w.http.min.scope=http-min-server
"""

# Below the range from which systems take the ports of outgoing connections (32768 on Linux,
# 49152 on macOS): such a connection could take a "free" port before QuestDB binds it.
_FREE_PORT_RANGE = range(15_000, 30_000)


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports of one QuestDB, all on 127.0.0.1.

    Attributes:
        http: ILP over HTTP, REST and the web console.
        pg: pgwire.
        ilp: ILP over TCP.
        health: Health and metrics.
    """

    http: int = 9000
    pg: int = 8812
    ilp: int = 9009
    health: int = 9003

    @classmethod
    def free(cls) -> "Ports":
        """Return four ports that nothing listens on now. Another program may still take one."""
        return cls(*free_ports(len(fields(cls))))

    def taken(self) -> list[str]:
        """Return those in use now, as `9000 (http)`, in the order of the fields."""
        named = zip(fields(self), astuple(self), strict=True)
        return [f"{port} ({field.name})" for field, port in named if port_taken(port)]


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nothing listens on now. Another program may still take one."""
    chosen: list[int] = []
    candidates = list(_FREE_PORT_RANGE)
    # Random, so that two programs that choose at the same time choose differently.
    random.shuffle(candidates)
    for port in candidates:
        if not port_taken(port):
            chosen.append(port)
        if len(chosen) == count:
            break
    return chosen


def port_taken(port: int) -> bool:
    """Return whether `port` cannot be bound on 127.0.0.1 at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As QuestDB does: a port in TIME_WAIT after a restart is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def server_environment(ports: Ports, *, cores: int) -> dict[str, str]:
    """Return the `QDB_` variables of a server on `ports` of a machine with `cores` cores."""
    return {
        **SERVICE_SETTINGS,
        **(SMALL_MACHINE_SETTINGS if cores <= SMALL_MACHINE_CORES_MAX else {}),
        "QDB_HTTP_BIND_TO": f"{HOST}:{ports.http}",
        "QDB_PG_NET_BIND_TO": f"{HOST}:{ports.pg}",
        "QDB_LINE_TCP_NET_BIND_TO": f"{HOST}:{ports.ilp}",
        "QDB_HTTP_MIN_NET_BIND_TO": f"{HOST}:{ports.health}",
        # Health says nothing but that it is well, and asks for no password that guards the rest.
        "QDB_HTTP_HEALTH_CHECK_AUTHENTICATION_REQUIRED": "false",
        "QDB_PG_USER": USER,
        "QDB_PG_PASSWORD": PASSWORD,
    }


def java_arguments(jar: Path, data_dir: Path, *, heap_mib: int) -> list[str]:
    """Return what follows `java` on the command line; `data_dir` is absolute."""
    return [
        f"-Xmx{heap_mib}m",
        "-XX:+UseParallelGC",
        # No trace of a killed JVM outside the data directory: no hsperfdata and no unpacked
        # native library in /tmp, no crash report in the working directory.
        "-XX:-UsePerfData",
        f"-XX:ErrorFile={data_dir / 'log' / 'jvm-crash-%p.log'}",
        f"-Djava.io.tmpdir={data_dir / 'tmp'}",
        "--enable-native-access=io.questdb",
        "-Dcontainerized=false",
        "-Dnoebug",
        "-p",
        str(jar),
        "-m",
        "io.questdb/io.questdb.ServerMain",
        "-d",
        str(data_dir),
    ]
