"""What the head of a request says: media type, encoding, length, parameters. No I/O."""

from ipaddress import IPv6Address, IPv6Network
from urllib.parse import parse_qsl

from msgspec import Struct

from utility_ts_analytics.asgi.advice import other_type
from utility_ts_analytics.asgi.protocol import Scope, header, headers
from utility_ts_analytics.errors import (
    InvalidEncoding,
    UnknownParameter,
    UnsupportedEncoding,
    UnsupportedMediaType,
)
from utility_ts_analytics.reading.compression import Encoding

NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
JSON_TYPES = frozenset({"application/json"})
CURL_DEFAULT_TYPE = "application/x-www-form-urlencoded"
_ENCODINGS: dict[str, Encoding] = {
    "": "identity",
    "identity": "identity",
    "gzip": "gzip",
    "x-gzip": "gzip",  # RFC 9110 section 8.4.1.3: the same as gzip
    "zstd": "zstd",
}
ENCODING_NAMES = tuple(_ENCODINGS)
"""Accepted values of Content-Encoding; the empty text means no such header."""

_BOOLEANS = {"true": True, "false": False}


class RequestHead(Struct, frozen=True, gc=False):
    """The judged head of one ingest request.

    Attributes:
        ndjson: Whether it is the NDJSON route; otherwise the array route.
        encoding: How the body is compressed.
        content_length: Value of Content-Length, bytes; None without it.
        strict: Whether the first bad line ends the request.
        validate_only: Whether everything is checked and nothing stored.
    """

    ndjson: bool
    encoding: Encoding
    content_length: int | None
    strict: bool
    validate_only: bool


def read_head(scope: Scope, *, ndjson: bool, ndjson_strict: bool) -> RequestHead:
    """Judge media type, encoding, length and parameters of an ingest request.

    Raises:
        UnsupportedMediaType: The type is not one of the route's.
        UnsupportedEncoding: The encoding is none of identity, gzip, zstd.
        InvalidEncoding: Content-Length is no number, or the transfer coding is not just chunked.
        UnknownParameter: A parameter is unknown, repeated, or neither true nor false.
    """
    _check_media_type(_text(header(scope, b"content-type")), scope["path"], ndjson=ndjson)
    encoding_name = _text(b", ".join(headers(scope, b"content-encoding")))
    encoding = _ENCODINGS.get(encoding_name)
    if encoding is None:
        raise UnsupportedEncoding("Content-Encoding must be identity, gzip or zstd")
    parameters = _parameters(scope["query_string"])
    codings = headers(scope, b"transfer-encoding")
    _check_transfer_coding(b", ".join(codings) if codings else None)
    return RequestHead(
        ndjson=ndjson,
        encoding=encoding,
        content_length=_content_length(header(scope, b"content-length")),
        strict=parameters.get("strict", ndjson_strict),
        validate_only=parameters.get("validate_only", False),
    )


def holder_of(scope: Scope, token_name: str | None) -> str:
    """Return the holder that a request counts for: the name of its token, or else its address.

    The address is that of the connection, since any client can write an `X-Forwarded-For`: all who
    come through one proxy without a token are one holder. Of an IPv6 address the first 64 bits
    count, since one machine has all addresses with these bits.
    """
    if token_name is not None:
        return f"token {token_name}"
    host = str((scope.get("client") or ("",))[0])
    if ":" not in host:
        return host
    address = IPv6Address(host)
    return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))


def _text(value: bytes | None) -> str:
    return (value or b"").decode("latin-1").strip().lower()


def _check_media_type(content_type: str, path: str, *, ndjson: bool) -> None:
    essence = content_type.partition(";")[0].strip()
    if essence in ("", CURL_DEFAULT_TYPE):
        return
    allowed = NDJSON_TYPES if ndjson else JSON_TYPES
    if essence not in allowed:
        names = ", ".join(sorted(allowed))
        advice = other_type(essence, path, ndjson=ndjson)
        raise UnsupportedMediaType(
            f"the Content-Type of this route must be one of: {names}"
            + (f"; {advice}" if advice else "")
        )


def _check_transfer_coding(coding: bytes | None) -> None:
    """Refuse codings that a proxy in front may have read differently (RFC 9112 section 6.1).

    Granian looks at the last coding only. If there is a Content-Length as well, it goes by the
    coding, hides the length, and closes the connection after the answer.
    """
    if coding is not None and coding.strip().lower() != b"chunked":
        raise InvalidEncoding("the only Transfer-Encoding is chunked")


def _content_length(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit():
        raise InvalidEncoding("Content-Length must be a whole number of bytes")
    return int(value)


def _parameters(query: bytes) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in ("strict", "validate_only"):
            raise UnknownParameter("the query parameters are: strict, validate_only")
        if name in found:
            raise UnknownParameter(f"the query parameter {name} must stand only once")
        if value not in _BOOLEANS:
            raise UnknownParameter(f"the query parameter {name} must be true or false")
        found[name] = _BOOLEANS[value]
    return found
