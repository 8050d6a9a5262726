"""The spool on an event loop: calls go to their end in order, whoever waits for them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.delivery.spool.spool_rig import SPEC, batch, change, meters

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.spool import Appended, Spool, SpoolBroken


def new_spool(folder: Path, stream: StreamOrder) -> Spool:
    return Spool(folder, SPEC, max_bytes=10_000_000, order=stream.lane())


def with_spools(folder: Path, check: Callable[[Spool, Spool], Awaitable[None]]) -> None:
    """Run a check with the spools of two lanes."""

    async def main() -> None:
        stream = StreamOrder(None, SystemClock())
        spools = [new_spool(folder, stream) for _ in range(2)]
        for spool in spools:
            assert await spool.open() is None
        try:
            await check(*spools)
        finally:
            for spool in spools:
                await spool.close()

    asyncio.run(main())


async def deliver(spool: Spool) -> list[str]:
    delivered = []
    while (record := await spool.oldest()) is not None:
        delivered += meters(record.rows)
        assert await spool.remove(record)
    return delivered


def test_rows_of_all_lanes_are_pending_for_each(tmp_path: Path) -> None:
    async def check(first: Spool, second: Spool) -> None:
        assert isinstance(await first.append(batch(0, 3)), Appended)
        assert isinstance(await second.append(batch(1, 2)), Appended)
        assert (first.pending_rows, second.pending_rows) == (5, 5)
        assert await deliver(second) == ["0.0", "0.1", "0.2", "1.0", "1.1"]
        assert (first.pending_rows, second.pending_rows) == (0, 0)

    with_spools(tmp_path, check)


def test_one_of_them_delivers(tmp_path: Path) -> None:
    async def check(first: Spool, second: Spool) -> None:
        assert await second.try_to_deliver()
        assert not await first.try_to_deliver()
        await second.close()
        assert await first.try_to_deliver()

    with_spools(tmp_path, check)


def test_append_whose_caller_gives_up_goes_on_to_its_end(tmp_path: Path) -> None:
    async def check(first: Spool, _: Spool) -> None:
        appending = asyncio.ensure_future(first.append(batch(0)))
        await asyncio.sleep(0)
        appending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await appending
        await first.append(batch(1))
        assert await deliver(first) == ["0.0", "1.0"]

    with_spools(tmp_path, check)


def test_records_of_an_earlier_service_are_adopted_and_those_of_this_one_are_not(
    tmp_path: Path,
) -> None:
    async def before(first: Spool, _: Spool) -> None:
        await first.append(batch(0, 3))

    async def after(first: Spool, second: Spool) -> None:
        await second.append(batch(1, 2))
        assert (await first.adopt(), await first.adopt()) == (3, 0)
        assert first.pending_rows == 5

    with_spools(tmp_path, before)
    with_spools(tmp_path, after)


def test_damage_is_counted_by_who_finds_it(tmp_path: Path) -> None:
    async def check(first: Spool, second: Spool) -> None:
        await first.append(batch(0, 3))
        change(tmp_path, "update records set digest = x'00'")
        assert await second.oldest() is None
        assert (first.lost_rows, second.lost_rows, first.pending_rows) == (0, 3, 0)

    with_spools(tmp_path, check)


def test_closed_spool_takes_and_gives_nothing(tmp_path: Path) -> None:
    async def check(first: Spool, _: Spool) -> None:
        await first.append(batch(0))
        record = await first.oldest()
        assert record is not None
        await first.close()
        await first.close()
        assert isinstance(await first.append(batch(1)), SpoolBroken)
        assert await first.oldest() is None
        assert not await first.remove(record)
        assert not await first.try_to_deliver()

    with_spools(tmp_path, check)


def test_unusable_folder_is_a_sentence_and_no_exception(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "file").touch()
        spool = new_spool(tmp_path / "file", StreamOrder(None, SystemClock()))
        assert "meter_usage.spool.dir" in str(await spool.open())
        assert await spool.oldest() is None
        assert not await spool.try_to_deliver()
        assert await spool.adopt() == 0
        await spool.close()

    asyncio.run(main())
