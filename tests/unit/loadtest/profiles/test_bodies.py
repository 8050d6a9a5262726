"""Bodies made ahead: what a piece says of itself is what its lines are."""

import json
from collections import Counter
from dataclasses import replace
from itertools import islice

import msgspec
import pytest
from loadtest.profiles.bodies import (
    BAD_LINES,
    PARSE_CODES,
    START_TEXT,
    Piece,
    Stock,
    interval_text,
    judge,
    source_system,
)
from loadtest.profiles.catalogue import PROFILES, Profile

DIRTY = replace(PROFILES["dirty"], rows=190, stock=3)
STEADY = replace(PROFILES["steady"], rows=50, stock=4)


def lines_of(profile: Profile, number: int) -> list[bytes]:
    return Stock(profile, "LT1").content(number).splitlines()


def right_lines(piece: Piece, lines: list[bytes]) -> list[dict[str, object]]:
    bad = {number for number, _ in piece.bad_lines}
    return [json.loads(line) for number, line in enumerate(lines, 1) if number not in bad]


@pytest.mark.parametrize("profile", [DIRTY, STEADY])
def test_piece_counts_its_lines_keys_and_values(profile: Profile) -> None:
    stock = Stock(profile, "LT1")
    for number in range(5):
        piece, content = stock.piece(number), stock.content(number)
        rows = right_lines(piece, content.splitlines())
        last = {row["meter_id"]: round(float(str(row["kwh"])) * 1000) for row in rows}
        assert (piece.rows, piece.keys) == (len(rows), len(last))
        assert piece.milli_kwh == sum(last.values())
        assert piece.size == len(content)
        assert piece.lines == content.count(b"\n")
        assert piece.refused == Counter(code for _, code in piece.bad_lines)


def test_every_row_says_which_piece_it_is_and_no_key_is_made_twice() -> None:
    stock = Stock(STEADY, "LT1")
    keys = set()
    for number in range(9):
        rows = [json.loads(line) for line in stock.content(number).splitlines()]
        assert {row["source_system"] for row in rows} == {source_system("LT1", number % 4)}
        assert {row["ts"].encode() for row in rows} == {interval_text(number // 4)}
        keys |= {(row["ts"], row["meter_id"]) for row in rows}
    assert len(keys) == 9 * STEADY.rows


def test_dirty_has_five_percent_bad_lines_and_one_percent_duplicates_and_corrections() -> None:
    piece = Stock(PROFILES["dirty"], "LT1").piece(0)
    assert len(piece.bad_lines) / piece.lines == 0.05
    assert (piece.rows - piece.keys) / piece.lines == pytest.approx(0.01, abs=0.001)
    seen: dict[object, object] = {}
    kinds = set()
    for row in right_lines(piece, lines_of(PROFILES["dirty"], 0)):
        if row["meter_id"] in seen:
            kinds.add(seen[row["meter_id"]] == row["kwh"])
        seen[row["meter_id"]] = row["kwh"]
    assert kinds == {True, False}


def test_same_seed_makes_the_same_bodies_and_another_seed_others() -> None:
    contents = [Stock(DIRTY, "LT1", seed=seed).content(7) for seed in (1, 1, 2)]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_times_are_as_long_as_what_they_replace() -> None:
    texts = {0: START_TEXT, 1: b"2024-01-01T00:15:00Z", 96 * 366: b"2025-01-01T00:00:00Z"}
    assert {it: interval_text(it) for it in texts} == texts
    assert len(interval_text(100_000)) == len(START_TEXT)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000, 1 << 20])
def test_chunks_joined_are_the_pieces_one_after_the_other(chunk_bytes: int) -> None:
    stock = Stock(STEADY, "LT1")
    chunks = list(stock.chunks(2, 3, chunk_bytes))
    assert b"".join(chunks) == b"".join(stock.content(number) for number in (2, 3, 4))
    assert {len(chunk) for chunk in chunks[:-1]} <= {chunk_bytes}
    assert 0 < len(chunks[-1]) <= chunk_bytes


def test_chunks_are_made_as_they_are_sent() -> None:
    chunks = Stock(STEADY, "LT1").chunks(0, 1_000_000_000, 100)
    assert len(list(islice(chunks, 10))) == 10


def test_bad_lines_are_no_readings_whatever_else_they_are() -> None:
    for line, code in BAD_LINES:
        if code == "invalid-json":
            with pytest.raises(msgspec.DecodeError):
                msgspec.json.decode(line)
    assert len({code for _, code in BAD_LINES}) == 10


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
    return judge(status, content, pieces)[1]


def test_right_answer_has_no_fault_and_lists_no_more_than_a_hundred_bad_lines() -> None:
    content = msgspec.json.encode(right_answer(PIECES))
    assert judge(200, content, PIECES) == (sum(piece.rows for piece in PIECES), "")
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


@pytest.mark.parametrize(
    ("status", "content", "judged"),
    [
        (200, b'{"accepted":7,"ack":"spooled"}', (7, "ack spooled")),
        (200, b'{"accepted":7}', (7, "ack None")),
        (503, b'{"code":"sink-unavailable","accepted":7}', (7, "status 503 sink-unavailable")),
        (200, b"OK", (0, "status 200: not an answer of the service: ")),
        (502, b"", (0, "status 502: not an answer of the service: ")),
    ],
)
def test_any_other_answer_is_a_fault_and_keeps_what_was_stored(
    status: int, content: bytes, judged: tuple[int, str]
) -> None:
    accepted, fault = judge(status, content, PIECES)
    assert (accepted, fault[: len(judged[1])]) == judged
