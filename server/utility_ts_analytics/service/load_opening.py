"""Opens the inputs of a load: NDJSON by the server's decoder, everything else as columns."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from utility_ts_analytics.config import Config
from utility_ts_analytics.ingest.inputs import Input
from utility_ts_analytics.ingest.ndjson_pieces import NdjsonFile, NdjsonRules
from utility_ts_analytics.ingest.pieces import PieceSource, Place
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import latest_ts
from utility_ts_analytics.service.load_plan import LoadOptions


@dataclass(frozen=True, slots=True)
class Opening:
    """How inputs are opened; the same for all of a load."""

    ndjson: NdjsonRules
    unknown_problem = "its kind is not known"

    @classmethod
    def prepare(
        cls, config: Config, options: LoadOptions, *, wall_ns: int
    ) -> "tuple[Opening | None, list[str]]":
        """Return what opens inputs, or the problems."""
        source = config.streams[options.stream].source
        spec = STREAMS[options.stream]
        ts_end = latest_ts(wall_ns, source.future_minutes_max)
        record_type = spec.type_for(allow_negative=source.allow_negative)
        key_field = next(name for name in spec.dedup_keys if name != "ts")
        decoder = NdjsonDecoder(spec, record_type)
        return cls(NdjsonRules(decoder, key_field, source.line_bytes_max, ts_end)), []

    def kind(self, path: Path) -> str | None:
        plain = PurePath(path.stem) if path.suffix in (".gz", ".zst") else path
        return "ndjson" if plain.suffix in (".ndjson", ".jsonl") or str(path) == "-" else None

    def refused_name(self, entry: Input) -> PurePath:
        return entry.below.with_suffix("") if entry.below.suffix in (".gz", ".zst") else entry.below

    def open_input(self, entry: Input, place: Place) -> PieceSource:
        return NdjsonFile(entry.path, self.ndjson, place)
