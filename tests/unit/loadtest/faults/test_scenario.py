"""A run is judged by its books, its answers and its recovery. tests/faults plays whole ones."""

import json
import random
from dataclasses import replace

import pytest
from loadtest.books import Books
from loadtest.client import Answer
from loadtest.faults.line_faults import random_cuts
from loadtest.faults.scenario import Scenario, answered_in_fault, failures_of, longest_recovery_s
from loadtest.ledger import Account, Ledger
from loadtest.readings import Body

ROWS = 5
GOOD = Books(acknowledged=ROWS, stored=ROWS)
NOTHING = Scenario("nothing", lambda _scene: None)


@pytest.fixture
def ledger() -> Ledger:
    """One body was sent and acknowledged."""
    ledger = Ledger()
    account = begun(ledger)
    content = json.dumps({"accepted": ROWS, "ack": "committed"}).encode()
    ledger.answer(account, Answer(Body(0, 100, ROWS), 200, content))
    return ledger


def begun(ledger: Ledger, sent_rows: int = ROWS) -> Account:
    account = ledger.open(ROWS)
    account.begin(1, sent_rows)
    return account


def test_run_in_which_all_was_well_has_no_failures(ledger: Ledger) -> None:
    assert failures_of(NOTHING, ledger, GOOD) == []


@pytest.mark.parametrize("what", ["undone", "lost", "doubled", "wrong", "unsent"])
def test_books_that_do_not_balance_fail_with_what_was_found(ledger: Ledger, what: str) -> None:
    books = replace(GOOD, findings=["this row"], **{what: 1})
    assert failures_of(NOTHING, ledger, books) == ["the books do not balance", "this row"]


def test_loss_that_nobody_can_prevent_is_no_failure_but_a_wrong_row_is(ledger: Ledger) -> None:
    dropped = replace(NOTHING, may_lose=True)
    assert failures_of(dropped, ledger, replace(GOOD, lost=3, undone=2)) == []
    assert failures_of(dropped, ledger, replace(GOOD, lost=3, wrong=1)) != []


def test_whole_body_without_an_acknowledgement_fails_and_a_broken_one_does_not(
    ledger: Ledger,
) -> None:
    begun(ledger, sent_rows=ROWS - 1)
    ledger.open(ROWS, corrected=True).begin(1)
    assert failures_of(NOTHING, ledger, GOOD) == []
    begun(ledger)
    [failure] = failures_of(NOTHING, ledger, GOOD)
    assert failure == "1 bodies were sent whole and never acknowledged"


def test_wrong_answer_fails_once(ledger: Ledger) -> None:
    ledger.answer(begun(ledger), Answer(Body(0, 100, ROWS), 413, b"{}"))
    [failure] = failures_of(NOTHING, ledger, GOOD)
    assert "status 413" in failure


def test_body_that_was_released_counts_as_acknowledged(ledger: Ledger) -> None:
    ledger.release_acknowledged()
    assert failures_of(NOTHING, ledger, GOOD) == []


def test_acknowledgements_count_in_the_later_half_of_a_fault(ledger: Ledger) -> None:
    [entry] = ledger.accounts
    at_s = entry.acknowledged_at_s
    assert answered_in_fault(ledger, [(at_s - 3, at_s + 1)]) == 1
    assert answered_in_fault(ledger, [(at_s - 1, at_s + 3)]) == 0
    assert answered_in_fault(ledger, [(at_s + 1, at_s + 2)]) == 0


def test_longest_recovery_counts_and_none_is_none(ledger: Ledger) -> None:
    [entry] = ledger.accounts
    at_s = entry.acknowledged_at_s
    assert longest_recovery_s(ledger, [(0.0, at_s - 3), (0.0, at_s - 1)]) == pytest.approx(3)
    assert longest_recovery_s(ledger, [(0.0, at_s + 1)]) is None
    assert longest_recovery_s(ledger, []) is None


def test_random_cuts_are_seeded_and_strike_both_directions_near_and_far() -> None:
    def cuts(seed: int) -> list[object]:
        rng = random.Random(seed)  # noqa: S311 - seeded
        choose = random_cuts(rng, up_bytes_max=100_000, down_bytes_max=400)
        return [choose() for _ in range(400)]

    assert cuts(1) == cuts(1)
    assert cuts(1) != cuts(2)
    rng = random.Random(1)  # noqa: S311 - seeded
    choose = random_cuts(rng, up_bytes_max=100_000, down_bytes_max=400)
    chosen = [choose() for _ in range(400)]
    up = [it.after_bytes for it in chosen if it is not None and it.direction == "up"]
    down = [it.after_bytes for it in chosen if it is not None and it.direction == "down"]
    assert chosen.count(None) > 0
    assert (min(up) < 100, max(up) > 50_000, max(up) < 100_000) == (True, True, True)
    assert (min(down) < 10, max(down) > 200, max(down) < 400) == (True, True, True)
    assert {it.reset for it in chosen if it is not None} == {True, False}
