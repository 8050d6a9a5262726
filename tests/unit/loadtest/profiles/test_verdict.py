"""Every check passes at its limit and fails one past it."""

from dataclasses import replace

import msgspec
import pytest
from loadtest.profiles.catalogue import Limits
from loadtest.profiles.figures import Figures, figures_of
from loadtest.profiles.verdict import answer_checks, equal, failed, within
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
