"""Commands whose output is not taken end as other programs do: a code, at most one line."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.process.running_service import command, command_environment, free_ports

pytestmark = pytest.mark.process

NO_ROOM = "ingestion-service: cannot write standard output: No space left on device\n"


def run(*arguments: str, cwd: Path, stdout: int, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """Run a command; return its exit code and what it said on standard error."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=command_environment(),
        stdout=stdout,
        stderr=stderr,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr or ""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a config for a service that does not run."""
    (tmp_path / "ingestion-config.toml").write_text(
        f'[metrics]\nbind_addr = "127.0.0.1:{free_ports(1)[0]}"\n'
    )
    return tmp_path


@pytest.mark.parametrize("arguments", [("schema", "show"), ("--help",), ("check", "--json")])
def test_full_device_is_said_in_one_line(place: Path, arguments: tuple[str, ...]) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    assert run(*arguments, cwd=place, stdout=fd) == (1, NO_ROOM)
    os.close(fd)


@pytest.mark.parametrize("arguments", [("schema", "show"), ("--help",), ("check",)])
def test_reader_who_has_gone_is_not_worth_a_word(place: Path, arguments: tuple[str, ...]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    assert run(*arguments, cwd=place, stdout=write_end) == (1, "")
    os.close(write_end)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("nonsense",), 2), (("serve", "--config", "missing.toml"), 2), (("status",), 1)],
)
def test_standard_error_that_takes_nothing_leaves_the_exit_code(
    place: Path, arguments: tuple[str, ...], code: int
) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    assert run(*arguments, cwd=place, stdout=subprocess.DEVNULL, stderr=fd)[0] == code
    os.close(fd)


def test_results_wait_for_a_slow_reader(place: Path) -> None:
    whole = subprocess.run(
        command("schema", "show"),
        cwd=place,
        env=command_environment(),
        capture_output=True,
        check=True,
    ).stdout
    with subprocess.Popen(
        command("schema", "show"), cwd=place, env=command_environment(), stdout=subprocess.PIPE
    ) as slow:
        assert slow.stdout is not None
        pieces = iter(lambda: os.read(slow.stdout.fileno(), 100), b"")  # type: ignore[union-attr]
        assert b"".join(pieces) == whole
        assert slow.wait(30) == 0
