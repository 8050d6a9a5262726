"""The soft limit on open files goes up as far as it may, and never down."""

import multiprocessing
import resource

from utility_ts_analytics.service.handshakes import NEWCOMERS_MAX
from utility_ts_analytics.service.open_files import files_needed, raise_soft_limit


def limit_after(soft: int, hard: int, files: int) -> tuple[int, int]:
    """Return what `raise_soft_limit` returns and what holds then, in a process of its own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        theirs.send((raise_soft_limit(files), resource.getrlimit(resource.RLIMIT_NOFILE)[0]))

    process = context.Process(target=child)
    process.start()
    process.join(20)
    found: tuple[int, int] = ours.recv()
    return found


def test_every_connection_is_a_file_and_there_is_room_for_others() -> None:
    assert files_needed(1000, tls=False) > 1100
    assert files_needed(1000, tls=True) > 1000 + NEWCOMERS_MAX


def test_limit_is_raised_to_what_is_needed() -> None:
    assert limit_after(256, 1000, 800) == (800, 800)


def test_limit_is_raised_no_further_than_the_hard_limit() -> None:
    assert limit_after(256, 500, 800) == (500, 500)


def test_limit_is_never_lowered() -> None:
    assert limit_after(900, 1000, 800) == (900, 900)
