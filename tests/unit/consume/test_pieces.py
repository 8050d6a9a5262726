"""What messages become, and where a refused line stands in them."""

import pytest
from tests.unit.consume.log_rig import codes, message

from utility_ts_analytics.consume.claims import Claim
from utility_ts_analytics.consume.pieces import (
    PIECE_BYTES_MAX,
    Message,
    Piece,
    Reshape,
    pieces_of,
)
from utility_ts_analytics.sinks.kafka.messages import Headers, headers_of

OURS: Headers = headers_of("meter_usage", 1, [])
PLAIN = Reshape("meter_usage", {})
MAPPED = Reshape("meter_usage", {"kwh": "energy", "meter_id": "device"})


def only(*messages: Message, reshape: Reshape = PLAIN) -> Piece:
    [piece] = pieces_of(messages, reshape)
    return piece


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (b'{"a":1}', b'{"a":1}\n'),
        (b'{"a":1}\n{"b":2}\n', b'{"a":1}\n{"b":2}\n'),
        (b'[{"a":1}, {"b":\n2}]', b'{"a":1}\n{"b": 2}\n'),
        (b"[]", b""),
        (b'\n{\n "a": 1\n}\n', b'{  "a": 1 }\n'),
        (b'\x00\x00\x00\x00\x2a{"a":1}', b'{"a":1}\n'),
        (b'\x00\x00\x00\x00\x2a[{"a":1}]', b'{"a":1}\n'),
        (b'\xef\xbb\xbf{"a":1}', b'{"a":1}\n'),
        (b'{"a":1}\nno json', b'{"a":1}\nno json\n'),
        (b"", b"\n"),
        (None, b"\n"),
    ],
)
def test_values_become_lines(value: bytes | None, lines: bytes) -> None:
    assert only(message(value)).lines == lines


@pytest.mark.parametrize("value", [b"[1,", b"[" * 100_000, b'[{"a":1}] x'])
def test_broken_array_is_refused_as_a_whole(value: bytes) -> None:
    piece = only(message(b'{"a":1}'), message(value, offset=1))
    assert codes(piece.errors) == ["invalid-json"]
    found, number, record = piece.record_of(piece.errors[0].position, PLAIN)
    assert (found.offset, number, record) == (1, 1, value)


def test_foreign_names_are_mapped_and_ours_are_not() -> None:
    foreign = message(b'{"device":"m","energy":1,"kwh":"x","note":2}\nno json')
    piece = only(foreign, reshape=MAPPED)
    assert piece.lines == b'{"meter_id":"m","kwh":1,"note":2}\nno json\n'
    assert piece.record_of(1, MAPPED)[2] == b'{"device":"m","energy":1,"kwh":"x","note":2}'
    ours = message(b'{"meter_id":"m","kwh":1}\n', headers=OURS)
    assert only(ours, reshape=MAPPED).lines == b'{"meter_id":"m","kwh":1}\n'


def test_messages_of_another_stream_or_a_newer_format_are_refused() -> None:
    newer: Headers = [(name, b"9" if name == "format-version" else value) for name, value in OURS]
    other = headers_of("generation_output", 1, [])
    piece = only(message(b"{}\n", headers=newer), message(b"{}\n", headers=other))
    assert codes(piece.errors) == ["wrong-type", "wrong-type"]
    assert piece.lines == b"\n\n"


def test_small_messages_of_a_claim_are_joined_and_found_again() -> None:
    one, two = Claim(0), Claim(1)
    pieces = list(
        pieces_of(
            [
                message(b'{"a":1}\n{"a":2}', offset=5, claim=one),
                message(b'{"b":1}', offset=9, claim=two),
                message(b'[{"a":3},{"a":4}]', offset=7, claim=one),
            ],
            PLAIN,
        )
    )
    assert [piece.claim for piece in pieces] == [one, two]
    assert pieces[0].lines.count(b"\n") == 4
    assert (pieces[0].next_offset, pieces[1].next_offset) == (8, 10)
    found, number, record = pieces[0].record_of(4, PLAIN)
    assert (found.offset, number, record) == (7, 2, b'{"a":4}')
    assert pieces[0].record_of(2, PLAIN)[2] == b'{"a":2}'
    assert pieces[1].record_of(1, PLAIN)[2] == b'{"b":1}'


def test_pieces_do_not_grow_over_their_bound() -> None:
    half = b'{"a":"' + b"x" * (PIECE_BYTES_MAX // 2) + b'"}'
    large = b'{"a":"' + b"x" * PIECE_BYTES_MAX + b'"}'
    claim = Claim(0)
    values = [half, half, large, b"{}"]
    messages = [message(value, offset=n, claim=claim) for n, value in enumerate(values)]
    assert [len(piece.messages) for piece in pieces_of(messages, PLAIN)] == [1, 1, 1, 1]
