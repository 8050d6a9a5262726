"""Readings as they are sent and as they must be stored.

Shares no code with the service: lines are decoded, event ids derived and rows read back by other
means, so that a mistake in the package cannot hide itself.
"""

import uuid
from datetime import UTC, datetime

import msgspec
import xxhash
from loadtest.database import QuestDBRest

TABLE = "meter_usage"
COUNT_SQL = f"SELECT count() FROM {TABLE}"  # noqa: S608 - constant

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


def expected_row(reading: SentReading) -> StoredReading:
    """Return the row that must be stored for a line, with its event id."""
    sent = {**msgspec.structs.asdict(reading), "ts": reading.ts.astimezone(UTC)}
    # Adding 0.0 turns minus zero into zero, which is how the id sees it.
    content = {
        name: value + 0.0 if isinstance(value, float) else value
        for name, value in sent.items()
        if value is not None
    }
    digest = xxhash.xxh3_128_intdigest(msgspec.msgpack.encode(content), _STREAM_NUMBER)
    # RFC 9562 section 5.8: 4 bits of version, 2 bits of variant, the rest is ours.
    version_and_variant = (8 << 76) | (2 << 62)
    kept = digest & ~((15 << 76) | (3 << 62))
    return StoredReading(event_id=str(uuid.UUID(int=kept | version_and_variant)), **sent)


def stored_between(database: QuestDBRest, start: datetime, end: datetime) -> list[StoredReading]:
    """Return the rows with `ts` in [start, end)."""
    return database.rows(
        f"SELECT {_COLUMNS} FROM {TABLE} WHERE ts >= '{_literal(start)}' AND ts < '{_literal(end)}'"  # noqa: S608 - our own instants
        " ORDER BY ts, meter_id",
        StoredReading,
    )


def _literal(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def differences(sent: StoredReading, stored: StoredReading) -> list[str]:
    """Return the columns that differ, each with both values: "kwh sent 0.3, stored 0.4"."""
    return [
        f"{name} sent {wanted!r}, stored {found!r}"
        for name in StoredReading.__struct_fields__
        if (wanted := getattr(sent, name)) != (found := getattr(stored, name))
    ]
