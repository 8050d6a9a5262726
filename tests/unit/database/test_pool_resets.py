"""The end of a connection, however it comes, is the end of what it was sending."""

import asyncio
import sys

import pytest
from tests.conftest import TestQuestDB
from tests.unit.database.conftest import MakeProxy, PgwireProxy
from tests.unit.database.test_pool import INSERT, LONG_S, SHORT_S, TABLE, make_table, rows

from utility_ts_analytics.database.pool import AnswerLost, Connection, connect


@pytest.mark.questdb
@pytest.mark.parametrize("how", ["late", "cancelled", "killed"])
def test_statement_that_was_given_up_does_not_reach_the_server_later(
    questdb: TestQuestDB, proxied: MakeProxy, how: str
) -> None:
    """What the kernel still holds would be stored over newer rows, when the network is back."""
    make_table(questdb)

    async def main() -> None:
        async with proxied() as proxy:
            if how == "killed":
                await send_and_be_killed(proxy)
            else:
                connection = await prepared(proxy.uri)
                proxy.hold()
                timeout_s = SHORT_S if how == "late" else LONG_S
                insert = connection.executemany(INSERT, rows(100), timeout_s=timeout_s)
                sending = asyncio.ensure_future(insert)
                await asyncio.wait([sending], timeout=2 * SHORT_S)
                sending.cancel()
                with pytest.raises(AnswerLost if how == "late" else asyncio.CancelledError):
                    await sending
            await asyncio.sleep(SHORT_S)  # until the proxy has seen the end
            await proxy.mend()
            again = await connect(proxy.uri)
            for _ in range(5):
                await again.fetch("SELECT 1", timeout_s=LONG_S)
                await asyncio.sleep(0.05)
            await again.close()

    asyncio.run(main())
    questdb.wait_applied(TABLE)
    assert questdb.query(f"SELECT count() FROM {TABLE}") == [(1,)]


async def prepared(uri: str) -> Connection:
    """Return a connection whose next INSERT goes out as a whole, without a question before it."""
    connection = await connect(uri)
    await connection.executemany(INSERT, rows(1), timeout_s=LONG_S)
    return connection


async def send_and_be_killed(proxy: PgwireProxy) -> None:
    """Send rows from a process of its own, and kill it while the proxy holds them."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from tests.unit.database.test_pool_resets import send; send()"),
        *(proxy.uri,),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    await child.stdout.readline()
    proxy.hold()
    child.stdin.write(b"\n")
    await child.stdout.readline()
    await asyncio.sleep(SHORT_S)
    child.kill()
    await child.wait()


def send() -> None:
    """Connect, say so, and send rows once told to."""

    async def main() -> None:
        connection = await prepared(sys.argv[1])
        sys.stdout.write("connected\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sys.stdout.write("sending\n")
        sys.stdout.flush()
        await connection.executemany(INSERT, rows(100), timeout_s=LONG_S)

    asyncio.run(main())
