"""A stop reaches Granian's main loop whenever its signal comes."""

import threading

from granian.constants import Interfaces

from utility_ts_analytics.service.http_server import StoppableGranian


def test_stop_that_comes_while_the_main_thread_holds_a_lock_is_neither_stuck_nor_lost() -> None:
    server = StoppableGranian("x", interface=Interfaces.ASGI)
    server.wake_on_stop()
    event = server.main_loop_interrupt
    handler = threading.Thread(target=server.signal_handler_interrupt, daemon=True)
    with event._cond:  # type: ignore[attr-defined]  # as in `clear`, `set` and `wait`
        handler.start()
        handler.join(5.0)
        assert not handler.is_alive(), "in the main thread itself this would be for ever"
    event.clear()  # as Granian does after it has replaced a worker
    waiter = threading.Thread(target=event.wait, daemon=True)
    waiter.start()
    waiter.join(5.0)
    assert not waiter.is_alive(), "the stop was lost"
