"""What people write first: decode the body, INSERT its rows over pgwire, answer.

Run by `python -m loadtest peers` as any other application: it imports nothing of this project.
"""

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec


class Reading(msgspec.Struct):
    """One line of a body."""

    ts: datetime
    meter_id: str
    kwh: float
    premise_id: str | None = None
    kvarh: float | None = None
    kva_demand: float | None = None
    quality_flag: str | None = None
    source_system: str | None = None


COLUMNS = ", ".join(Reading.__struct_fields__)
INSERT = f"INSERT INTO meter_usage ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"  # noqa: S608 - constants
COMMIT_ROWS = 5_000
"""QuestDB keeps an object of 2 KB for each row until the commit, and for the next ones after it:
four bodies of 50,000 rows at once, a commit each, filled a heap of 512 MB and broke connections."""

decode_lines = msgspec.json.Decoder(Reading).decode_lines
pools: list[asyncpg.Pool] = []


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer 200 once the rows of a body are committed, and 400 to a body with a bad line."""
    if scope["type"] == "lifespan":
        await receive()
        pools.append(await asyncpg.create_pool(os.environ["QUESTDB_URI"]))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await pools.pop().close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    try:
        rows = [values_of(reading) for reading in decode_lines(b"".join(pieces))]
    except msgspec.MsgspecError:
        status = 400
    else:
        async with pools[0].acquire() as connection:
            for first in range(0, len(rows), COMMIT_ROWS):
                await connection.executemany(INSERT, rows[first : first + COMMIT_ROWS])
        status = 200
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]}
    )
    await send({"type": "http.response.body", "body": b""})


def values_of(reading: Reading) -> tuple[Any, ...]:
    """Return the parameters of the INSERT; QuestDB's timestamps have no time zone."""
    ts, *others = msgspec.structs.astuple(reading)
    return ts.astimezone(UTC).replace(tzinfo=None), *others
