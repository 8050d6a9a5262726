"""Every input that is kept, played once: what a fuzzer found stays found. Each target can fail."""

from collections.abc import Callable, Iterator

import pytest
from loadtest.fuzz import bodies, edges
from loadtest.fuzz.catalogue import CORPUS, TARGETS, kept_inputs

from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.errors import InvalidEncoding
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.sinks.ilp.sink import IlpPayload

CORPUS_BYTES_MAX = 8_192


@pytest.mark.parametrize("name", list(TARGETS))
def test_kept_inputs_find_nothing(name: str) -> None:
    inputs = kept_inputs(name)
    assert len(inputs) >= 5
    for data in inputs:
        TARGETS[name](data)


@pytest.mark.parametrize("name", list(TARGETS))
def test_target_takes_no_input_and_bytes_of_any_length(name: str) -> None:
    for length in (0, 1, 7, 300):
        TARGETS[name](bytes(length))
        TARGETS[name](b"\xff" * length)
        TARGETS[name](bytes(index * 37 % 256 for index in range(length)))


def test_corpora_are_small_and_have_a_target() -> None:
    sizes = {path.stem: path.stat().st_size for path in CORPUS.iterdir()}
    assert set(sizes) == set(TARGETS)
    assert max(sizes.values()) <= CORPUS_BYTES_MAX


class LosesEmptyLines(LineSplitter):
    """Forgets that a blank line has a number."""

    def feed(self, chunk: bytes) -> Iterator[LineBlock | LongLine]:
        for part in super().feed(chunk):
            if isinstance(part, LineBlock) and part.data == b"\n":
                continue
            yield part


class TakesAnything(BearerAuth):
    def holder_or_raise(self, authorization: bytes | None, *, scripted: bool = False) -> str | None:
        return "anybody"


def wrong_decode(
    decode: Callable[..., Decoded],
) -> Callable[..., Decoded]:
    """Return a decoder's method that loses the last row of what it reads quickly."""

    def decoded(self: NdjsonDecoder, *arguments: object, **options: object) -> Decoded:
        found = decode(self, *arguments, **options)
        if options["plain"] or not found.rows:
            return found
        return Decoded(found.rows[:-1], found.positions[:-1], found.errors, found.line_count - 1, 0)

    return decoded


def same_id_for_all(rows: list[object], *, stream_number: int) -> None:
    for row in rows:
        setattr(row, "event_id", "00000000-0000-8000-8000-000000000000")  # noqa: B010 - untyped


def reveals(_section: object) -> dict[str, object]:
    return {"token": "s3cr3t-0f-n0-s3rv1c3"}


def found_by(name: str) -> bool:
    """Tell whether some kept input of a target now fails."""
    for data in kept_inputs(name):
        try:
            TARGETS[name](data)
        except (AssertionError, InvalidEncoding):
            return True
    return False


ERROR = RowError(0, "invalid-json", None, "broken")
BREAKS: list[tuple[str, object, str, object]] = [
    ("lines", bodies, "LineSplitter", LosesEmptyLines),
    ("ndjson", NdjsonDecoder, "decode_texts", wrong_decode(NdjsonDecoder.decode_texts)),
    ("decoder", NdjsonDecoder, "decode_texts", wrong_decode(NdjsonDecoder.decode_texts)),
    ("array", bodies, "decode_array", lambda *_, **__: [Decoded.of_error(ERROR)] * 2),
    ("compression", bodies, "PIECE_BYTES_MAX", 1),
    (
        "event-id",
        "utility_ts_analytics.reading.ndjson",
        "assign_event_ids",
        same_id_for_all,
    ),
    ("ilp", IlpPayload, "encode", lambda _self, _block: None),
    ("head", edges, "BearerAuth", TakesAnything),
    ("config", edges, "redacted", reveals),
]


@pytest.mark.parametrize(("name", "place", "attribute", "broken"), BREAKS)
def test_kept_inputs_find_a_fault_where_there_is_one(
    name: str, place: object, attribute: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not found_by(name)
    target = f"{place}.{attribute}" if isinstance(place, str) else None
    if target is not None:
        monkeypatch.setattr(target, broken)
    else:
        monkeypatch.setattr(place, attribute, broken)
    assert found_by(name)
