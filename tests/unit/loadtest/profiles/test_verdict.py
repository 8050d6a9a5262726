"""Every check passes at its limit and fails one past it; how locust is told what to do."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from loadtest.processes import Track
from loadtest.profiles.catalogue import PROFILES, Limits, Profile
from loadtest.profiles.figures import Entry, Figures, JournalWriter, figures_of
from loadtest.profiles.play import Order, Place, locust_command
from loadtest.profiles.verdict import (
    answer_checks,
    client_verdict,
    equal,
    failed,
    growth_mb,
    process_checks,
    within,
)
from loadtest.service_counts import ServiceCounts
from tests.unit.loadtest.profiles.test_figures import RIGHT

LIMITS = Limits(p99_ms=520.0, errors_share=0.01, turned_away_share=0.02, arrivals_share_min=0.9)


def figures(**changes: int) -> Figures:
    """A hundred right posts, each 500 ms after it was due, and these numbers changed."""
    made = figures_of([RIGHT] * 100)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def failures(made: Figures, limits: Limits = LIMITS, planned: int = 111) -> list[str]:
    return [check.name for check in answer_checks(made, limits, planned) if not check.passed]


def test_run_at_its_limits_passes() -> None:
    assert failures(figures(errors=1, turned_away=2)) == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"errors": 2}, "posts without their right answer"),
        ({"turned_away": 3}, "answers that sent the client away for now"),
    ],
)
def test_one_more_than_allowed_fails(changes: dict[str, int], name: str) -> None:
    assert failures(figures(**changes)) == [name]


def test_slow_answers_fail() -> None:
    assert failures(figures(), replace(LIMITS, p99_ms=499.0)) == ["p99 from when a post was due"]


def test_one_slow_answer_in_a_hundred_passes_and_two_fail() -> None:
    slow = msgspec.structs.replace(RIGHT, ended_s=109.0)
    assert failures(figures_of([RIGHT] * 99 + [slow])) == []
    assert failures(figures_of([RIGHT] * 98 + [slow] * 2)) == ["p99 from when a post was due"]


def test_load_that_was_not_there_fails() -> None:
    assert failures(figures(), planned=113) == ["posts made, of those due"]


def test_run_without_a_post_fails_even_if_none_was_planned() -> None:
    assert failures(Figures(), planned=0) == [
        "posts made, of those due",
        "p99 from when a post was due",
    ]


def test_numbers_must_be_equal_or_within() -> None:
    assert equal("n", 5, 5).passed
    assert not equal("n", 5, 4).passed
    assert [within("n", 2, 4, seen).passed for seen in (1, 2, 4, 5)] == [False, True, True, False]


def test_check_says_what_was_expected_and_seen() -> None:
    assert str(equal("rows", 5000, 4999)) == "FAIL rows: expected 5,000, seen 4,999"
    assert str(within("rows", 1, 2, 1)) == "ok   rows: expected 1 to 2, seen 1"


def test_verdict_fails_with_one_check_and_without_any() -> None:
    assert not failed([equal("a", 1, 1)])
    assert failed([equal("a", 1, 1), equal("b", 1, 2)])
    assert failed([])


def test_body_that_waits_to_be_posted_again_when_the_run_ends_is_an_error() -> None:
    away = msgspec.structs.replace(RIGHT, first=9, status=503, last=False, fault="status 503")
    name = "posts without their right answer"
    strict = replace(LIMITS, errors_share=0.0, turned_away_share=1.0)
    assert failures(figures_of([RIGHT] * 100 + [away]), strict) == [name]
    again = msgspec.structs.replace(RIGHT, first=9)
    assert failures(figures_of([RIGHT] * 100 + [away, again]), strict) == []


QUICK = msgspec.structs.replace(RIGHT, ended_s=100.3)


def judged(path: Path, *entries: Entry) -> int:
    with JournalWriter(path / "journal") as journal:
        for entry in entries:
            journal.write(entry)
    return client_verdict(path / "journal", PROFILES["steady"])


def test_right_answers_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(tmp_path, QUICK, QUICK) == 0
    assert "steady: 20 rows accepted" in capsys.readouterr().out


def test_wrong_answer_fails_with_its_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(tmp_path, QUICK, msgspec.structs.replace(QUICK, fault="accepted 9")) == 1
    assert "expected at most 0 of 2, seen 1 (accepted 9)" in capsys.readouterr().out


def test_run_without_answers_fails(tmp_path: Path) -> None:
    assert judged(tmp_path) == 1


BEFORE = ServiceCounts("/metrics", 0, 0, 0, workers=(5, 6))
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
    assert process_failures(replace(BEFORE, workers=(5, 7))) == ["workers"]


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
    assert command[4].endswith("loadtest/profiles/locustfile.py")
    assert given["--host"] == "http://there:1234"
    assert msgspec.json.decode(given["--order"], type=Profile) == profile
    assert (given["--users"], given["--spawn-rate"]) == ("3", "3")
    assert (given["--seconds"], given["--seed"], given["--run-id"]) == ("9", "4", "LTx")
    assert given["--journal"] == "j.jsonl"
