"""Pieces on their way into QuestDB, oldest first; bounded in number and bytes."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from utility_ts_analytics.consume.pieces import Piece

_PIECES_MAX: Final = 128
_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of the messages, which are kept until it is known which of their records are refused."""


class OpenPieces:
    """Pieces that were handed over and are not settled. One event loop; one adds, one settles."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._size_bytes = 0
        self._changed = asyncio.Event()

    async def add(self, piece: Piece) -> None:
        """Append a piece, once there is room; one that is larger than the bound goes alone."""
        await self._until(lambda: self._has_room(piece.size_bytes))
        self._pieces.append(piece)
        self._size_bytes += piece.size_bytes
        self._changed.set()

    async def oldest(self) -> Piece:
        """Return the oldest piece, once there is one; it stays until `settled`."""
        await self._until(lambda: bool(self._pieces))
        return self._pieces[0]

    def settled(self) -> None:
        """Forget the oldest piece."""
        self._size_bytes -= self._pieces.popleft().size_bytes
        self._changed.set()

    async def all_settled(self) -> None:
        """Return once there is none."""
        await self._until(lambda: not self._pieces)

    def _has_room(self, size_bytes: int) -> bool:
        if not self._pieces:
            return True
        return len(self._pieces) < _PIECES_MAX and self._size_bytes + size_bytes <= _BYTES_MAX

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()
