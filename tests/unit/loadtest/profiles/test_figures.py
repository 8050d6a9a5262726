"""Sums and percentiles of a journal, also of a run that is longer than a curve has points."""

from pathlib import Path

import duckdb
import msgspec
import pytest
from loadtest.profiles.figures import PERCENTS, Entry, figures_of, read_journal

RIGHT = Entry(
    first=0,
    pieces=1,
    due_s=100.0,
    sent_s=100.2,
    ended_s=100.5,
    status=200,
    accepted=10,
    last=True,
    replay=False,
    size=1_000_000,
    fault="",
)
changed = msgspec.structs.replace


def journal(folder: Path, *entries: Entry) -> Path:
    path = folder / "journal"
    path.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))
    return path


def test_entries_come_back_in_their_order_and_a_cut_journal_is_no_short_run(
    tmp_path: Path,
) -> None:
    other = changed(RIGHT, status=0, fault="no answer: \n\u20ac")
    path = journal(tmp_path, RIGHT, other)
    assert list(read_journal(path)) == [RIGHT, other]
    assert figures_of(path).faults == [other.fault]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(duckdb.Error):
        figures_of(path)
    with pytest.raises(msgspec.DecodeError):
        list(read_journal(path))


def test_percentiles_are_those_of_the_posts(tmp_path: Path) -> None:
    entries = [changed(RIGHT, due_s=100.0, ended_s=100.0 + it) for it in range(1, 1001)]
    figures = figures_of(journal(tmp_path, *entries))
    assert figures.from_due_ms == dict(
        zip(PERCENTS, [500e3, 900e3, 990e3, 999e3, 1000e3], strict=True)
    )


def test_time_counts_from_when_a_post_was_due_through_all_its_attempts(tmp_path: Path) -> None:
    away = changed(RIGHT, status=429, accepted=0, last=False, fault="status 429 overloaded")
    again = changed(RIGHT, sent_s=102.0, ended_s=102.1)
    figures = figures_of(journal(tmp_path, away, again))
    assert (figures.posts, figures.answers, figures.turned_away, figures.errors) == (1, 2, 1, 0)
    assert figures.from_due_ms[100] == pytest.approx(2100)
    assert figures.from_sent_ms[100] == pytest.approx(300)


def test_errors_are_posts_and_replays_that_ended_without_the_right_answer(tmp_path: Path) -> None:
    wrong = changed(RIGHT, fault="accepted is wrong")
    lost = changed(RIGHT, status=0, accepted=0, fault="no answer")
    replay = changed(RIGHT, replay=True, fault="status 500")
    figures = figures_of(journal(tmp_path, RIGHT, wrong, lost, replay))
    assert (figures.posts, figures.replays, figures.errors, figures.rows) == (3, 1, 3, 30)
    assert figures.faults == ["accepted is wrong", "no answer", "status 500"]


def test_rates_go_by_the_time_from_the_first_due_to_the_last_answer(tmp_path: Path) -> None:
    figures = figures_of(journal(tmp_path, RIGHT, changed(RIGHT, ended_s=104.0)))
    assert (figures.elapsed_s, figures.rows_per_s, figures.mb_per_s) == (4.0, 5.0, 0.5)
    assert [(one.at_s, one.rows_per_s) for one in figures.seconds] == [(0, 10), (4, 10)]


def test_long_run_has_longer_seconds_and_the_same_sums(tmp_path: Path) -> None:
    entries = [changed(RIGHT, sent_s=100.0 + t, ended_s=100.0 + t) for t in range(3001)]
    figures = figures_of(journal(tmp_path, *entries))
    assert len(figures.seconds) == 601
    assert sum(one.rows_per_s * 5 for one in figures.seconds) == pytest.approx(30_010)


def test_run_without_answers_has_no_figures(tmp_path: Path) -> None:
    figures = figures_of(journal(tmp_path))
    assert (figures.posts, figures.rows_per_s, figures.from_due_ms[99]) == (0, 0.0, 0.0)
