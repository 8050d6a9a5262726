"""The readings that the proofs post, where they post them, and what a right answer is."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec
from loadtest.posting import Answer

PATH = "/ingest/meter_usage/ndjson"
CONTENT_TYPE = "application/x-ndjson"
_PRODUCER = Path(__file__).parents[1] / "scripts" / "produce_ndjson.py"


class _Summary(msgspec.Struct):
    accepted: int
    parse_errors: int
    rejected: int
    ack: Literal["committed"]


def produce(path: Path, rows: int) -> None:
    """Write so many generated meter readings to `path`, ordered by `ts`, each with its own key."""
    with path.open("wb") as lines:
        subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, str(_PRODUCER), "meter-usage", "--count", str(rows)],
            stdout=lines,
            check=True,
        )


def fault_of(answer: Answer) -> str | None:
    """Return what is wrong with an answer; None for a 200 that has every row committed."""
    text = answer.content.decode(errors="replace")[:500]
    where = f"body at byte {answer.body.offset}"
    if answer.status != 200:
        return f"{where}: status {answer.status}: {text}"
    try:
        summary = msgspec.json.decode(answer.content, type=_Summary)
    except msgspec.DecodeError as error:
        return f"{where}: {error}: {text}"
    if (summary.accepted, summary.parse_errors, summary.rejected) != (answer.body.rows, 0, 0):
        return f"{where}: {answer.body.rows} rows were sent: {text}"
    return None
