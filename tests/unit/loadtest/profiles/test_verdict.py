"""Every check passes at its limit and fails one past it; how locust is told what to do."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from loadtest.processes import Track
from loadtest.profiles.catalogue import PROFILES, Limits, Profile
from loadtest.profiles.play import Order, Place, locust_command
from loadtest.profiles.tally import Attempt
from loadtest.profiles.verdict import (
    answer_checks,
    client_verdict,
    equal,
    failed,
    growth_mb,
    process_checks,
    within,
)
from loadtest.service_counts import ServiceCounts, Worker
from tests.unit.loadtest.profiles.test_tally import RIGHT, changed, tally

LIMITS = Limits(p99_ms=500.5, errors_share=0.01, turned_away_share=0.02, arrivals_share_min=0.9)
ERRORS, AWAY, P99, MADE = (
    "posts without their right answer",
    "answers that sent the client away for now",
    "p99 from when a post was due",
    "posts made, of those due",
)
SLOW = changed(RIGHT, ended_s=109.0)
WRONG = changed(RIGHT, fault="status 500")
REFUSED = changed(RIGHT, status=429, last=False, fault="status 429")


def failures(entries: list[Attempt], limits: Limits = LIMITS, planned: int = 111) -> list[str]:
    checks = answer_checks(tally(*entries), limits, planned)
    return [check.name for check in checks if not check.passed]


@pytest.mark.parametrize(
    ("entries", "planned", "names"),
    [
        ([RIGHT] * 97 + [WRONG, REFUSED, REFUSED, RIGHT, SLOW], 111, []),
        ([RIGHT] * 98 + [WRONG] * 2, 111, [ERRORS]),
        ([RIGHT] * 100 + [REFUSED] * 3 + [RIGHT], 111, [AWAY]),
        ([RIGHT] * 98 + [SLOW] * 2, 111, [P99]),
        ([RIGHT] * 100, 113, [MADE]),
        ([], 0, [MADE, P99]),
        # Bodies that wait to be posted again when the run ends.
        ([RIGHT] * 100 + [changed(REFUSED, first=it) for it in (8, 9)], 111, [ERRORS]),
        ([RIGHT] * 99 + [changed(REFUSED, first=9), changed(RIGHT, first=9)], 111, []),
    ],
)
def test_run_at_its_limits_passes_and_one_past_them_fails(
    entries: list[Attempt], planned: int, names: list[str]
) -> None:
    assert failures(entries, planned=planned) == names


def test_checks_say_what_was_expected_and_seen() -> None:
    assert str(equal("rows", 5000, 4999)) == "FAIL rows: expected 5,000, seen 4,999"
    assert str(within("rows", 1, 2, 1)) == "ok   rows: expected 1 to 2, seen 1"
    assert [within("n", 2, 4, seen).passed for seen in (1, 2, 4, 5)] == [False, True, True, False]


def test_verdict_fails_with_one_check_and_without_any() -> None:
    assert not failed([equal("a", 1, 1)])
    assert failed([equal("a", 1, 1), equal("b", 1, 2)])
    assert failed([])


QUICK = changed(RIGHT, ended_s=100.3)


@pytest.mark.parametrize(
    ("entries", "code", "words"),
    [
        ([QUICK, QUICK], 0, "steady: 380 rows accepted"),
        ([QUICK, changed(QUICK, fault="accepted 9")], 1, "at most 0 of 2, seen 1\n"),
        ([changed(QUICK, fault="accepted 9")], 1, "accepted 9"),
        ([], 1, "no posts"),
    ],
)
def test_answers_alone_are_judged(
    entries: list[Attempt], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client_verdict(tally(*entries), PROFILES["steady"]) == code
    assert words in capsys.readouterr().out


BEFORE = ServiceCounts(0, 0, 0, workers=(Worker(5, "serving"), Worker(6, "draining")))
PROCESS_LIMITS = Limits(p99_ms=1, worker_mb=120, growth_mb=10)


def track(name: str, *rss_mb: float, peak_mb: float = 100.0) -> Track:
    return Track(name, 1, [float(at) for at in range(len(rss_mb))], list(rss_mb), [], peak_mb)


def process_failures(
    after: ServiceCounts, *tracks: Track, limits: Limits = PROCESS_LIMITS
) -> list[str]:
    return [it.name for it in process_checks(BEFORE, after, tracks, limits) if not it.passed]


def test_workers_that_are_the_same_and_small_pass() -> None:
    assert (
        process_failures(BEFORE, track("worker 1", 60, 61), track("QuestDB", 900, peak_mb=900))
        == []
    )


def test_worker_that_was_replaced_fails() -> None:
    gone = (Worker(5, "serving"), Worker(6, "gone"))
    assert process_failures(changed(BEFORE, workers=gone)) == ["workers"]


def test_worker_with_too_much_memory_at_any_time_fails() -> None:
    tracks = [track("worker 1", 60, peak_mb=120.1), track("worker 2", 60, peak_mb=120.0)]
    assert process_failures(BEFORE, *tracks) == ["most memory of worker 1"]


def test_worker_that_grows_fails_where_the_profile_looks() -> None:
    grows = track("worker 1", 50, 50, 60, 60, 65, 65, 71, 71)
    name = "growth of worker 1, last quarter against second"
    assert growth_mb(grows.rss_mb) == 11
    assert process_failures(BEFORE, grows) == [name]
    assert process_failures(BEFORE, grows, limits=replace(PROCESS_LIMITS, growth_mb=None)) == []


@pytest.mark.parametrize("samples", [[], [1.0], [1.0, 2.0, 3.0]])
def test_growth_of_too_few_samples_is_none(samples: list[float]) -> None:
    assert growth_mb(samples) == 0.0


def test_locust_is_told_all_that_was_ordered() -> None:
    profile = replace(PROFILES["trickle"], users=3, rate=7.5, rows=11)
    command = locust_command(
        Order(profile, 9, seed=4), Place("there", 1234, 9090, 9000), run="LTx", directory=Path("d")
    )
    given = dict(zip(command[7::2], command[8::2], strict=True))
    assert command[4].endswith("loadtest/profiles/locustfile.py")
    assert given["--host"] == "http://there:1234"
    assert msgspec.json.decode(given["--order"], type=Profile) == profile
    assert (given["--users"], given["--spawn-rate"]) == ("3", "3")
    assert (given["--seconds"], given["--seed"], given["--run-id"]) == ("9", "4", "LTx")
    assert given["--tally"] == "d/tally.json"
