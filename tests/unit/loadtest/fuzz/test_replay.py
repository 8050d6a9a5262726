"""Every input that is kept, played once: what a fuzzer found stays found. Each target can fail."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadtest.fuzz import targets
from loadtest.fuzz.command import CORPUS, kept_inputs
from loadtest.fuzz.draws import Draws, cut
from loadtest.fuzz.targets import TARGETS

from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.errors import InvalidEncoding
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.validation import RowError

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


@given(st.binary(max_size=60), st.integers(-9, 9), st.integers(0, 70_000))
def test_draws_are_in_range_and_the_same_for_the_same_bytes(
    data: bytes, low: int, span: int
) -> None:
    draws, again = Draws(data), Draws(data)
    assert low <= draws.integer(low, low + span) == again.integer(low, low + span) <= low + span
    text = draws.text(20)
    assert text.encode().decode() == text == again.text(20)
    assert "\x00" not in text
    assert draws.rest() == again.rest()


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=4))
def test_cuts_lose_nothing(body: bytes, sizes: list[int]) -> None:
    chunks = cut(body, sizes)
    assert b"".join(chunks) == body
    assert all(chunks)
    assert not sizes or all(len(it) <= max(sizes) for it in chunks)


class TakesAnything(BearerAuth):
    def holder_or_raise(self, authorization: bytes | None, *, scripted: bool = False) -> str | None:
        return "anybody"


def wrong_decode(decode: Callable[..., Decoded]) -> Callable[..., Decoded]:
    """Return a decoder's method that loses the last row of what it reads quickly."""

    def decoded(self: NdjsonDecoder, *arguments: object, **options: object) -> Decoded:
        found = decode(self, *arguments, **options)
        if options["plain"] or not found.rows:
            return found
        return Decoded(found.rows[:-1], found.positions[:-1], found.errors, found.line_count - 1, 0)

    return decoded


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
    ("ndjson", NdjsonDecoder, "decode_texts", wrong_decode(NdjsonDecoder.decode_texts)),
    ("decoder", NdjsonDecoder, "decode_texts", wrong_decode(NdjsonDecoder.decode_texts)),
    ("array", targets, "decode_array", lambda *_, **__: [Decoded.of_error(ERROR)] * 2),
    ("compression", targets, "PIECE_BYTES_MAX", 1),
    ("head", targets, "BearerAuth", TakesAnything),
    ("config", targets, "redacted", reveals),
]


@pytest.mark.parametrize(("name", "place", "attribute", "broken"), BREAKS)
def test_kept_inputs_find_a_fault_where_there_is_one(
    name: str, place: object, attribute: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not found_by(name)
    monkeypatch.setattr(place, attribute, broken)
    assert found_by(name)
