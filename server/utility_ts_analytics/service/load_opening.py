"""Opens the inputs of a load: NDJSON by the server's decoder, everything else as columns.

What reads columns is imported only where it is needed: it takes a quarter of a second and packages
that a server has not.
"""

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.ingest.file_kinds import (
    BINARY_KINDS,
    FileKind,
    kind_of,
    without_compression,
)
from utility_ts_analytics.ingest.inputs import OWN_SUFFIXES, STDIN, Input
from utility_ts_analytics.ingest.ndjson_pieces import NdjsonFile, NdjsonRules
from utility_ts_analytics.ingest.pieces import PieceSource, Place
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import latest_ts
from utility_ts_analytics.service.load_plan import LoadOptions

if TYPE_CHECKING:
    from utility_ts_analytics.ingest.mapping import FileMapping
    from utility_ts_analytics.service.load_columns import ColumnOpening

_MISSING = (
    "files other than NDJSON, and mappings, need further packages:"
    ' pip install "utility-ts-analytics[files]" (missing: {})'
)


class Opening:
    """How inputs are opened; the same for all of a load.

    Args:
        config: As of the server.
        options: What was asked for.
        wall_ns: The time, for `max_future_minutes`.

    Raises:
        ConfigError: The mapping cannot be used; lists all that is wrong with it.
    """

    def __init__(self, config: Config, options: LoadOptions, *, wall_ns: int) -> None:
        source = config.streams[options.stream].source
        spec = STREAMS[options.stream]
        self._config = config
        self._options = options
        self._wall_ns = wall_ns
        self._mapping = self._load_mapping()
        self._columns: ColumnOpening | None = None
        self._ndjson = NdjsonRules(
            decoder=NdjsonDecoder(spec, spec.type_for(allow_negative=source.allow_negative)),
            key_field=spec.key_field,
            line_bytes_max=source.line_bytes_max,
            ts_end=latest_ts(wall_ns, source.future_minutes_max),
        )

    def kind(self, path: Path) -> FileKind | None:
        """Return what kind of file it is, or None where nobody knows.

        Raises:
            ConfigError: To read it takes packages that are missing.
        """
        if path.suffix in OWN_SUFFIXES:
            return None
        said = self._options.kind or (self._mapping.file.kind if self._mapping else None)
        kind = said or kind_of(path)
        if kind not in (None, "ndjson"):
            _check_columns()
        return kind

    def refused_name(self, entry: Input) -> PurePath:
        """Return the name of the file of refused rows: that of the input, as what it becomes.

        Rows of files of columns become NDJSON; what was compressed is not.
        """
        name = without_compression(entry.below)
        if self.kind(entry.path) in BINARY_KINDS:
            return name.with_name(f"{name.name}.ndjson")
        if entry.path == STDIN:
            return name.with_suffix(f".{self.kind(entry.path)}")
        return name

    def open_input(self, entry: Input, place: Place) -> PieceSource:
        """Open an input at a place.

        Raises:
            OperatorError: It cannot be opened.
        """
        if self._mapping is None and self.kind(entry.path) == "ndjson":
            return NdjsonFile(entry.path, self._ndjson, place)
        if self._columns is None:
            from utility_ts_analytics.service.load_columns import ColumnOpening

            self._columns = ColumnOpening(
                self._config, self._options, self._mapping, wall_ns=self._wall_ns
            )
        return self._columns.open(entry.path, place)

    def _load_mapping(self) -> "FileMapping | None":
        options = self._options
        if options.mapping is None:
            return None
        _check_columns()
        from utility_ts_analytics.service.load_columns import load_mapping

        mapping = load_mapping(options.mapping)
        if mapping.stream != options.stream:
            raise ConfigError(
                [
                    f"--mapping: {options.mapping} is for {mapping.stream}, not for"
                    f" {options.stream} (--into)"
                ]
            )
        return mapping


def _check_columns() -> None:
    """Make sure of the packages that columns need."""
    try:
        import utility_ts_analytics.service.load_columns  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError([_MISSING.format(error.name)]) from error
