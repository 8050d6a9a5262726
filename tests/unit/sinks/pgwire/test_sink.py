"""Connecting is an attempt, and it is left in time."""

import asyncio
import time

from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.sinks.contract import RetryLater
from utility_ts_analytics.sinks.pgwire import PgwireSink

SPEC = STREAMS["meter_usage"]


def test_refused_connection_means_nothing_was_stored_and_hides_the_password() -> None:
    async def main() -> None:
        listening = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        sink = PgwireSink(f"postgresql://u:hidden@127.0.0.1:{port}/qdb", "meter_usage", SPEC)
        outcome = await sink.new_payload().send(timeout_s=2.0)
        assert isinstance(outcome, RetryLater)
        assert "hidden" not in outcome.reason
        await sink.close()

    asyncio.run(main())


def test_server_that_never_answers_is_left_in_time() -> None:
    async def main() -> None:
        released = asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            writer.close()

        listening = await asyncio.start_server(hang, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        sink = PgwireSink(f"postgresql://u:p@127.0.0.1:{port}/qdb", "meter_usage", SPEC)
        started_s = time.monotonic()
        assert isinstance(await sink.new_payload().send(timeout_s=0.2), RetryLater)
        assert time.monotonic() - started_s < 4.0
        released.set()
        await sink.close()
        listening.close()

    asyncio.run(main())
