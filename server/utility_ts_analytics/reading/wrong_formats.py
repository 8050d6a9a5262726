"""Recognise what was sent instead of records: another format, another stream, other field names.

Only where the bytes leave no doubt. The sentences are the same for posts and files; `asgi.advice`
adds which route, option or header helps over HTTP. The functions are asked about texts that failed
to decode, and look at the first `HEAD_BYTES` of each and at the place where it stops being JSON. No
part of a text gets into a sentence but names of closed sets: `_LISTS` and the spellings of fields.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec

from utility_ts_analytics.records.streams import STREAMS

HEAD_BYTES: Final = 1_024
"""How much of the beginning of a text these functions read, bytes."""

GZIP: Final = "the text is gzip data"
ZSTD: Final = "the text is zstd data"
ZIP: Final = "the text is a zip archive"
PARQUET: Final = "the text is a Parquet file"
UTF_16: Final = "the text is UTF-16 and must be UTF-8 (`iconv -f UTF-16 -t UTF-8`)"
WINDOWS_1252: Final = (
    "the text is not UTF-8 but seems to be Windows-1252 (`iconv -f WINDOWS-1252 -t UTF-8`)"
)
LATE_MARK: Final = "a byte order mark may stand only at the start of the whole"
XML: Final = "the text is XML or HTML, not JSON"
CSV: Final = "the text looks like separated values (CSV), not JSON"
FORM: Final = "the text is form fields, not JSON"
URL_ENCODED: Final = "the text is URL-encoded, not JSON"
FILE_NAME: Final = "the text is the name of a file, not JSON"

ARRAY: Final = "a record must be a JSON object, not an array"
JSON_IN_TEXT: Final = "a record must be a JSON object, not a text that holds one"
ARRAY_BEGINS: Final = "a JSON array begins here"
PIECE: Final = "this is only a piece of a JSON document"
SEVERAL: Final = "a second JSON value stands behind the first"
BEFORE_COMMA: Final = "behind the record stands a comma or a bracket, as in an array"
PLAIN_JSON: Final = "it begins as plain JSON"
LIST_INSIDE: Final = "is a list of objects"
QUOTES: Final = "names and texts must stand in double quotes"
NO_NUMBER: Final = "NaN and Infinity are not JSON"
PYTHON: Final = "JSON writes true, false and null, not True, False and None"
DECIMAL_COMMA: Final = "a number has a decimal point and no comma"

OTHER_STREAM: Final = "this is a record of {}"
"""With the name of the stream."""

PLACED: Final = frozenset((QUOTES, NO_NUMBER, PYTHON, DECIMAL_COMMA))
"""Sentences about one place in a text; the caller adds the place."""

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x1f\x8b", GZIP),
    (b"\x28\xb5\x2f\xfd", ZSTD),
    (b"PK\x03\x04", ZIP),
    (b"PAR1", PARQUET),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (b"\xef\xbb\xbf", LATE_MARK),
    (b"<", XML),
    (b"%7B", URL_ENCODED),
    (b"%7b", URL_ENCODED),
    (b"%5B", URL_ENCODED),
    (b"%5b", URL_ENCODED),
)
_MAGIC_STARTS: Final = frozenset(magic[0] for magic, _ in _MAGIC)
_SUFFIXES: Final = tuple(
    plain + packed
    for plain in (b".ndjson", b".jsonl", b".json", b".csv", b".txt", b".xml", b".parquet", b".xlsx")
    for packed in (b"", b".gz", b".zst")
)
_LETTER_OF_WINDOWS: Final = re.compile(
    rb"[A-Za-z][\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0\xc1\xc4-\xd6\xd8-\xf6\xf8-\xff]"
    rb"|[\xc0-\xd6\xd8-\xf6\xf8-\xff][A-Za-z]"
)
"""A letter of Windows-1252 next to an ASCII letter. C2 and C3 are left out at the end of a word:
they begin letters of UTF-8, which may be cut there."""
_NOT_IN_NAMES: Final = b' \t\r\n{}[]",=&'
_FIELD: Final = rb"[A-Za-z_][\w.%-]{0,63}=[^&\s\"]+"
_FORM: Final = re.compile(_FIELD + rb"(?:&" + _FIELD + rb")*&?")
_NUMBER_AND_COMMA: Final = re.compile(rb":[ \t\r\n]*-?[0-9]+,\Z")
_LIST: Final = re.compile(rb"\[[ \t\r\n]*\{")
_MEMBER: Final = re.compile(rb'(?<!\\)"([^"\\]{0,64})"[ \t\r\n]*:[ \t\r\n]*\Z')
_TEXT_OF_JSON: Final = re.compile(rb'"(?: |\\[nrt])*[{\[]')
_LISTS: Final = frozenset(
    (
        *STREAMS,
        *("content", "data", "docs", "documents", "entries", "events", "features", "generation"),
        *("hits", "intervals", "items", "list", "measurements", "payload", "points", "readings"),
        *("records", "response", "result", "results", "rows", "samples", "series", "usage"),
        *("value", "values"),
    )
)
"""Names under which envelopes keep their lists."""
_LISTS_LOOKED_AT: Final = 4
_SEPARATORS: Final = (b",", b";", b"\t", b"|")
_NOT_IN_CSV: Final = b"{}[]<>=&"
_BLANKS: Final = b" \t\r\n"

_WORDS: Final[Mapping[str, Sequence[str]]] = {
    "ts": ("ts", "timestamp", "time", "datetime", "date time", "date", "start", "interval start"),
    "meter_id": ("meter id", "meter", "meter number", "device id", "device", "id"),
    "kwh": ("kwh", "energy", "energy kwh", "consumption", "usage", "value", "reading"),
    "plant_id": ("plant id", "plant", "plant name", "id"),
    "mw": ("mw", "power", "power mw", "output", "generation", "value"),
}
"""What other programs call the required fields, most similar first; each in all usual spellings."""

_UNIT_SPELLINGS: Final[Mapping[str, Sequence[str]]] = {"kwh": ("kWh",), "mw": ("mW",)}


def _spellings(field: str) -> Iterator[str]:
    """Yield the names that may be meant for a field, most similar first."""
    yield from _UNIT_SPELLINGS.get(field, ())
    for phrase in _WORDS[field]:
        first, *rest = words = phrase.split()
        title = [word.title() for word in words]
        for sign in ("_", "-", "", " "):
            yield sign.join(words)
            yield sign.join(words).upper()
            yield sign.join(title)
        yield first + "".join(word.title() for word in rest)
        if words[-1] == "id":
            yield from (first + "ID", first.title() + "ID")


_NAMES: Final[Mapping[str, Sequence[str]]] = {
    field: [name for name in dict.fromkeys(_spellings(field)) if name != field] for field in _WORDS
}
_NAME_SETS: Final = {field: frozenset(names) for field, names in _NAMES.items()}
_STREAM_NAMES: Final = {spec.key_field: spec.name for spec in STREAMS.values()}
_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def of_malformed(text: bytes, at: int, behind_value: bool) -> str | None:
    """Say what a text is that is not one JSON value, or return None where that is not known.

    Args:
        text: Bytes, or `msgspec.Raw`.
        at: Index of the byte that cannot stand there.
        behind_value: Whether a complete value stands before it.
    """
    head = head_of(text)
    first = head.lstrip(_BLANKS)[:1]
    rest = bytes(memoryview(text)[max(0, at - 32) : at + 8])
    before, rest = rest[: min(at, 32)], rest[min(at, 32) :]
    if first not in (b"{", b"[") or b"\0" in head[:2]:
        if first == b'"' and behind_value and rest.startswith(b":"):
            return PIECE
        foreign = of_foreign(head)
        if foreign is not None:
            return foreign
    return _behind(first, rest[:1]) if behind_value else _inside(first, before, rest)


def of_torn_line(text: bytes) -> str | None:
    """Say what a line is that ends before its JSON does, or return None if it was simply cut."""
    head = head_of(text).strip(_BLANKS)
    if head[:1] == b"[":
        return ARRAY_BEGINS
    return PIECE if head == b"{" else None


def of_foreign(head: bytes) -> str | None:
    """Say what a text is by its first bytes, or return None where that is not known.

    Args:
        head: As `head_of` returns it.
    """
    if head[:1] and head[0] in _MAGIC_STARTS:
        for magic, sentence in _MAGIC:
            if head.startswith(magic):
                return sentence
    if b"\0" in head[:2] and _is_utf_16(head[:32]):
        return UTF_16
    text = head.strip(_BLANKS)
    if _is_file_name(text):
        return FILE_NAME
    if b"=" in text:
        return FORM if _FORM.fullmatch(text) is not None else None
    if any(text.count(one) >= 2 for one in _SEPARATORS) and _has_none(text, _NOT_IN_CSV):
        return CSV
    return None


def of_bad_utf8(text: bytes) -> str | None:
    """Name the encoding of a text that is not UTF-8, or return None where that is not known."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        around = text[max(0, error.start - 1) : error.start + 2]
        return WINDOWS_1252 if _LETTER_OF_WINDOWS.search(around) else None
    return None


def of_no_object(text: bytes) -> str | None:
    """Say what a JSON value is that is no object, or return None where that is not known."""
    head = head_of(text).lstrip(_BLANKS)
    if head[:1] == b"[":
        return ARRAY
    return JSON_IN_TEXT if _TEXT_OF_JSON.match(head) else None


def of_incomplete(text: bytes) -> str | None:
    """Say which member of a JSON object is a list of objects, or return None.

    Only the first few lists in the head of the text are looked at.
    """
    head = head_of(text)
    for found in islice(_LIST.finditer(head), _LISTS_LOOKED_AT):
        member = _MEMBER.search(head, max(0, found.start() - 96), found.start())
        if member is not None:
            name = member[1].decode("utf-8", "replace")
            which = f"its member `{name}`" if name in _LISTS else "one of its members"
            return f"{which} {LIST_INSIDE}"
    return None


def of_missing(text: bytes, field: str) -> str | None:
    """Say which stream or field was meant by an object that lacks a required field, or return None.

    Args:
        text: A JSON object: bytes, or `msgspec.Raw`. Nothing is said of one over `HEAD_BYTES`.
        field: The first required field that is missing.
    """
    if len(text) > HEAD_BYTES or (field not in _NAMES and field not in _STREAM_NAMES):
        return None
    try:
        members = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if field in _STREAM_NAMES:
        other = next((name for key, name in _STREAM_NAMES.items() if key in members), None)
        if other is not None:
            return OTHER_STREAM.format(other)
    if field not in _NAMES or _NAME_SETS[field].isdisjoint(members):
        return None
    found = next(name for name in _NAMES[field] if name in members)
    return f"is its member `{found}` meant?"


def of_packed(text: bytes) -> str:
    """Return "; " and what a body is that cannot be decompressed, or "" where that is not known."""
    return f"; {PLAIN_JSON}" if text.startswith((b"{", b"[")) else ""


def head_of(text: bytes) -> bytes:
    """Return the beginning of a text; `msgspec.Raw` cannot be sliced itself."""
    return bytes(text) if len(text) <= HEAD_BYTES else bytes(memoryview(text)[:HEAD_BYTES])


def _behind(first: bytes, found: bytes) -> str | None:
    """Judge the byte found behind a complete value."""
    if first in (b"{", b"[") and found in (b"{", b"["):
        return SEVERAL
    return BEFORE_COMMA if first == b"{" and found in (b",", b"]") else None


def _inside(first: bytes, before: bytes, rest: bytes) -> str | None:
    """Judge the bytes found where a value, a name or a comma was expected."""
    if rest[:1].isdigit() and _NUMBER_AND_COMMA.search(before):
        return DECIMAL_COMMA
    before = before[-1:]
    if rest.startswith((b"NaN", b"Infinity", b"inf")) or before + rest[:2] == b"nan":
        return NO_NUMBER
    if rest.startswith((b"True", b"False", b"None")):
        return PYTHON
    if rest[:1] == b"'" or (first == b"{" and before in (b"{", b",") and rest[:1].isalpha()):
        return QUOTES
    return PIECE if first in (b"}", b"]") else None


def _is_file_name(text: bytes) -> bool:
    named = (text[:1] == b"@" and len(text) > 1) or text[-16:].lower().endswith(_SUFFIXES)
    return named and _has_none(text, _NOT_IN_NAMES)


def _has_none(text: bytes, found: bytes) -> bool:
    """Tell whether a text has none of these bytes; a pattern takes ten times as long."""
    return len(text.translate(None, found)) == len(text)


def _is_utf_16(head: bytes) -> bool:
    """Tell whether every other byte is zero, as in UTF-16 of ASCII: JSON begins with that."""
    return len(head) >= 4 and any(not half.strip(b"\0") for half in (head[::2], head[1::2]))
