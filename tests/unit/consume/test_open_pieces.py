"""Pieces wait for room, and for each other's end."""

import asyncio

from tests.unit.consume.log_rig import message

from utility_ts_analytics.consume.open_pieces import OpenPieces
from utility_ts_analytics.consume.pieces import Piece, Reshape, pieces_of


def piece(size_bytes: int = 10) -> Piece:
    [made] = pieces_of([message(b" " * size_bytes)], Reshape("meter_usage", {}))
    return made


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_pieces_leave_in_order_and_a_full_list_lets_the_next_one_wait() -> None:
    async def scenario() -> None:
        pieces = OpenPieces()
        large = [piece(20 * 1024 * 1024) for _ in range(2)]
        await pieces.add(large[0])
        adding = asyncio.create_task(pieces.add(large[1]))
        await turns()
        assert not adding.done()
        assert await pieces.oldest() is large[0]
        pieces.settled()
        await adding
        assert await pieces.oldest() is large[1]

    asyncio.run(scenario())


def test_a_piece_over_the_bound_goes_alone() -> None:
    async def scenario() -> None:
        pieces = OpenPieces()
        await pieces.add(piece(40 * 1024 * 1024))
        waiting = asyncio.create_task(pieces.all_settled())
        adding = asyncio.create_task(pieces.add(piece()))
        await turns()
        assert not waiting.done()
        pieces.settled()
        await adding
        pieces.settled()
        await waiting

    asyncio.run(scenario())
