"""Readings as they are sent and as they must be stored, and the differences between both.

Shares no code with the service: lines are decoded, event ids derived and rows read back by other
means, so that a mistake in the package cannot hide itself.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import xxhash
from loadtest.database import QuestDBRest

TABLE = "meter_usage"
PAGE_ROWS = 20_000
"""Rows compared at a time, at least; a page ends only where `ts` changes."""

_STREAM_NUMBER = 1
"""Seed of this stream's event ids; users rely on it, so it is written here a second time."""

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 1, 1, tzinfo=UTC)

Key = tuple[datetime, str]


class SentReading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One posted line. An unknown field is an error: it would not be compared."""

    ts: datetime
    meter_id: str
    kwh: float
    premise_id: str | None = None
    kvarh: float | None = None
    kva_demand: float | None = None
    quality_flag: str | None = None
    source_system: str | None = None


class StoredReading(msgspec.Struct, frozen=True, array_like=True):
    """One row of the table, every column of it, as QuestDB lists them in JSON."""

    ts: datetime
    event_id: str | None
    meter_id: str
    premise_id: str | None
    kwh: float | None
    kvarh: float | None
    kva_demand: float | None
    quality_flag: str | None
    source_system: str | None


_COLUMNS = ", ".join(StoredReading.__struct_fields__)
_decode_line = msgspec.json.Decoder(SentReading).decode


@dataclass(frozen=True, slots=True)
class Difference:
    """A sent value and the different stored one, as text.

    `column` is "row" where a whole row is missing or there is one too many.
    """

    ts: datetime
    meter_id: str
    column: str
    sent: str
    stored: str

    def __str__(self) -> str:
        return (
            f"{self.ts.isoformat()} {self.meter_id}: {self.column}"
            f" sent {self.sent}, stored {self.stored}"
        )


def expected_row(reading: SentReading) -> StoredReading:
    """Return the row that must be stored for a line, with its event id."""
    content: dict[str, datetime | str | float] = {"ts": reading.ts.astimezone(UTC)}
    for name in SentReading.__struct_fields__[1:]:
        value = getattr(reading, name)
        if value is not None:
            # Adding 0.0 turns minus zero into zero, which is how the id sees it.
            content[name] = value + 0.0 if isinstance(value, float) else value
    digest = xxhash.xxh3_128_intdigest(msgspec.msgpack.encode(content), _STREAM_NUMBER)
    # RFC 9562 section 5.8: 4 bits of version, 2 bits of variant, the rest is ours.
    version_and_variant = (8 << 76) | (2 << 62)
    kept = digest & ~((15 << 76) | (3 << 62))
    return StoredReading(
        ts=reading.ts.astimezone(UTC),
        event_id=str(uuid.UUID(int=kept | version_and_variant)),
        meter_id=reading.meter_id,
        premise_id=reading.premise_id,
        kwh=reading.kwh,
        kvarh=reading.kvarh,
        kva_demand=reading.kva_demand,
        quality_flag=reading.quality_flag,
        source_system=reading.source_system,
    )


def pages(lines: Iterable[bytes], page_rows: int) -> Iterator[list[SentReading]]:
    """Decode lines into pages that each hold all readings of their instants.

    Args:
        lines: NDJSON, ordered by `ts`.
        page_rows: A page ends once it has this many rows and `ts` changes.

    Raises:
        ValueError: A line is not a reading, or its `ts` is before the one of the line before.
    """
    page: list[SentReading] = []
    for line in lines:
        reading = _decode_line(line)
        if page and reading.ts != page[-1].ts:
            if reading.ts < page[-1].ts:
                raise ValueError(f"cannot compare: {reading.ts} comes after {page[-1].ts}")
            if len(page) >= page_rows:
                yield page
                page = []
        page.append(reading)
    if page:
        yield page


def page_differences(
    expected: Mapping[Key, StoredReading], stored: Sequence[StoredReading]
) -> list[Difference]:
    """Return every difference between two sets of rows, ordered by (ts, meter_id)."""
    missing = dict(expected)
    found: list[Difference] = []
    for row in stored:
        wanted = missing.pop((row.ts, row.meter_id), None)
        if wanted is None:
            again = (row.ts, row.meter_id) in expected
            cause = "once" if again else "nothing"
            found.append(Difference(row.ts, row.meter_id, "row", cause, "a further row"))
        elif row != wanted:
            found += _value_differences(wanted, row)
    found += [Difference(*key, "row", "once", "nothing") for key in missing]
    return sorted(found, key=lambda one: (one.ts, one.meter_id))


def stored_between(database: QuestDBRest, start: datetime, end: datetime) -> list[StoredReading]:
    """Return the rows with `ts` in [start, end)."""
    return database.rows(
        f"SELECT {_COLUMNS} FROM {TABLE} WHERE ts >= '{_literal(start)}' AND ts < '{_literal(end)}'"  # noqa: S608 - our own instants
        " ORDER BY ts, meter_id",
        StoredReading,
    )


def _literal(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _value_differences(wanted: StoredReading, row: StoredReading) -> list[Difference]:
    return [
        Difference(row.ts, row.meter_id, name, repr(sent), repr(stored))
        for name in StoredReading.__struct_fields__
        if (sent := getattr(wanted, name)) != (stored := getattr(row, name))
    ]
