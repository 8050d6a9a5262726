"""What clients make of answers, and the account that they keep."""

import json
import time

import msgspec
import pytest
from loadtest.client import Answer
from loadtest.ledger import WRONG_KEPT_MAX, Acknowledged, Again, Ledger, Wrong, fault_of, judge
from loadtest.readings import Body

BODIES = [Body(0, 100, 5), Body(100, 100, 5), Body(200, 60, 3)]


def answered(status: int, *, retry_after_s: int = 0, **fields: object) -> Answer:
    return Answer(BODIES[0], status, json.dumps(fields).encode(), retry_after_s)


def test_committed_and_spooled_bodies_are_acknowledged() -> None:
    assert judge(answered(200, accepted=5, ack="committed")) == Acknowledged()
    assert judge(answered(202, accepted=5, ack="spooled")) == Acknowledged()


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_trouble_is_tried_again_when_the_answer_says(status: int) -> None:
    assert judge(answered(status, retry_after_s=7, accepted=2)) == Again(7)


def test_body_that_was_cut_on_its_way_is_sent_again() -> None:
    assert judge(answered(400, code="truncated-body", accepted=2)) == Again(0)


@pytest.mark.parametrize(
    "answer",
    [
        answered(200, accepted=4, ack="committed"),
        answered(200, accepted=5, rejected=1, ack="committed"),
        answered(200, accepted=5, parse_errors=1, ack="committed"),
        answered(200, accepted=5, ack="enqueued"),
        answered(200, accepted=5, ack="spooled"),
        answered(202, accepted=5, ack="committed"),
        answered(200, accepted=5),
        answered(400, code="invalid-json"),
        answered(413, code="body-too-large"),
        answered(422, code="nothing-accepted"),
        answered(204),
        Answer(BODIES[0], 200, b"not json"),
    ],
)
def test_any_other_answer_to_a_right_body_is_wrong(answer: Answer) -> None:
    assert isinstance(judge(answer), Wrong)


def test_bodies_are_handed_out_once_in_their_order() -> None:
    ledger = Ledger(BODIES)
    taken = [ledger.take() for _ in range(4)]
    assert [it.body if it else None for it in taken] == [*BODIES, None]
    assert [it.index for it in taken if it] == [0, 1, 2]
    assert ledger.exhausted


def test_best_answer_is_the_promise_and_only_the_last_word_acknowledges() -> None:
    ledger = Ledger(BODIES)
    entry = ledger.take()
    assert entry is not None
    ledger.begin(entry, 5)
    ledger.answer(entry, answered(503, accepted=3))
    ledger.begin(entry, 5)
    ledger.answer(entry, answered(503, accepted=1))
    assert (entry.promised_rows, entry.acknowledged) == (3, False)
    ledger.begin(entry, 5)
    ledger.answer(entry, answered(200, accepted=5, ack="committed"))
    assert (entry.promised_rows, entry.acknowledged) == (5, True)
    assert (ledger.retries, ledger.answers) == (2, {"503": 2, "200": 1})


def test_shorter_attempt_does_not_unsend_rows() -> None:
    ledger = Ledger(BODIES)
    entry = ledger.take()
    assert entry is not None
    for rows in (2, 5, 1):
        ledger.begin(entry, rows)
    assert entry.sent_rows == 5


def test_first_acknowledgement_after_a_moment_is_found() -> None:
    ledger = Ledger(BODIES)
    first, second = ledger.take(), ledger.take()
    assert first is not None
    assert second is not None
    began_s = time.monotonic()
    assert ledger.first_acknowledged_s(began_s) is None
    ledger.answer(first, answered(200, accepted=5, ack="committed"))
    between_s = time.monotonic()
    ledger.answer(second, answered(200, accepted=5, ack="committed"))
    assert ledger.first_acknowledged_s(began_s) == first.acknowledged_at_s
    assert ledger.first_acknowledged_s(between_s) == second.acknowledged_at_s
    assert ledger.acknowledged_between(began_s, between_s) == 1
    assert ledger.acknowledged_between(began_s, time.monotonic() + 1) == 2


def test_wrong_answers_are_all_counted_and_the_first_kept() -> None:
    ledger = Ledger(BODIES)
    entry = ledger.take()
    assert entry is not None
    for _ in range(WRONG_KEPT_MAX + 5):
        ledger.answer(entry, answered(413))
    assert (len(ledger.wrong), ledger.wrong_count) == (WRONG_KEPT_MAX, WRONG_KEPT_MAX + 5)
    assert "status 413" in ledger.wrong[0]


def test_what_was_acknowledged_can_be_released_and_nothing_else() -> None:
    ledger = Ledger(BODIES)
    first, second = ledger.take(), ledger.take()
    assert first is not None
    assert second is not None
    ledger.answer(first, answered(200, accepted=5, ack="committed"))
    ledger.release_acknowledged()
    assert (first.released, second.released) == (True, False)


RIGHT: dict[str, object] = {
    "accepted": 5,
    "parse_errors": 0,
    "rejected": 0,
    "ack": "committed",
    "request_id": "r",
    "errors": [],
    "errors_truncated": False,
}


def answer(status: int = 200, **changes: object) -> Answer:
    return Answer(Body(0, 100, 5), status, msgspec.json.encode({**RIGHT, **changes}))


def test_all_rows_committed_is_right() -> None:
    assert fault_of(answer()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        answer(429),
        answer(202),
        answer(accepted=4),
        answer(accepted=6),
        answer(parse_errors=1),
        answer(rejected=1),
        answer(ack="enqueued"),
        Answer(Body(0, 100, 5), 200, b"not JSON"),
        Answer(Body(0, 100, 5), 200, b'{"accepted":5}'),
    ],
)
def test_anything_else_is_a_fault_that_says_where(wrong: Answer) -> None:
    assert (fault_of(wrong) or "").startswith("body at byte 0: ")
