"""A letter has the record as it stood, and where it came from at first."""

from tests.unit.consume.log_rig import message

from utility_ts_analytics.consume.claims import Claim
from utility_ts_analytics.consume.letters import CUT_BYTES, Letter, cut, letters_of
from utility_ts_analytics.consume.pieces import Message, Reshape, pieces_of
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.sinks.kafka.messages import head_of, headers_of

RESHAPE = Reshape("meter_usage", {})


def letter_of(source: Message, line: int) -> tuple[bytes, dict[str, str | bytes | None]]:
    [piece] = pieces_of([source], RESHAPE)
    error = RowError(line, "wrong-type", "kwh", "must be a number")
    [letter] = letters_of(piece, [error], RESHAPE, stream="meter_usage", topic="meters")
    assert letter.key == b"k"
    return letter.value, dict(letter.headers)


def test_letter_says_why_and_where() -> None:
    value, headers = letter_of(message(b"one\ntwo", offset=7, claim=Claim(3), key=b"k"), 2)
    assert value == b"two"
    assert headers == {
        "dead-letter-code": b"wrong-type",
        "dead-letter-reason": b"must be a number",
        "dead-letter-field": b"kwh",
        "dead-letter-stream": b"meter_usage",
        "dead-letter-topic": b"meters",
        "dead-letter-partition": b"3",
        "dead-letter-offset": b"7",
        "dead-letter-line": b"2",
    }


def test_letter_of_our_message_is_one_of_ours() -> None:
    ours = headers_of("meter_usage", 2, ["r"])
    value, headers = letter_of(message(b"one\ntwo\n", headers=ours, key=b"k"), 1)
    assert value == b"one"
    assert (head := head_of(list(headers.items()))) is not None
    assert head.rows == 1


def test_letter_that_is_refused_again_keeps_its_first_place() -> None:
    _, first = letter_of(message(b"one", offset=7, claim=Claim(3), key=b"k"), 1)
    again = message(b"one", offset=99, headers=list(first.items()), key=b"k")
    assert letter_of(again, 1) == (b"one", first)


def test_letter_that_is_cut_says_so_and_no_part_of_it_is_large() -> None:
    value = b"0123456789" * 100_000
    whole = Letter(b"k" * 5_000, value, [("dead-letter-topic", b"t" * 5_000), ("none", None)], 3)
    short = cut(whole)
    assert (short.value, short.partition) == (value[:CUT_BYTES], 3)
    assert short.key == b"k" * 1024
    assert dict(short.headers) == {
        "dead-letter-size": b"1000000",
        "dead-letter-topic": b"t" * 1024,
        "none": None,
    }
    assert cut(short) == short


def test_letter_that_was_cut_keeps_its_size_when_it_is_refused_again() -> None:
    _, first = letter_of(message(b"one", offset=7, claim=Claim(3), key=b"k"), 1)
    again = message(b"one", headers=[*first.items(), ("dead-letter-size", b"900")], key=b"k")
    assert letter_of(again, 1)[1] == {**first, "dead-letter-size": b"900"}
