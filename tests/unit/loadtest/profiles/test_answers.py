"""What counts as the right answer, and every way in which one may be wrong."""

from dataclasses import replace

import msgspec
import pytest
from loadtest.profiles.answers import Judged, judge
from loadtest.profiles.bodies import PARSE_CODES, Piece, Stock
from loadtest.profiles.catalogue import PROFILES

STOCK = Stock(replace(PROFILES["dirty"], rows=190, stock=2), "LT1")
PIECES = [STOCK.piece(0), STOCK.piece(1)]


def right_answer(pieces: list[Piece]) -> dict[str, object]:
    errors, behind = [], 0
    for piece in pieces:
        errors += [{"line": behind + n, "code": code, "detail": "x"} for n, code in piece.bad_lines]
        behind += piece.lines
    parse_errors = sum(error["code"] in PARSE_CODES for error in errors)
    return {
        "accepted": sum(piece.rows for piece in pieces),
        "parse_errors": parse_errors,
        "rejected": len(errors) - parse_errors,
        "ack": "committed",
        "request_id": "r",
        "errors": errors[:100],
        "errors_truncated": len(errors) > 100,
    }


def fault(status: int = 200, pieces: list[Piece] = PIECES, **changes: object) -> str:
    content = msgspec.json.encode({**right_answer(pieces), **changes})
    return judge(status, content, pieces).fault


def test_right_answer_has_no_fault() -> None:
    assert fault() == ""
    judged = judge(200, msgspec.json.encode(right_answer(PIECES)), PIECES)
    assert judged.accepted == sum(piece.rows for piece in PIECES)
    assert judged.parse_errors + judged.rejected == sum(len(p.bad_lines) for p in PIECES)


def test_no_more_than_a_hundred_bad_lines_are_wanted() -> None:
    many = PIECES * 10
    assert sum(len(piece.bad_lines) for piece in many) > 100
    assert fault(pieces=many) == ""


@pytest.mark.parametrize("name", ["accepted", "parse_errors", "rejected"])
@pytest.mark.parametrize("by", [-1, 1])
def test_count_that_is_off_by_one_is_a_fault(name: str, by: int) -> None:
    count = right_answer(PIECES)[name]
    assert isinstance(count, int)
    assert "not (" in fault(200, PIECES, **{name: count + by})


def test_bad_line_that_is_misnumbered_miscalled_or_not_listed_is_a_fault() -> None:
    errors = right_answer(PIECES)["errors"]
    assert isinstance(errors, list)
    first, *rest = errors
    assert "wanted: line" in fault(errors=[{**first, "line": first["line"] + 1}, *rest])
    assert "wanted: line" in fault(errors=[{**first, "code": "line-too-long"}, *rest])
    assert "are listed" in fault(errors=errors[:-1])
    assert "are listed" in fault(errors=[*errors, errors[-1]])


@pytest.mark.parametrize("ack", ["spooled", None])
def test_row_that_is_not_committed_is_a_fault(ack: str | None) -> None:
    assert fault(ack=ack).startswith("ack ")


def test_refusal_is_a_fault_and_keeps_what_was_stored() -> None:
    content = msgspec.json.encode({"status": 503, "code": "sink-unavailable", "accepted": 7})
    assert judge(503, content, PIECES) == Judged(7, 0, 0, "status 503 sink-unavailable")


def test_what_is_no_json_is_a_fault() -> None:
    assert "not an answer of the service" in judge(200, b"OK", PIECES).fault
    assert "not an answer of the service" in judge(502, b"", PIECES).fault
