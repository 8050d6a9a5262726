"""Opens the inputs of a load: JSON records by the server's decoder, everything else as columns.

Modules that read columns are imported only where they are needed: the import takes a quarter of a
second, and packages that a server does not have.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from utility_ts_analytics.config import Config
from utility_ts_analytics.delivery.assembly import json_encoder_of
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.files.file_contents import HEAD_BYTES, Recognised, recognised
from utility_ts_analytics.files.file_kinds import FileKind, without_compression
from utility_ts_analytics.files.inputs import OWN_SUFFIXES, Input
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.pieces import PieceSource, Place
from utility_ts_analytics.files.replaced.replaced_rows import VersionTaker
from utility_ts_analytics.files.sources.ndjson_files import NdjsonFile
from utility_ts_analytics.files.sources.ndjson_pieces import NdjsonRules
from utility_ts_analytics.files.sources.stream_bytes import STDIN, StreamBytes
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import latest_ts

if TYPE_CHECKING:
    from utility_ts_analytics.files.mapping.statement import Statement
    from utility_ts_analytics.files.sources.column_opening import ColumnOpening

_MAPPED_SUFFIXES: Final = frozenset(
    (".csv", ".dat", ".edi", ".json", ".jsonl", ".ndjson", ".psv", ".tsv", ".txt", ".xlsx", ".xml")
)
"""Suffixes of files in folders that a mapping reads, beside files of a known kind."""

_COLUMN_LINES: Final = b'{"arrow_schema":'
"""Beginning of files of refused records of Parquet and Arrow (`files.tables.column_lines`)."""

_MISSING = (
    "files other than NDJSON, and mappings, need further packages:"
    ' pip install "utility-ts-analytics[files]" (missing: {})'
)


class Opening:
    """Opens all inputs of a load.

    Args:
        config: The configuration of the server.
        options: The options of the load.
        wall_ns: Time of day, ns since 1970, for `max_future_minutes`.

    Raises:
        ConfigError: The mapping cannot be used.
    """

    def __init__(self, config: Config, options: LoadOptions, *, wall_ns: int) -> None:
        self._config = config
        self._options = options
        self._wall_ns = wall_ns
        self._statement = self._load_statement()
        self._opening: ColumnOpening | None = None
        self._kinds: dict[tuple[Path, str | None], Recognised] = {}

    def why_not(self, path: Path, member: str | None, *, named: bool) -> str | None:
        """Return why a file is not to be loaded; see `files.inputs.WhyNot`.

        Raises:
            ConfigError: Packages to read it are missing.
        """
        name = PurePath(member or path.name)
        if name.suffix in OWN_SUFFIXES:
            return "is what a load has written beside refused records"
        plain = without_compression(name)
        if self._statement is not None and (named or plain.suffix.lower() in _MAPPED_SUFFIXES):
            return None
        found = self._recognised(path, member)
        return found.reason if found.kind is None else None

    def refused_name(self, entry: Input) -> PurePath:
        """Return the name for the refused records of an input: its own, unpacked."""
        name = without_compression(entry.below)
        if self._statement is None and self._kind_of(entry) == "ndjson":
            return name.with_suffix(".ndjson") if entry.path == STDIN else name
        suffix = self._columns().refused_suffix(self._kind_of(entry))
        return name if name.suffix == suffix else name.with_name(name.name + suffix)

    def open_input(self, entry: Input, place: Place, versions: VersionTaker) -> PieceSource:
        """Open an input at a place.

        Args:
            entry: The input.
            place: Place to begin at.
            versions: Takes the rows as they are read.

        Raises:
            OperatorError: It cannot be opened.
        """
        if entry.fault is not None:
            raise OperatorError(f"cannot read {entry.name}: it {entry.fault}")
        if self._statement is None and self._kind_of(entry) == "ndjson":
            file: FileBytes | StreamBytes = StreamBytes(entry.path)
            if entry.is_file:
                file = FileBytes(entry.path, entry.member)
            return NdjsonFile(file, self._ndjson_rules(versions), place)
        return self._columns().open(
            entry, self._kind_of(entry), place, self._ndjson_rules(versions), versions
        )

    def close(self) -> None:
        """Close what was kept for the next input. Idempotent."""
        if self._opening is not None:
            self._opening.close()

    def _kind_of(self, entry: Input) -> FileKind | None:
        return self._recognised(entry.path, entry.member).kind

    def _recognised(self, path: Path, member: str | None) -> Recognised:
        """Return the kind of a file, which is read once, from its first bytes where it has them."""
        known = self._kinds.get((path, member))
        if known is not None:
            return known
        if self._options.kind is not None:
            found = Recognised(self._options.kind)
        elif path == STDIN:
            found = Recognised("ndjson")
        else:
            try:
                # The first bytes of a pipe would be lost.
                head = FileBytes(path, member).first_bytes(HEAD_BYTES) if path.is_file() else b""
            except OperatorError:
                head = b""  # opening it says why
            found = recognised(PurePath(member or path.name), head)
            if head.startswith(_COLUMN_LINES):
                found = Recognised("parquet")
        if found.kind not in (None, "ndjson"):
            self._columns()
        self._kinds[path, member] = found
        return found

    def _ndjson_rules(self, versions: VersionTaker) -> NdjsonRules:
        name, encode = self._options.stream, None
        source, spec = self._config.streams[name].source, STREAMS[name]
        if not self._options.dry_run:
            encode = json_encoder_of(self._config, name, versions=True)
        return NdjsonRules(
            decoder=NdjsonDecoder(
                spec, spec.type_for(allow_negative=source.allow_negative), encode
            ),
            key_field=spec.key_field,
            max_line_bytes=source.max_line_bytes,
            ts_end=latest_ts(self._wall_ns, source.max_future_minutes),
            versions=versions.decoded,
            refused_max=self._options.refused_max,
        )

    def _columns(self) -> "ColumnOpening":
        """Return the opening of inputs that are read as columns.

        Raises:
            ConfigError: Packages to read them are missing.
        """
        if self._opening is None:
            with _packages():
                from utility_ts_analytics.files.slim_process import slim_process
                from utility_ts_analytics.files.sources.column_opening import ColumnOpening
            slim_process()
            self._opening = ColumnOpening(
                self._config, self._options, self._statement, wall_ns=self._wall_ns
            )
        return self._opening

    def _load_statement(self) -> "Statement | None":
        if self._options.mapping is None:
            return None
        with _packages():
            from utility_ts_analytics.files.mapping.statement import load_statement
        return load_statement(self._options.mapping)


@contextlib.contextmanager
def _packages() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError([_MISSING.format(error.name)]) from error
