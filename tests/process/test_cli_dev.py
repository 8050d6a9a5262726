"""`dev`: everything on one machine, samples stored and counted, still there tomorrow."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.process.process_family import descendants, is_alive
from tests.process.raw_http import NDJSON, ask, post
from tests.process.running_service import PROJECT, command, command_environment, free_ports
from tests.process.stored_tables import until

from utility_ts_analytics.records.streams import STREAMS

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ONCE_TIMEOUT_S = 120.0
EXPECTED_ROWS: dict[str, int] = json.loads((PROJECT / "data-samples/expected.json").read_text())[
    "rows"
]


def environment(operations: int, *streams: int) -> dict[str, str]:
    """Return where `dev` listens; QuestDB chooses by itself where its ports are taken."""
    listeners = {
        f"INGESTION__{name.upper()}__SOURCE__HTTP_BIND_ADDR": f"127.0.0.1:{port}"
        for name, port in zip(STREAMS, streams, strict=True)
    }
    return command_environment(
        {
            **listeners,
            "INGESTION__METER_USAGE__SOURCE__WORKERS": "1",
            "INGESTION__METRICS__BIND_ADDR": f"127.0.0.1:{operations}",
        }
    )


def stored_rows(operations: int) -> int:
    status = json.loads(ask(operations, "/status.json").body)
    return int(status["streams"]["meter_usage"]["stored_rows"])


def test_dev_stores_the_samples_serves_and_finds_them_again(tmp_path: Path) -> None:
    questdb, pgwire, ilp, operations, *ports = free_ports(4 + len(STREAMS))
    environ = environment(operations, *ports)
    data = tmp_path / "data"
    config = tmp_path / "config.toml"
    config.write_text(
        f'[questdb]\nuri = "postgresql://admin:quest@localhost:{pgwire}/qdb"\n'
        f'ilp_http_addr = "127.0.0.1:{questdb}"\nilp_tcp_addr = "127.0.0.1:{ilp}"\n'
    )
    first = subprocess.run(
        command("dev", "--config", str(config), "--data-dir", str(data), "--once"),
        cwd=tmp_path,
        env={**environ, "QDB_HTTP_USER": "dev", "QDB_HTTP_PASSWORD": "d3v-pass"},
        capture_output=True,
        text=True,
        timeout=ONCE_TIMEOUT_S,
        check=False,
    )
    assert first.returncode == 0, first.stdout + first.stderr
    for table, rows in EXPECTED_ROWS.items():
        assert f"{table:24} {rows:>9,}" in first.stdout
    assert "verified" in first.stdout
    lines = [line for line in first.stdout.splitlines() if "http://" in line]
    assert [line.split()[-1] for line in lines] == [
        f"http://127.0.0.1:{operations}/",
        *(
            f"http://127.0.0.1:{port}/ingest/{name}/ndjson"
            for name, port in zip(STREAMS, ports, strict=True)
        ),
        f"http://127.0.0.1:{questdb}/",  # as configured
    ]
    assert len({line.index("http://") for line in lines}) == 1, "they stand below each other"
    assert "export" not in first.stdout

    output = tmp_path / "second.log"
    with output.open("wb") as log:
        second = subprocess.Popen(
            command("dev", "--data-dir", str(data)),
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "verified" in output.read_text(), "it finds them", timeout_s=ONCE_TIMEOUT_S)
        line = b'{"ts":"2024-06-03T00:00:00Z","meter_id":"not-of-the-sample","kwh":1}\n'
        answer = post(ports[0], "/ingest/meter_usage/ndjson", line, {"content-type": NDJSON})
        assert answer.accepted_all().accepted == 1
        # The rows of the first start were counted and not posted again.
        until(lambda: stored_rows(operations) > 0, "the status follows")
        assert stored_rows(operations) == 1
        family = descendants(second.pid)
        second.send_signal(signal.SIGINT)
        assert second.wait(30) == 0
        assert not [pid for pid in family if is_alive(pid)]
    finally:
        if second.poll() is None:
            second.kill()
            second.wait()


def test_dev_refuses_a_taken_port_before_it_starts_a_database(tmp_path: Path) -> None:
    operations, meters, *others = free_ports(1 + len(STREAMS))
    done = subprocess.run(
        command("dev", "--data-dir", str(tmp_path / "data"), "--once"),
        cwd=tmp_path,
        env=environment(operations, meters, *others)
        | {"INGESTION__GENERATION_OUTPUT__SOURCE__HTTP_BIND_ADDR": f"127.0.0.1:{meters}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert f"takes port {meters}" in done.stderr
    assert not (tmp_path / "data").exists()


def test_dev_whose_output_nobody_reads_serves_and_stops_as_usual(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        command("dev", "--data-dir", str(tmp_path / "data"), "--once"),
        cwd=tmp_path,
        env=environment(*free_ports(1 + len(STREAMS))),
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        timeout=ONCE_TIMEOUT_S,
        check=False,
    )
    os.close(write_end)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
