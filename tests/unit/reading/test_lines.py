"""Cutting chunks into lines: law 1 (chunking changes nothing) and the bounds."""

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.reading.lines import (
    BLOCK_LINES_MAX,
    LineBlock,
    LineSplitter,
    LongLine,
)

Line = tuple[int, bytes | None]
"""Number and text of a line; None stands for one that was dropped as too long."""


def read_all(splitter: LineSplitter, chunks: Sequence[bytes]) -> list[LineBlock | LongLine]:
    fed = (part for chunk in chunks for part in splitter.feed(chunk))
    return [*fed, *splitter.finish()]


def lines_of(parts: Sequence[LineBlock | LongLine]) -> Iterator[Line]:
    for part in parts:
        if isinstance(part, LongLine):
            yield part.line, None
        else:
            texts = part.data.split(b"\n")
            assert texts.pop() == b""
            yield from enumerate(texts, part.first_line)


def oracle(body: bytes, max_line_bytes: int) -> list[Line]:
    texts = body.split(b"\n")
    if texts[-1] == b"":
        texts.pop()
    return [(n, text if len(text) <= max_line_bytes else None) for n, text in enumerate(texts, 1)]


def cut(body: bytes, cuts: Sequence[int]) -> list[bytes]:
    borders = [0, *sorted(min(c, len(body)) for c in cuts), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(borders)]


bodies = st.lists(
    st.sampled_from([b"\n", b"\n", b"\r\n", b"a", b"bcd", b"\n\n", b"x" * 7, b"y" * 40]),
    max_size=40,
).map(b"".join)


@given(
    bodies,
    st.lists(st.integers(0, 300), max_size=12),
    st.integers(1, 30),
    st.integers(1, 60),
)
def test_any_chunking_gives_the_same_lines(
    body: bytes, cuts: list[int], max_line_bytes: int, block_bytes_max: int
) -> None:
    splitter = LineSplitter(max_line_bytes, block_bytes_max)
    parts = read_all(splitter, cut(body, cuts))
    expected = oracle(body, max_line_bytes)
    assert list(lines_of(parts)) == expected
    assert splitter.lines_seen == len(expected)
    for part in parts:
        if isinstance(part, LineBlock) and part.data.count(b"\n") > 1:
            assert len(part.data) <= block_bytes_max


@given(bodies, st.integers(1, 30))
def test_one_byte_at_a_time_gives_the_same_lines(body: bytes, max_line_bytes: int) -> None:
    chunks = [body[i : i + 1] for i in range(len(body))]
    parts = read_all(LineSplitter(max_line_bytes), chunks)
    assert list(lines_of(parts)) == oracle(body, max_line_bytes)


def test_unfinished_last_line_is_not_handed_out_before_the_end() -> None:
    splitter = LineSplitter(100)
    assert list(splitter.feed(b"one\ntwo")) == [LineBlock.of(b"one\n", 1)]
    assert list(splitter.finish()) == [LineBlock.of(b"two\n", 2)]


def test_body_that_ends_with_a_newline_has_no_further_line() -> None:
    splitter = LineSplitter(100)
    assert list(splitter.feed(b"one\n")) == [LineBlock.of(b"one\n", 1)]
    assert list(splitter.finish()) == []
    assert splitter.lines_seen == 1


def test_line_of_exactly_the_bound_is_kept_and_one_byte_more_is_not() -> None:
    parts = read_all(LineSplitter(4), [b"abcd\nabcde\nabcd"])
    assert parts == [
        LineBlock.of(b"abcd\n", 1),
        LongLine(2, b"abcd"),
        LineBlock.of(b"abcd\n", 3),
    ]


def test_carriage_return_counts_towards_the_bound() -> None:
    assert read_all(LineSplitter(4), [b"abcd\r\n"]) == [LongLine(1, b"abcd")]


def test_long_line_is_reported_once_and_before_its_end_has_come() -> None:
    splitter = LineSplitter(4)
    assert list(splitter.feed(b"ok\nabc")) == [LineBlock.of(b"ok\n", 1)]
    assert list(splitter.feed(b"de")) == [LongLine(2, b"abcd")]
    assert list(splitter.feed(b"f" * 100)) == []
    assert list(splitter.feed(b"g\nnext\n")) == [LineBlock.of(b"next\n", 3)]
    assert list(splitter.finish()) == []


def test_body_that_ends_in_a_long_line_reports_it_once() -> None:
    splitter = LineSplitter(4)
    assert read_all(splitter, [b"abcdef", b"gh"]) == [LongLine(1, b"abcd")]
    assert splitter.lines_seen == 1


def test_long_line_keeps_its_first_1024_bytes_at_the_most() -> None:
    line = bytes(range(97, 123)) * 100
    assert read_all(LineSplitter(2000), [line]) == [LongLine(1, line[:1024])]
    assert read_all(LineSplitter(2000), [line[:1500], line[1500:]]) == [LongLine(1, line[:1024])]


@pytest.mark.parametrize("chunk_bytes", [1, 1000])
def test_dropped_line_is_not_held_in_memory(chunk_bytes: int) -> None:
    splitter = LineSplitter(1000)
    for _ in range(5000):
        for part in splitter.feed(b"x" * chunk_bytes):
            assert part == LongLine(1, b"x" * 1000)
        assert len(splitter._unfinished) <= 1000


def test_line_over_the_block_size_is_a_block_of_its_own() -> None:
    long = b"x" * 50 + b"\n"
    parts = read_all(LineSplitter(100, 20), [b"a\n" + long + b"b\n"])
    assert parts == [LineBlock.of(b"a\n", 1), LineBlock.of(long, 2), LineBlock.of(b"b\n", 3)]


def test_block_of_tiny_lines_is_bounded_in_lines() -> None:
    parts = read_all(LineSplitter(100), [b"1\n" * 60_000 + b"\n" * 5_000])
    blocks = [part for part in parts if isinstance(part, LineBlock)]
    full = [block for block in blocks if block.data.strip()]
    assert max(block.data.count(b"\n") for block in full) <= BLOCK_LINES_MAX
    assert len(list(lines_of(parts))) == 65_000


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\n"])
def test_blank_lines_are_passed_over_in_whole_blocks(blank: bytes) -> None:
    """They cost a few nanoseconds each: looked at one by one, 1 GiB of them took 46 s."""
    body = blank * (524_288 // len(blank))
    parts = read_all(LineSplitter(100), [body + b"1\n"])
    assert len(parts) <= 6
    assert all(isinstance(part, LineBlock) for part in parts)
    assert len(list(lines_of(parts))) == body.count(b"\n") + 1


def test_lines_of_blanks_that_json_does_not_know_are_bounded_as_others_are() -> None:
    parts = read_all(LineSplitter(100), [b"\v\n" * 5_000 + b"\f\n" * 5_000])
    assert max(part.data.count(b"\n") for part in parts if isinstance(part, LineBlock)) <= 1_024


def test_blocks_are_full_again_after_short_lines() -> None:
    splitter = LineSplitter(1_000)
    list(splitter.feed(b"1\n" * 60_000))
    line = b"x" * 199 + b"\n"
    sizes = [len(part.data) for _ in range(3) for part in splitter.feed(line * 2_000)]  # type: ignore[union-attr]
    assert sizes.count(131_000) >= 6


def test_large_chunk_becomes_full_blocks() -> None:
    line = b"x" * 199 + b"\n"
    parts = read_all(LineSplitter(1 << 20, 131_072), [line * 2000])
    sizes = [len(part.data) for part in parts if isinstance(part, LineBlock)]
    assert sizes == [131_000, 131_000, 131_000, 7_000]


def test_empty_body_has_no_lines() -> None:
    assert read_all(LineSplitter(10), [b"", b""]) == []


def test_short_lines_cost_no_more_than_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is counted a few times, however many blocks the lines make."""
    counted_bytes = 0

    def count(data: bytes) -> int:
        nonlocal counted_bytes
        counted_bytes += len(data)
        return data.count(b"\n")

    monkeypatch.setattr("utility_ts_analytics.reading.lines.count_lines", count)
    body = b"1\n" * 65_536
    parts = list(LineSplitter(1_000).feed(body))
    assert len(parts) == 65_536 // BLOCK_LINES_MAX
    assert counted_bytes < 5 * len(body)
