"""What a message in a topic of readings looks like. Pure; written by the sink, read by `consume`.

The value is NDJSON: one record per line, every line ended, all of one stream and one partition, in
the order of acceptance. A record has the fields of the stream and its `event_id`; fields without a
value are left out. Headers say what it is, so that a message of somebody else is told apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Headers = list[tuple[str, str | bytes | None]]
"""As the client takes them: names in ASCII, in order."""

FORMAT_VERSION: Final = 1
"""Rises when a reader of the version before could misread a message."""

CONTENT_TYPE: Final = "application/x-ndjson"
REQUEST_IDS_MAX: Final = 32
"""Request ids in one message: a batch may hold rows of thousands of small requests."""

_CONTENT_TYPE: Final = "content-type"
_STREAM: Final = "stream"
_VERSION: Final = "format-version"
_ROWS: Final = "rows"
_REQUEST_IDS: Final = "request-ids"


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What the headers of a message of ours say.

    Attributes:
        stream: Name of the stream of its records.
        format_version: Of the writer, >= 1. A reader refuses what is over `FORMAT_VERSION`.
        rows: Number of lines, >= 1.
        request_ids: Of the first requests whose rows it holds, at most `REQUEST_IDS_MAX`; may be
            empty.
    """

    stream: str
    format_version: int
    rows: int
    request_ids: tuple[str, ...]


def headers_of(stream: str, rows: int, request_ids: Iterable[str]) -> Headers:
    """Return the headers of a message.

    Args:
        stream: Name of the stream.
        rows: Number of lines in the value, >= 1.
        request_ids: Of the rows' requests; repeated ones and those beyond `REQUEST_IDS_MAX` are
            left out, and so are empty ones, of rows that came by no request.
    """
    known = list(dict.fromkeys(filter(None, request_ids)))[:REQUEST_IDS_MAX]
    headers: Headers = [
        (_CONTENT_TYPE, CONTENT_TYPE.encode()),
        (_STREAM, stream.encode()),
        (_VERSION, b"%d" % FORMAT_VERSION),
        (_ROWS, b"%d" % rows),
    ]
    if known:
        headers.append((_REQUEST_IDS, ",".join(known).encode()))
    return headers


def head_of(headers: Headers | dict[str, str | bytes | None] | None) -> MessageHead | None:
    """Return what the headers of a message say, or None if it is not one of ours.

    Args:
        headers: As the client returns them; of a repeated name the last counts.
    """
    found = {
        name: value.encode() if isinstance(value, str) else value
        for name, value in dict(headers or ()).items()
    }
    stream, version, rows = (found.get(name) for name in (_STREAM, _VERSION, _ROWS))
    if found.get(_CONTENT_TYPE) != CONTENT_TYPE.encode() or not stream:
        return None
    if not _is_count(version) or not _is_count(rows):
        return None
    ids = (found.get(_REQUEST_IDS) or b"").decode(errors="replace")
    return MessageHead(
        stream.decode(errors="replace"),
        int(version or b""),
        int(rows or b""),
        tuple(ids.split(",")) if ids else (),
    )


def _is_count(text: bytes | None) -> bool:
    return text is not None and len(text) <= 9 and text.isdigit() and int(text) >= 1
