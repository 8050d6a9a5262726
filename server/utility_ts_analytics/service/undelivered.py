"""Rows that a worker took and did not store, told from its last signs. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from utility_ts_analytics.service.beacon import STOPPED, Sign


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What one stream could not deliver before the stop.

    Attributes:
        stream: Its name.
        lost_rows: Held by workers that were killed: nobody was told.
        given_back_rows: Given back to their senders, who were told to send them again.
    """

    stream: str
    lost_rows: int
    given_back_rows: int


def undelivered(before: Iterable[Sign], after: Iterable[Sign]) -> list[Undelivered]:
    """Return what was not delivered in a stop; streams without such rows are left out.

    Args:
        before: The last signs of the workers that were alive when the stop began.
        after: The signs of all workers once all have ended.
    """
    failed_rows_before = {sign.identity: sign.failed_rows for sign in before}
    lost_rows: dict[str, int] = {}
    given_back_rows: dict[str, int] = {}
    for sign in after:
        if sign.identity in failed_rows_before:
            given_back = sign.failed_rows - failed_rows_before[sign.identity]
            lost_rows[sign.stream] = lost_rows.get(sign.stream, 0) + sign.held_rows
            given_back_rows[sign.stream] = given_back_rows.get(sign.stream, 0) + given_back
    return [
        Undelivered(stream, lost, given_back_rows[stream])
        for stream, lost in lost_rows.items()
        if lost or given_back_rows[stream]
    ]


class WorkerEnds:
    """Finds workers that ended without having stopped in order. Each is named once."""

    def __init__(self) -> None:
        self._dead: set[tuple[int, int]] = set()

    def look(self, dead: Iterable[Sign], signs: Iterable[Sign]) -> list[Sign]:
        """Return the last signs of the workers that died since the last look.

        Args:
            dead: Of the workers that are not alive.
            signs: Of all workers, read after it was found out which of them are dead: a worker
                says that it stopped right before it ends. Not read if nobody died.
        """
        identities = {sign.identity for sign in dead}
        new, self._dead = identities - self._dead, identities
        if not new:
            return []
        return [sign for sign in signs if sign.identity in new and sign.state != STOPPED]
