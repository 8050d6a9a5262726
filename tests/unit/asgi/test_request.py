"""The head of a request is judged before its body."""

from typing import Any

import pytest

from utility_ts_analytics.asgi.request import RequestHead, holder_of, read_head
from utility_ts_analytics.errors import (
    ClientError,
    InvalidEncoding,
    UnknownParameter,
    UnsupportedEncoding,
    UnsupportedMediaType,
)


def head(
    headers: dict[str, str] | None = None,
    query: str = "",
    *,
    ndjson: bool = True,
    ndjson_strict: bool = False,
) -> RequestHead:
    raw = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
    scope: dict[str, Any] = {
        "path": "/ingest/meter_usage/ndjson" if ndjson else "/ingest/meter_usage",
        "headers": raw,
        "query_string": query.encode(),
    }
    return read_head(scope, ndjson=ndjson, ndjson_strict=ndjson_strict)


@pytest.mark.parametrize(
    ("ndjson", "media_type", "advice"),
    [
        (True, "application/json", "POST /ingest/meter_usage takes application/json"),
        (False, "application/x-ndjson", "POST /ingest/meter_usage/ndjson takes application/x-ndj"),
        (True, "multipart/form-data; boundary=x", "--data-binary @FILE"),
        (False, "application/gzip", "Content-Encoding says how it is compressed"),
        (True, "text/csv", "`ingestion-service load FILE --into meter_usage` takes"),
    ],
)
def test_type_of_another_route_names_what_takes_it(
    ndjson: bool, media_type: str, advice: str
) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        head({"Content-Type": media_type}, ndjson=ndjson)
    assert "the Content-Type of this route must be one of: application/" in refused.value.detail
    assert advice in refused.value.detail


@pytest.mark.parametrize("media_type", ["text/plain", "application/jsonl", "s3cret/s3cret"])
def test_other_type_is_refused_without_advice(media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        head({"Content-Type": media_type}, ndjson=False)
    assert refused.value.detail.endswith("one of: application/json")


@pytest.mark.parametrize(
    ("ndjson", "media_type"),
    [
        (True, None),
        (True, "application/x-ndjson"),
        (True, "application/ndjson"),
        (True, "Application/JSONL; charset=utf-8"),
        (True, "application/x-www-form-urlencoded"),
        (False, None),
        (False, "application/json; charset=utf-8"),
        (False, "application/x-www-form-urlencoded"),
    ],
)
def test_the_types_of_the_route_are_taken(ndjson: bool, media_type: str | None) -> None:
    assert head({"Content-Type": media_type} if media_type else {}, ndjson=ndjson).ndjson is ndjson


@pytest.mark.parametrize(
    ("ndjson", "media_type"),
    [(True, "application/json"), (True, "text/csv"), (False, "application/x-ndjson")],
)
def test_other_types_are_refused(ndjson: bool, media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        head({"Content-Type": media_type}, ndjson=ndjson)


@pytest.mark.parametrize(
    ("given", "encoding"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd",) * 2,
    ],
)
def test_known_encodings_are_taken(given: str, encoding: str) -> None:
    assert head({"Content-Encoding": given}).encoding == encoding


@pytest.mark.parametrize("given", ["br", "deflate", "gzip, gzip"])
def test_other_encodings_are_refused(given: str) -> None:
    with pytest.raises(UnsupportedEncoding):
        head({"Content-Encoding": given})


@pytest.mark.parametrize(
    ("query", "strict", "validate_only"),
    [
        ("", True, False),
        ("strict=false", False, False),
        ("strict=true&validate_only=true", True, True),
        ("validate_only=false", True, False),
    ],
)
def test_parameters_override_the_default(query: str, strict: bool, validate_only: bool) -> None:
    found = head(query=query, ndjson_strict=True)
    assert (found.strict, found.validate_only) == (strict, validate_only)


@pytest.mark.parametrize(
    "query", ["strikt=true", "strict=1", "strict=", "strict=true&strict=true", "Strict=true"]
)
def test_unknown_repeated_and_unclear_parameters_are_refused(query: str) -> None:
    with pytest.raises(UnknownParameter):
        head(query=query)


def test_length_is_read() -> None:
    found = head({"Content-Length": "12"})
    assert found.content_length == 12


@pytest.mark.parametrize("length", ["-1", "1e3", "x", "1 2"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        head({"Content-Length": length})
    assert isinstance(caught.value, ClientError)


@pytest.mark.parametrize("coding", ["chunked", "Chunked", " chunked "])
def test_chunks_are_taken(coding: str) -> None:
    assert head({"Transfer-Encoding": coding}).content_length is None


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, chunked", "identity", "", "x"])
def test_other_transfer_codings_are_refused(coding: str) -> None:
    with pytest.raises(InvalidEncoding, match="Transfer-Encoding"):
        head({"Transfer-Encoding": coding})


@pytest.mark.parametrize(
    ("client", "holder"),
    [
        (("192.0.2.7", "4711"), "192.0.2.7"),
        (("2001:db8:1:2:3::4", "1"), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::9", "1"), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", "1"), "192.0.2.7"),
        (None, ""),
    ],
)
def test_request_without_a_token_counts_for_its_address(
    client: tuple[str, str] | None, holder: str
) -> None:
    """What a header says of another address is not looked at: its sender makes it up."""
    scope: dict[str, Any] = {"client": client, "headers": [(b"x-forwarded-for", b"198.51.100.1")]}
    assert holder_of(scope, None) == holder


def test_request_with_a_token_counts_for_its_holder_wherever_it_comes_from() -> None:
    for address in ("192.0.2.7", "192.0.2.8"):
        assert holder_of({"client": (address, "1")}, "head-end") == "token head-end"


def test_several_lines_of_a_coding_are_one_list() -> None:
    def judge(*pairs: tuple[bytes, bytes]) -> RequestHead:
        scope: dict[str, Any] = {
            "path": "/ingest/meter_usage/ndjson",
            "headers": pairs,
            "query_string": b"",
        }
        return read_head(scope, ndjson=True, ndjson_strict=False)

    te, ce = b"transfer-encoding", b"content-encoding"
    assert judge((te, b"chunked"), (ce, b"gzip")).encoding == "gzip"
    for second in (b"chunked", b"gzip, chunked"):
        with pytest.raises(InvalidEncoding):
            judge((te, b"chunked"), (te, second))
    for second in (b"gzip", b"identity"):
        with pytest.raises(UnsupportedEncoding):
            judge((ce, b"gzip"), (ce, second))
