"""Opens a file of readings by its kind."""

from contextlib import ExitStack
from pathlib import Path

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.file_kinds import (
    BINARY_KINDS,
    UNKNOWN_NAME,
    FileKind,
    encoding_of,
    kind_of,
)
from utility_ts_analytics.ingest.mapping.model import FileMapping, Nem12Section
from utility_ts_analytics.ingest.sources.arrow_source import ArrowSource
from utility_ts_analytics.ingest.sources.contract import Source
from utility_ts_analytics.ingest.sources.csv_source import CsvSource
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces
from utility_ts_analytics.ingest.sources.ndjson_source import NdjsonSource
from utility_ts_analytics.records.streams import StreamSpec


def open_source(
    path: Path,
    *,
    spec: StreamSpec,
    mapping: FileMapping | None,
    kind: FileKind | None,
    line_bytes_max: int,
) -> Source:
    """Open one file of any kind but NDJSON without a mapping (for the server's decoder).

    Args:
        path: `-` is standard input, for kinds of text.
        spec: The stream that it goes into.
        mapping: How its columns become fields; None if they have the names of the fields.
        kind: What somebody said it is; None leaves it to the mapping, and then to its name.
        line_bytes_max: Longest line of a text, bytes.

    Raises:
        OperatorError: It cannot be opened, or is not what it should be; names the file, the line
            where there is one, and what to do.
    """
    if mapping is not None and mapping.stream != spec.name:
        raise OperatorError(
            f"cannot read {path}: the mapping is for {mapping.stream}, not for {spec.name}"
        )
    kind = kind or (mapping.file.kind if mapping is not None else None) or kind_of(path)
    if path.is_dir():
        raise OperatorError(f"cannot read {path}: Is a directory")
    if kind is None:
        raise OperatorError(f"cannot read {path}: {UNKNOWN_NAME}")
    with ExitStack() as stack:
        source = _opened(path, spec, mapping, kind, line_bytes_max, stack=stack)
        stack.pop_all()
    return source


def _opened(
    path: Path,
    spec: StreamSpec,
    mapping: FileMapping | None,
    kind: FileKind,
    line_bytes_max: int,
    *,
    stack: ExitStack,
) -> Source:
    encoding = encoding_of(path)
    owned = stack.enter_context(ExitStack())
    if kind in BINARY_KINDS:
        if encoding != "identity" or str(path) == "-":
            how = "on standard input" if str(path) == "-" else f"packed with {encoding}"
            raise OperatorError(
                f"cannot read {path}: {kind} is not read {how}: its description is at its end,"
                " give it as a file of its own"
            )
        return ArrowSource(path, spec, mapping, kind=kind, stack=owned)
    pieces = FilePieces(path, encoding, owned)
    if kind in ("csv", "psv", "tsv"):
        return CsvSource(
            pieces, spec, mapping, kind=kind, line_bytes_max=line_bytes_max, stack=owned
        )
    if kind == "nem12":
        rules = mapping.nem12 if mapping is not None else Nem12Section()
        # nemreader brings pandas, which takes half a second to load.
        from utility_ts_analytics.ingest.sources.nem12_source import Nem12Source

        return Nem12Source(pieces, rules, line_bytes_max=line_bytes_max, stack=owned)
    if mapping is None:
        raise AssertionError("NDJSON without a mapping is for the server's decoder")
    return NdjsonSource(pieces, spec, mapping, line_bytes_max=line_bytes_max, stack=owned)
