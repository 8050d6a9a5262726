"""Advice for a body that is something else: the route, option or header that takes it.

`reading.wrong_formats` says what a text is, for posts and files alike. This module adds what helps
over HTTP to the errors that an answer lists and to the detail of a problem, so it costs nothing
until an error is answered. `docs/POSTING.md` has all advice as a table.
"""

from collections.abc import Iterable
from functools import cache

from utility_ts_analytics.reading import wrong_formats
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError

_COMPRESSED = "the header `Content-Encoding: {}` is missing, or the body is compressed twice"
_FILES = "`ingestion-service load FILE --into {}` takes such files"
_ANYWHERE = {
    wrong_formats.GZIP: _COMPRESSED.format("gzip"),
    wrong_formats.ZSTD: _COMPRESSED.format("zstd"),
    wrong_formats.PLAIN_JSON: "leave the header `Content-Encoding` out",
    wrong_formats.XML: "`ingestion-service load` takes Green Button files",
    wrong_formats.FORM: "post JSON, with curl's --data-binary",
    wrong_formats.URL_ENCODED: "use curl's --data-binary instead of --data-urlencode",
    wrong_formats.FILE_NAME: "curl sends a file with --data-binary @FILE",
}


def advised(detail: str, stream: str, *, ndjson: bool) -> str:
    """Return the detail of an error, with advice where there is any.

    Args:
        detail: May hold one of the sentences of `reading.wrong_formats`.
        stream: As in the path.
        ndjson: Whether the NDJSON route was asked; otherwise the array route.
    """
    advice = advice_on(detail, stream, ndjson=ndjson)
    return f"{detail}; {advice}" if advice else detail


def advice_on(detail: str, stream: str, *, ndjson: bool) -> str | None:
    """Return the advice for an error with this detail, or None."""
    known = _advice(stream, ndjson).items()
    return next((advice for sentence, advice in known if sentence in detail), None)


def first_advice(errors: Iterable[RowError], stream: str, *, ndjson: bool) -> str | None:
    """Return the advice for the first error that there is advice for, or None."""
    found = (advice_on(error.detail, stream, ndjson=ndjson) for error in errors)
    return next((advice for advice in found if advice), None)


def other_type(essence: str, path: str, *, ndjson: bool) -> str | None:
    """Return the advice for a media type that a route does not take, or None.

    Args:
        essence: The type without its parameters, lower case.
        path: One of the two routes.
        ndjson: Whether `path` is the NDJSON route; otherwise the array route.
    """
    if essence == "multipart/form-data":
        return "curl's -F sends a form, --data-binary @FILE sends the file"
    if essence in ("application/gzip", "application/x-gzip", "application/zstd"):
        return "Content-Type is that of the plain body; Content-Encoding says how it is compressed"
    if essence == "text/csv":
        return _FILES.format(_stream_of(path))
    if ndjson and essence == "application/json":
        return f"POST {path.removesuffix('/ndjson')} takes application/json"
    if not ndjson and essence in ("application/x-ndjson", "application/ndjson"):
        return f"POST {path}/ndjson takes {essence}"
    return None


def _stream_of(path: str) -> str:
    return path.removesuffix("/ndjson").rpartition("/")[2]


@cache
def _advice(stream: str, ndjson: bool) -> dict[str, str]:
    files = _FILES.format(stream)
    anywhere = _ANYWHERE | {
        wrong_formats.ZIP: f"unpack it; {files}",
        wrong_formats.PARQUET: files,
        wrong_formats.CSV: files,
        **{
            wrong_formats.OTHER_STREAM.format(name): f"records of {name} go to"
            f" POST /ingest/{name}{'/ndjson' * ndjson}, on the port of that stream"
            for name in STREAMS
        },
    }
    array, lines = f"POST /ingest/{stream}", f"POST /ingest/{stream}/ndjson"
    if not ndjson:
        return anywhere | {
            wrong_formats.SEVERAL: (
                f"NDJSON goes to {lines} (curl: --data-binary, which keeps newlines)"
            ),
            wrong_formats.BEFORE_COMMA: "an array stands in square brackets",
            wrong_formats.LIST_INSIDE: "post that list itself, each element a whole record",
        }
    bare = f"/ingest/{stream}"
    takes_arrays = f"{array} takes a JSON array; `jq -c '.[]'` makes lines of one"
    one_line = "write one object per line (`jq -c` does)"
    return anywhere | {
        wrong_formats.SEVERAL: (
            "write one object per line; curl's --data takes the newlines out of a file,"
            " --data-binary keeps them"
        ),
        wrong_formats.PIECE: (
            f"{one_line}, or post it to {bare}, which takes an array or one object"
        ),
        wrong_formats.BEFORE_COMMA: f"{one_line} without commas; {array} takes a JSON array",
        wrong_formats.ARRAY: takes_arrays,
        wrong_formats.ARRAY_BEGINS: takes_arrays,
        wrong_formats.LIST_INSIDE: f"post that list itself to {bare}, each element a whole record",
    }
