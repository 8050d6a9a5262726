"""What JVMs of the tests have read of their jars, kept in a file that the next ones map.

That is half the CPU of a start. A JVM does without a file that does not fit its version or its
jars, so this changes nothing but the time.
"""

import asyncio
import fcntl
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from utility_ts_analytics.broker.embedded_kafka import EmbeddedKafka
from utility_ts_analytics.broker.jars import find_jars
from utility_ts_analytics.database.embedded_questdb.jar import cache_dir, find_jar, find_java
from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB
from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_spec import table_specs

JAVA_OPTIONS = "JDK_JAVA_OPTIONS"
_DUMP_TIMEOUT_S = 120.0


@cache
def questdb_java_options() -> str:
    """Return the options of the environment and QuestDB's archive, which is made if missing."""
    return _options("questdb", [find_jar(os.environ)], _run_questdb)


@cache
def kafka_java_options() -> str:
    """Return the options of the environment and Kafka's archive, which is made if missing."""
    return _options("kafka", sorted(find_jars(os.environ).glob("*.jar")), _run_kafka)


def _options(program: str, jars: list[Path], run: Callable[[Path, dict[str, str]], None]) -> str:
    options = os.environ[JAVA_OPTIONS].partition(" -XX:SharedArchiveFile=")[0]
    java = [str(find_java(os.environ)), "-version"]
    plain = {name: text for name, text in os.environ.items() if name != JAVA_OPTIONS}
    version = subprocess.run(java, env=plain, capture_output=True, check=True).stderr
    files = [(jar.name, jar.stat().st_size, jar.stat().st_mtime_ns) for jar in jars]
    name = hashlib.sha256(repr((options, version, files)).encode()).hexdigest()[:16]
    archive = cache_dir(os.environ) / f"test-classes-{program}-{name}.jsa"
    with (archive.parent / f"test-classes-{program}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            for older in archive.parent.glob(f"test-classes-{program}-*.jsa"):
                older.unlink()
            with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
                dumped = Path(folder, "classes.jsa")
                at_exit = f"{options} -XX:ArchiveClassesAtExit={dumped}"
                run(Path(folder), {**os.environ, JAVA_OPTIONS: at_exit})
                dumped.replace(archive)
    return f"{options} -XX:SharedArchiveFile={archive}"


def _run_questdb(folder: Path, environ: dict[str, str]) -> None:
    server = EmbeddedQuestDB(folder / "questdb", heap_mib=256, environ=environ)
    running = server.start(stop_timeout_s=_DUMP_TIMEOUT_S)
    try:
        asyncio.run(apply_schema(running.pg_uri, table_specs().values()))
    finally:
        server.stop(timeout_s=_DUMP_TIMEOUT_S)


def _run_kafka(folder: Path, environ: dict[str, str]) -> None:
    server = EmbeddedKafka(folder / "kafka", environ=environ)
    server.start(stop_timeout_s=_DUMP_TIMEOUT_S)
    server.stop(timeout_s=_DUMP_TIMEOUT_S)
