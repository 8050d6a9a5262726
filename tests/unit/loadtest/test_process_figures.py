"""CPU and memory of process families, as /proc tells them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from loadtest.process_figures import (
    ProcessFigures,
    commit,
    cpu_spent_s,
    family,
    listeners,
    machine,
)

pytestmark = pytest.mark.process

CHILD = "import sys; x = bytearray(50_000_000); print(sum(range(5_000_000))); input()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A child that has worked for a moment and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_family_is_the_process_and_all_below_it(child: subprocess.Popen[str]) -> None:
    found = family(os.getpid())
    assert found[0].pid == os.getpid()
    assert (child.pid, os.getpid()) in [(entry.pid, entry.parent_pid) for entry in found]


def test_child_has_its_own_cpu_and_peak_memory(child: subprocess.Popen[str]) -> None:
    [figures] = family(child.pid)
    assert 0 < figures.cpu_s < 60
    assert 50_000_000 < figures.rss_peak_bytes < 500_000_000


def test_process_that_is_gone_has_no_family(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    assert family(child.pid) == []


def test_process_that_began_meanwhile_counts_whole() -> None:
    before = [ProcessFigures(1, 0, 2.0, 0)]
    after = [ProcessFigures(1, 0, 3.5, 0), ProcessFigures(2, 1, 0.5, 0)]
    assert cpu_spent_s(before, after) == {1: 1.5, 2: 0.5}


def test_machine_is_described_without_its_name() -> None:
    assert set(machine()) == {"cpu", "cores", "memory_mib", "system", "python"}


def test_commit_is_one_word() -> None:
    assert len(commit().split()) == 1


def test_listeners_are_those_that_hold_the_listening_socket(
    child: subprocess.Popen[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert listeners([child.pid, os.getpid()], port) == [os.getpid()]
        with socket.create_connection(("127.0.0.1", port)) as connected:
            assert listeners([os.getpid()], connected.getsockname()[1]) == []
    child.kill()
    child.wait()
    assert listeners([child.pid], port) == []
