"""How a run is started, and what its processes are judged by."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from loadtest.profiles.catalogue import PROFILES, Limits, Profile
from loadtest.profiles.memory import Track
from loadtest.profiles.place import Place
from loadtest.profiles.play import Order, growth_mb, locust_command, process_checks
from loadtest.profiles.service_counts import ServiceCounts

BEFORE = ServiceCounts("/metrics", 0, 0, 0, workers=(5, 6))
LIMITS = Limits(p99_ms=1, worker_mb=120, growth_mb=10)


def track(name: str, *rss_mb: float, peak_mb: float = 100.0) -> Track:
    return Track(name, 1, [float(at) for at in range(len(rss_mb))], list(rss_mb), [], peak_mb)


def failures(after: ServiceCounts, *tracks: Track, limits: Limits = LIMITS) -> list[str]:
    return [it.name for it in process_checks(BEFORE, after, tracks, limits) if not it.passed]


def test_workers_that_are_the_same_and_small_pass() -> None:
    assert failures(BEFORE, track("worker 1", 60, 61), track("QuestDB", 900, peak_mb=900)) == []


def test_worker_that_was_replaced_fails() -> None:
    assert failures(replace(BEFORE, workers=(5, 7))) == ["workers"]


def test_worker_with_too_much_memory_at_any_time_fails() -> None:
    tracks = [track("worker 1", 60, peak_mb=120.1), track("worker 2", 60, peak_mb=120.0)]
    assert failures(BEFORE, *tracks) == ["most memory of worker 1"]


def test_worker_that_grows_fails_where_the_profile_looks() -> None:
    grows = track("worker 1", 50, 50, 60, 60, 65, 65, 71, 71)
    name = "growth of worker 1, last quarter against second"
    assert growth_mb(grows.rss_mb) == 11
    assert failures(BEFORE, grows) == [name]
    assert failures(BEFORE, grows, limits=replace(LIMITS, growth_mb=None)) == []


@pytest.mark.parametrize("samples", [[], [1.0], [1.0, 2.0, 3.0]])
def test_growth_of_too_few_samples_is_none(samples: list[float]) -> None:
    assert growth_mb(samples) == 0.0


def test_soak_looks_at_growth() -> None:
    assert PROFILES["soak"].limits.growth_mb is not None


def test_locust_is_told_all_that_was_ordered() -> None:
    profile = replace(PROFILES["trickle"], users=3, rate=7.5, rows=11)
    command = locust_command(
        Order(profile, 9, seed=4),
        Place("there", 1234, 9090, 9000),
        run="LTx",
        journal=Path("j.jsonl"),
    )
    given = dict(zip(command[7::2], command[8::2], strict=True))
    assert command[4].endswith("loadtest/profiles/trickle.py")
    assert given["--host"] == "http://there:1234"
    assert msgspec.json.decode(given["--order"], type=Profile) == profile
    assert (given["--users"], given["--spawn-rate"]) == ("3", "3")
    assert (given["--seconds"], given["--seed"], given["--run-id"]) == ("9", "4", "LTx")
    assert given["--journal"] == "j.jsonl"
