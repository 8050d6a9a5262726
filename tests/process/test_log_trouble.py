"""A log that cannot be written, or that nobody reads, is no trouble of the service."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.own_questdb import OwnQuestDB, apply_schema
from tests.process.process_family import is_alive, worker_on
from tests.process.running_service import MakeId, QuestDBPorts, RunningService, run_service
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

STOP_S_MAX = 8.0
"""What a stop takes on a busy machine, beyond the second that the log may have."""
IMPATIENT = {"delivery_timeout_ms": 3_000, "request_timeout_ms": 1_000}
SMALL_PIPE_BYTES = 4096
STRAY = b'{"event":"printed by compiled code","number":%d,"filling":"%s"}\n'
STRAY_LINES = 20_000
"""With their filling twice what the service keeps of its log."""
FILLING = b"x" * 50


@pytest.fixture
def full_device() -> Iterator[int]:
    """Standard error on a device without room."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def no_reader() -> Iterator[int]:
    """Standard error that is a pipe whose reader has gone."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    yield write_end
    os.close(write_end)


class StalledPipe:
    """A small pipe that is full, and a reader who does not read yet."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, SMALL_PIPE_BYTES)
        self._content = b""

    def fill(self) -> None:
        """Leave no room for one more line."""
        os.set_blocking(self.write_end, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(self.write_end, b"\n"):
                pass
        os.set_blocking(self.write_end, True)

    def read_until(self, text: bytes, timeout_s: float = 20.0) -> list[bytes]:
        """Read on; return all whole lines up to the first with `text`."""
        poll = select.poll()
        poll.register(self.read_end, select.POLLIN)
        while text not in self._content.rpartition(b"\n")[0]:
            assert poll.poll(timeout_s * 1000), self._content[-500:]
            self._content += os.read(self.read_end, 65536)
        return self._content.rpartition(b"\n")[0].split(b"\n")


@pytest.fixture
def stalled() -> Iterator[StalledPipe]:
    """Standard error whose reader stalls."""
    pipe = StalledPipe()
    yield pipe
    for end in (pipe.read_end, pipe.write_end):
        os.close(end)


def lose_worker_and_database(service: RunningService, own: OwnQuestDB) -> None:
    """Kill a worker, take the database away for longer than anybody waits, bring both back."""
    killed = worker_on(service.ports.meter_usage)
    os.kill(killed, signal.SIGKILL)
    until(lambda: not is_alive(killed), "the worker is dead")
    until(lambda: takes_posts(service), "another worker takes posts")
    own.server.stop()
    until(lambda: service.unreadiness() != "", "the outage is noticed")
    for _ in range(3):
        service.post_lines(reading_lines("refused", 1)).problem(503, "sink-unavailable")
    assert service.process.poll() is None
    own.server.start()
    service.wait_ready()


def takes_posts(service: RunningService) -> bool:
    try:
        return service.post_lines(b"").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("stderr", ["full_device", "no_reader"])
def test_log_that_cannot_be_written_ends_nothing(
    stderr: str, own: OwnQuestDB, tmp_path: Path, make_id: MakeId, request: pytest.FixtureRequest
) -> None:
    own.server.start()
    meter_id = make_id("m")
    fd: int = request.getfixturevalue(stderr)
    settings = {"meter_usage": {"sink": IMPATIENT}}
    with run_service(tmp_path, own.addresses, settings, ready=False, stderr=fd) as service:
        apply_schema(service, tmp_path)
        service.wait_ready()
        supervisor = service.process.pid
        lose_worker_and_database(service, own)
        service.post_lines(reading_lines(meter_id, 5)).accepted_all()
        assert service.process.pid == supervisor
        assert dropped_lines(service) >= 3
        assert service.terminate() == 0
    assert [row["kwh"] for row in own.tables.meter(meter_id)] == expected_kwh(5)


@pytest.mark.parametrize("reload", [False, True])
def test_reader_that_stalls_delays_no_answer_no_reload_and_no_stop(
    stalled: StalledPipe,
    questdb: QuestDBPorts,
    tables: StoredTables,
    tmp_path: Path,
    make_id: MakeId,
    *,
    reload: bool,
) -> None:
    clock = SystemClock()
    meter_id = make_id("m")
    with run_service(tmp_path, questdb, {}, stderr=stalled.write_end) as service:
        stalled.fill()
        for _ in range(12):
            assert service.post_lines(b"{}\n").status == 422
        assert service.ask_operations("/healthz").status == 200
        if reload:
            before = worker_on(service.ports.meter_usage)
            service.process.send_signal(signal.SIGHUP)
            until(lambda: not is_alive(before), "another generation serves")
        service.post_lines(reading_lines(meter_id, 5)).accepted_all()
        assert service.ask_operations("/readyz").status == 200
        began_s = clock.monotonic_s()
        assert service.terminate() == 0
        assert clock.monotonic_s() - began_s < STOP_S_MAX
    assert tables.count_meter(meter_id) == 5


def test_what_was_dropped_is_counted_and_told_once_the_reader_reads_again(
    stalled: StalledPipe, questdb: QuestDBPorts, tmp_path: Path
) -> None:
    with run_service(tmp_path, questdb, {}, stderr=stalled.write_end) as service:
        assert dropped_lines(service) == 0
        stalled.fill()
        # As compiled code would, past all that we could put in front of it.
        worker = worker_on(service.ports.meter_usage)
        with Path(f"/proc/{worker}/fd/2").open("wb", buffering=0) as stderr:
            for number in range(STRAY_LINES):
                stderr.write(STRAY % (number, FILLING))
        until(lambda: dropped_lines(service) > 0, "lines are dropped")
        lines = stalled.read_until(b"lines of the log were dropped")
        told = [json.loads(line) for line in lines if line]
        kept = [fact["number"] for fact in told if "number" in fact]
        assert kept == list(range(len(kept))), "lines are not whole, or out of order"
        notice = told[-1]
        assert notice["level"] == "warning"
        assert notice["dropped_lines"] == STRAY_LINES - len(kept)
        assert dropped_lines(service) == notice["dropped_lines"]
        service.post_lines(b"{}\n")
        stalled.read_until(b'"status":422'.replace(b":", b": "))
        assert service.terminate() == 0


def dropped_lines(service: RunningService) -> int:
    """Return what the metrics say."""
    name = "ingestion_log_lines_dropped_total "
    text = service.ask_operations("/metrics").body.decode()
    [value] = [line.removeprefix(name) for line in text.splitlines() if line.startswith(name)]
    return int(float(value))


def test_terminal_gets_lines_for_people_also_after_a_reload_and_may_go_away(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    with run_service(tmp_path, questdb, {}, stderr=theirs) as service:
        os.close(theirs)
        service.process.send_signal(signal.SIGHUP)
        text = ""
        while "the configuration was reloaded" not in text:
            text += os.read(ours, 65536).decode()
        service.post_lines(b"{}\n")
        while "422" not in text:
            text += os.read(ours, 65536).decode()
        assert '{"' not in text
        assert "\x1b[" in text, "it has colours"
        os.close(ours)
        assert service.post_lines(b"{}\n").status == 422
        until(lambda: dropped_lines(service) > 0, "the terminal is gone")
        assert service.terminate() == 0
