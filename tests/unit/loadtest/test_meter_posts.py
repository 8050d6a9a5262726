"""What counts as a right answer to a body."""

import msgspec
import pytest
from loadtest.meter_posts import fault_of
from loadtest.posting import Answer, Body

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
