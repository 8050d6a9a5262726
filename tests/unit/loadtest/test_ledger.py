"""What clients make of answers, and the accounts that they keep."""

import json
import time

import msgspec
import pytest
from loadtest.client import Answer
from loadtest.ledger import (
    KEPT_MAX,
    LOST_WAIT_S,
    Account,
    Acknowledged,
    Again,
    Ledger,
    Wrong,
    fault_of,
    judge,
)
from loadtest.readings import Body
from loadtest.stored import SentReading, expected_row

BODY = Body(0, 100, 5)


def answered(status: int, *, retry_after_s: int = 0, **fields: object) -> Answer:
    return Answer(BODY, status, json.dumps(fields).encode(), retry_after_s)


COMMITTED = answered(200, accepted=5, ack="committed")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (COMMITTED, Acknowledged()),
        (answered(202, accepted=5, ack="spooled"), Acknowledged()),
        (answered(202, accepted=5, ack="replicated"), Acknowledged()),
        *((answered(it, retry_after_s=7, accepted=2), Again(7)) for it in (408, 429, 500, 503)),
        (answered(400, code="truncated-body", accepted=2), Again(0)),
    ],
)
def test_rows_are_promised_or_sent_again(answer: Answer, verdict: object) -> None:
    assert judge(answer) == verdict


@pytest.mark.parametrize(
    "answer",
    [
        answered(200, accepted=4, ack="committed"),
        answered(200, accepted=6, ack="committed"),
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
        Answer(BODY, 200, b"not json"),
    ],
)
def test_any_other_answer_to_a_right_body_is_wrong_and_a_fault(answer: Answer) -> None:
    assert isinstance(judge(answer), Wrong)
    assert (fault_of(answer) or "").startswith("body at byte 0: ")


def test_only_a_commit_of_all_rows_is_no_fault() -> None:
    assert fault_of(COMMITTED) is None
    assert fault_of(answered(429)) is not None
    assert fault_of(answered(202, accepted=5, ack="spooled")) is not None


def test_best_answer_is_the_promise_and_only_the_last_word_acknowledges() -> None:
    ledger = Ledger()
    account = ledger.open(5)
    for answer in (answered(503, accepted=3), answered(503, accepted=1)):
        account.begin(1)
        ledger.answer(account, answer)
    assert (account.promised_rows, account.acknowledged) == (3, 0)
    account.begin(1)
    ledger.answer(account, COMMITTED)
    assert (account.promised_rows, account.acknowledged, account.committed) == (5, 1, 1)
    assert (ledger.retries, ledger.answers) == (2, {"503": 2, "200": 1})


def test_last_acknowledged_version_counts_and_not_the_last_posted() -> None:
    ledger = Ledger()
    account = ledger.open(5, corrected=True)
    for version, answer in ((1, COMMITTED), (2, answered(202, accepted=5, ack="spooled"))):
        account.begin(version)
        ledger.answer(account, answer)
    account.begin(3)
    assert (account.posted, account.acknowledged, account.committed) == (3, 2, 1)
    assert (account.acknowledgements, account.attempts, ledger.retries) == (2, 3, 0)


def test_shorter_attempt_does_not_unsend_rows() -> None:
    account = Ledger().open(5)
    for rows in (2, 5, 1):
        account.begin(1, rows)
    assert account.sent_rows == 5


def test_accounts_never_share_a_key() -> None:
    ledgers = Ledger(), Ledger(first=3)
    accounts = [ledgers[0].open(5, corrected=it == 1) for it in range(3)] + [ledgers[1].open(5)]
    keys = [key for account in accounts for key in account.each_key()]
    assert len(set(keys)) == 20
    assert keys == sorted(keys)


def test_all_columns_but_key_and_source_tell_the_version() -> None:
    account = Account(number=7, rows=3)
    first, second = (
        [
            expected_row(msgspec.json.decode(line, type=SentReading))
            for line in account.body(version).splitlines()
        ]
        for version in (1, 2)
    )
    assert [(row.ts, row.meter_id) for row in first] == list(account.each_key())
    for old, new in zip(first, second, strict=True):
        same = {it for it in old.__struct_fields__ if getattr(old, it) == getattr(new, it)}
        assert same == {"ts", "meter_id", "source_system"}
    assert len({row.kwh for row in [*first, *second]}) == 6


def test_newer_version_waits_after_a_lost_answer_and_the_same_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 50.0
    monkeypatch.setattr("loadtest.ledger.time.monotonic", lambda: now_s)
    account = Account(0, 1)
    account.begin(1)
    assert account.wait_s(2) == 0.0
    account.lost_at_s = now_s
    assert (account.wait_s(1), account.wait_s(2)) == (0.0, LOST_WAIT_S)
    now_s += 0.75
    assert account.wait_s(2) == LOST_WAIT_S - 0.75
    now_s += 1.0
    assert account.wait_s(2) == 0.0


def test_acknowledgements_of_bodies_are_found_by_their_time() -> None:
    ledger = Ledger()
    first, second, corrected = ledger.open(5), ledger.open(5), ledger.open(5, corrected=True)
    began_s = time.monotonic()
    assert ledger.first_acknowledged_s(began_s) is None
    ledger.answer(corrected, COMMITTED)
    ledger.answer(first, COMMITTED)
    between_s = time.monotonic()
    ledger.answer(second, COMMITTED)
    assert ledger.first_acknowledged_s(began_s) == first.acknowledged_at_s
    assert ledger.first_acknowledged_s(between_s) == second.acknowledged_at_s
    assert ledger.acknowledged_between(began_s, between_s) == 1
    assert ledger.acknowledged_between(began_s, time.monotonic() + 1) == 2


def test_wrong_answers_are_all_counted_and_the_first_kept() -> None:
    ledger = Ledger()
    account = ledger.open(5)
    for _ in range(KEPT_MAX + 5):
        ledger.answer(account, answered(413))
    assert (len(ledger.wrong), ledger.wrong_count) == (KEPT_MAX, KEPT_MAX + 5)
    assert "status 413" in ledger.wrong[0]


def test_released_versions_promise_nothing_and_later_ones_do() -> None:
    ledger = Ledger()
    account, other = ledger.open(5, corrected=True), ledger.open(5)
    ledger.answer(other, answered(503, accepted=2))
    account.begin(1)
    ledger.answer(account, COMMITTED)
    ledger.release_acknowledged()
    assert (account.acknowledged, account.committed, account.promised_rows) == (0, 0, 0)
    assert (account.acknowledgements, other.promised_rows) == (1, 2)
    account.begin(2)
    ledger.answer(account, COMMITTED)
    assert (account.acknowledged, account.committed) == (2, 2)
