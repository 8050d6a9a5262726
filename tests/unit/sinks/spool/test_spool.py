import asyncio
import errno
import os
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest import mock

from tests.unit.sinks.spool.spool_rig import SPEC, batch, failing, meters

from utility_ts_analytics.sinks.spool import Appended, Spool, SpoolBroken, SpoolFull


def with_spool(folder: Path, check: Callable[[Spool], Awaitable[None]]) -> None:
    async def main() -> None:
        spool = Spool(folder, SPEC, bytes_max=1_000_000)
        try:
            await asyncio.wait_for(check(spool), timeout=20.0)
        finally:
            await spool.close()

    asyncio.run(main())


async def deliver(spool: Spool) -> list[str]:
    delivered = []
    while (rows := await spool.oldest()) is not None:
        delivered += meters(rows)
        await spool.remove_oldest()
    return delivered


class SlowSync:
    """Holds `fdatasync` until `let_go`; `reached` says that it was called."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._gate = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._sync = os.fdatasync

    def __call__(self, fd: int) -> None:
        self._loop.call_soon_threadsafe(self.reached.set)
        assert self._gate.wait(20.0)
        self._sync(fd)

    def let_go(self) -> None:
        self._gate.set()


def test_rows_go_in_and_come_out(tmp_path: Path) -> None:
    async def check(spool: Spool) -> None:
        assert await spool.open() is None
        appended = await spool.append(batch(0, 3))
        assert isinstance(appended, Appended)
        assert (spool.pending_rows, spool.pending_bytes) == (3, appended.size_bytes)
        assert await spool.adopt() is False
        assert await deliver(spool) == ["0.0", "0.1", "0.2"]
        assert (spool.pending_rows, spool.pending_bytes) == (0, 0)
        assert (spool.lost_records, spool.lost_rows, spool.torn_records) == (0, 0, 0)

    with_spool(tmp_path, check)


def test_making_a_spool_touches_nothing(tmp_path: Path) -> None:
    Spool(tmp_path / "a", SPEC, bytes_max=1)
    assert list(tmp_path.iterdir()) == []


def test_readings_are_for_this_user_only(tmp_path: Path) -> None:
    async def check(spool: Spool) -> None:
        await spool.open()
        await spool.append(batch(0))
        paths = list((tmp_path / "a").rglob("*"))
        assert len(paths) == 4
        for path in [tmp_path / "a", *paths]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)

    before = os.umask(0)
    try:
        with_spool(tmp_path / "a", check)
    finally:
        os.umask(before)


def test_trouble_is_a_value(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def check(spool: Spool) -> None:
        refused = await spool.open()
        assert refused is not None
        assert refused.startswith("cannot use the spool directory")
        assert isinstance(await spool.append(batch(0)), SpoolBroken)

    async def check_full(spool: Spool) -> None:
        await spool.open()
        with failing("fdatasync", errno.ENOSPC):
            assert isinstance(await spool.append(batch(0)), SpoolFull)

    with_spool(tmp_path / "file", check)
    with_spool(tmp_path / "fine", check_full)


def test_damage_is_told(tmp_path: Path) -> None:
    async def write(spool: Spool) -> None:
        await spool.append(batch(0, 2))
        await spool.append(batch(1, 2))

    async def check(spool: Spool) -> None:
        await spool.open()
        assert await deliver(spool) == []
        assert (spool.lost_records, spool.lost_rows, spool.torn_records) == (1, 2, 1)

    with_spool(tmp_path, write)
    (segment,) = tmp_path.glob("*/*/*.spool")
    data = bytearray(segment.read_bytes())
    data[40] ^= 1
    segment.write_bytes(data[:-1])
    with_spool(tmp_path, check)


def test_loop_goes_on_while_the_disk_is_slow(tmp_path: Path) -> None:
    async def check(spool: Spool) -> None:
        await spool.open()
        slow = SlowSync()
        with mock.patch.object(os, "fdatasync", slow):
            appending = asyncio.ensure_future(spool.append(batch(0)))
            await slow.reached.wait()
            assert spool.pending_rows == 0
            assert not appending.done()
            slow.let_go()
            assert isinstance(await appending, Appended)

    with_spool(tmp_path, check)


def test_cancelled_append_goes_on_to_its_end_and_counts(tmp_path: Path) -> None:
    """Also one that had not begun: what happens never depends on when the caller gave up."""

    async def check(spool: Spool) -> None:
        await spool.open()
        slow = SlowSync()
        with mock.patch.object(os, "fdatasync", slow):
            running = asyncio.ensure_future(spool.append(batch(0)))
            waiting = asyncio.ensure_future(spool.append(batch(1)))
            await slow.reached.wait()
            running.cancel()
            waiting.cancel()
            await asyncio.wait({running, waiting})
            assert running.cancelled()
            assert waiting.cancelled()
            slow.let_go()
            assert isinstance(await spool.append(batch(2)), Appended)
        assert spool.pending_rows == 3
        assert await deliver(spool) == ["0.0", "1.0", "2.0"]

    with_spool(tmp_path, check)


def test_cancelled_removal_is_made_once(tmp_path: Path) -> None:
    async def check(spool: Spool) -> None:
        await spool.append(batch(0))
        await spool.append(batch(1))
        await spool.oldest()
        slow = SlowSync()
        with mock.patch.object(os, "fdatasync", slow):
            removing = asyncio.ensure_future(spool.remove_oldest())
            await slow.reached.wait()
            removing.cancel()
            await asyncio.wait({removing})
            slow.let_go()
            assert await deliver(spool) == ["1.0"]

    with_spool(tmp_path, check)


def test_close_waits_for_an_append_and_leaves_its_rows(tmp_path: Path) -> None:
    async def main() -> None:
        spool = Spool(tmp_path, SPEC, bytes_max=1_000_000)
        await spool.open()
        slow = SlowSync()
        with mock.patch.object(os, "fdatasync", slow):
            appending = asyncio.ensure_future(spool.append(batch(0)))
            await slow.reached.wait()
            closing = asyncio.ensure_future(spool.close())
            await asyncio.sleep(0)
            slow.let_go()
            assert isinstance(await appending, Appended)
            await closing
        await spool.close()

        assert await spool.append(batch(1)) == SpoolBroken("the spool is closed")
        assert await spool.open() == "the spool is closed"
        assert await spool.oldest() is None
        assert await spool.adopt() is False
        await spool.remove_oldest()

    async def check(spool: Spool) -> None:
        assert await spool.adopt()
        assert await deliver(spool) == ["0.0"]

    asyncio.run(main())
    with_spool(tmp_path, check)
