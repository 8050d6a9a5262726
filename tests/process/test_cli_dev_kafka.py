"""`dev --kafka`: the samples go edge, log, `consume`, QuestDB on one machine; all of it ends."""

import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.process.process_family import descendants, is_alive
from tests.process.raw_http import NDJSON, ask, post
from tests.process.running_service import command, command_environment, free_ports
from tests.process.stored_tables import until

from utility_ts_analytics.records.streams import STREAMS

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.questdb]

TIMEOUT_S = 180.0
READING = b'{"ts":"2024-06-03T00:00:00Z","meter_id":"not-of-the-sample","kwh":1}\n'


def address_of(output: str, what: str) -> str:
    [line] = [line for line in output.splitlines() if line.startswith(f"{what} ")]
    return line.split()[-1]


def consumed_rows(operations: str) -> Mapping[str, int]:
    """Return the rows that `consume` has stored, by stream."""
    port = int(operations.rstrip("/").rpartition(":")[2])
    status = json.loads(ask(port, "/status.json").body)
    return {name: int(stream["stored_rows"]) for name, stream in status["streams"].items()}


def test_samples_go_through_the_log_and_a_second_start_finds_rows_and_log(tmp_path: Path) -> None:
    http, pgwire, ilp, operations, *ports = free_ports(4 + len(STREAMS))
    config = tmp_path / "config.toml"
    config.write_text(
        f'[questdb]\nuri = "postgresql://admin:quest@localhost:{pgwire}/qdb"\n'
        f'ilp_http_addr = "127.0.0.1:{http}"\nilp_tcp_addr = "127.0.0.1:{ilp}"\n'
        f'[metrics]\nbind_addr = "127.0.0.1:{operations}"\n'
        f'[meter_usage.source]\nhttp_bind_addr = "127.0.0.1:{ports[0]}"\nworkers = 1\n'
        f'[generation_output.source]\nhttp_bind_addr = "127.0.0.1:{ports[1]}"\n'
    )
    arguments = command(
        "dev", "--kafka", "--config", str(config), "--data-dir", str(tmp_path / "d")
    )
    first = subprocess.run(
        [*arguments, "--once"],
        cwd=tmp_path,
        env=command_environment({}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert first.returncode == 0, first.stdout + first.stderr
    assert "verified" in first.stdout

    output = tmp_path / "second.log"
    with output.open("wb") as log:
        second = subprocess.Popen(
            arguments,
            cwd=tmp_path,
            env=command_environment({}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(
            lambda: "verified" in output.read_text() or second.poll() is not None,
            "it finds the rows",
            timeout_s=TIMEOUT_S,
        )
        consumer = address_of(output.read_text(), "status page of consume")
        answer = post(ports[0], "/ingest/meter_usage/ndjson", READING, {"content-type": NDJSON})
        assert (answer.status, json.loads(answer.body)["ack"]) == (202, "replicated")
        # Neither the samples nor the messages of the first start come a second time.
        until(
            lambda: consumed_rows(consumer)["meter_usage"] > 0,
            "it is consumed",
            timeout_s=TIMEOUT_S,
        )
        assert consumed_rows(consumer) == {"meter_usage": 1, "generation_output": 0}
        family = descendants(second.pid)
        second.send_signal(signal.SIGINT)
        assert second.wait(TIMEOUT_S) == 0
        assert not [pid for pid in family if is_alive(pid)]
    finally:
        if second.poll() is None:
            second.kill()
            second.wait()
