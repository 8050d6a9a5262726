"""Sums and percentiles, also of runs that are longer than a curve has points."""

from pathlib import Path

import msgspec
import pytest
from loadtest.profiles.figures import Entry, Figures, JournalWriter, Times, figures_of, read_journal

RIGHT = Entry(
    first=0,
    pieces=1,
    due_s=100.0,
    sent_s=100.2,
    ended_s=100.5,
    status=200,
    accepted=10,
    parse_errors=0,
    rejected=0,
    last=True,
    replay=False,
    size=1_000_000,
    fault="",
)
changed = msgspec.structs.replace


def test_percentiles_are_at_most_two_percent_too_high() -> None:
    times = Times()
    for number in range(1, 1001):
        times.add(float(number))
    for percent, exact in ((50, 500), (99, 990), (99.9, 999), (100, 1000)):
        assert exact * 0.9999 <= times.get(percent) <= exact * 1.0201
    points = times.distribution()
    assert points == sorted(points)
    assert points[-1][1] == 100.0


def test_there_are_no_percentiles_of_nothing() -> None:
    assert Times().get(99) == 0.0
    assert Times().distribution() == []


def test_time_counts_from_when_a_post_was_due_through_all_its_attempts() -> None:
    away = changed(RIGHT, status=429, accepted=0, last=False, fault="status 429 overloaded")
    again = changed(RIGHT, sent_s=102.0, ended_s=102.1)
    figures = figures_of([away, again])
    assert (figures.posts, figures.answers, figures.turned_away, figures.errors) == (1, 2, 1, 0)
    assert figures.from_due_ms.get(100) == pytest.approx(2100, rel=0.02)
    assert figures.from_sent_ms.get(100) == pytest.approx(300, rel=0.02)


def test_errors_are_posts_that_ended_without_the_right_answer() -> None:
    wrong = changed(RIGHT, fault="accepted is wrong")
    lost = changed(RIGHT, status=0, accepted=0, fault="no answer")
    figures = figures_of([RIGHT, wrong, lost])
    assert (figures.posts, figures.errors) == (3, 2)
    assert figures.faults == ["accepted is wrong", "no answer"]


def test_replay_is_no_post_of_the_schedule_but_its_error_counts() -> None:
    replay = changed(RIGHT, replay=True, fault="status 500")
    figures = figures_of([RIGHT, replay])
    assert (figures.posts, figures.replays, figures.errors, figures.rows) == (1, 1, 1, 20)


def test_rates_go_by_the_time_from_the_first_due_to_the_last_answer() -> None:
    figures = figures_of([RIGHT, changed(RIGHT, ended_s=104.0)])
    assert (figures.elapsed_s, figures.rows_per_s, figures.mb_per_s) == (4.0, 5.0, 0.5)
    assert Figures().rows_per_s == 0.0
    assert {at: second.rows for at, second in figures.seconds.items()} == {0: 10, 4: 10}


def test_long_run_has_longer_seconds_and_the_same_sums() -> None:
    entries = [changed(RIGHT, sent_s=100.0 + t, ended_s=100.0 + t) for t in range(5000)]
    figures = figures_of(entries)
    assert figures.step_s == 16
    assert len(figures.seconds) == 313
    assert sum(second.rows for second in figures.seconds.values()) == 50_000
    assert sum(second.from_due_ms.count for second in figures.seconds.values()) == 5000


ENTRY = Entry(
    first=3,
    pieces=2,
    due_s=1.5,
    sent_s=1.75,
    ended_s=2.25,
    status=200,
    accepted=10,
    parse_errors=1,
    rejected=2,
    last=True,
    replay=False,
    size=1800,
    fault="",
)


def test_entries_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    other = msgspec.structs.replace(ENTRY, status=0, fault="no answer: \n\u20ac")
    with JournalWriter(path) as journal:
        journal.write(ENTRY)
        journal.write(other)
    assert list(read_journal(path)) == [ENTRY, other]


def test_journal_that_was_cut_off_is_an_error_and_not_a_short_run(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with JournalWriter(path) as journal:
        journal.write(ENTRY)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(msgspec.DecodeError):
        list(read_journal(path))
