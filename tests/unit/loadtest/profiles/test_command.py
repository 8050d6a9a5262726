"""The command line; tests/process runs a profile."""

import argparse
from pathlib import Path

import pytest
from loadtest.profiles import command
from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.command import main, ordered


def options(*arguments: str) -> argparse.Namespace:
    return command._parser().parse_args(arguments)


def test_list_names_every_profile_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(PROFILES)
    assert all(len(line.split()) > 3 for line in lines)


def test_profile_stays_as_it_is_unless_told_otherwise() -> None:
    order = ordered(PROFILES["soak"], options("soak"))
    assert (order.profile, order.seconds) == (PROFILES["soak"], PROFILES["soak"].seconds)


def test_what_is_told_changes_the_profile() -> None:
    told = ("--seconds", "7", "--users", "3", "--rate", "0", "--rows", "9", "--p99-ms", "5")
    order = ordered(PROFILES["steady"], options("steady", *told))
    profile = order.profile
    assert (order.seconds, profile.users, profile.rate, profile.rows) == (7, 3, 0.0, 9)
    assert profile.limits.p99_ms == 5.0
    assert profile.limits.worker_mb == PROFILES["steady"].limits.worker_mb


def test_service_that_is_not_there_is_said_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nobody = ("--host", "127.0.0.1", "--port", "1", "--operations-port", "1", "--questdb-port", "1")
    report = tmp_path / "report.html"
    assert main(["trickle", *nobody, "--seconds", "1", "--report", str(report)]) == 1
    assert "cannot run the profile: " in capsys.readouterr().err
    assert not report.exists()
