"""What the words of a sequence do: posts of versions, faults of lines and processes, and waits.

Posts are made by a thread for each account, one after the other, so that they go on while the next
steps happen.
"""

import contextlib
import os
import queue
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

from loadtest.faults.books import Books
from loadtest.faults.calm import wait_calm
from loadtest.faults.courier import Courier
from loadtest.faults.ledger import Ledger
from loadtest.faults.process_faults import workers_of
from loadtest.faults.proxy import Proxy
from loadtest.faults.stage import Stage
from loadtest.faults.version_books import enter_committed
from loadtest.faults.version_producers import post_version
from loadtest.faults.versions import Corrected
from loadtest.meter_posts import CONTENT_TYPE, PATH
from loadtest.posting import Target

_PATIENCE_S = 10.0
_CALM_S_MAX = 40.0
_INSIST_S_MAX = 5.0
_INSIST_PAUSE_S = 0.05
_SLOW_BYTES_PER_S = 4_000


class Poster:
    """Posts versions of one account in a thread of its own, as often as asked, in order.

    Every post has a connection of its own, so that any worker may get it.
    """

    def __init__(self, account: Corrected, ledger: Ledger, port: int) -> None:
        self.account = account
        self._ledger = ledger
        self._port = port
        self._asked: queue.Queue[tuple[bool, float] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name=f"poster {account.number}")
        self._thread.start()

    def ask(self, *, again: bool, patience_s: float = _PATIENCE_S) -> None:
        """Post the next version, or the last one again unless it is acknowledged.

        Args:
            again: Which of the two.
            patience_s: Without an answer for so long the connection is closed, seconds.
        """
        self._asked.put((again, patience_s))

    def settle(self) -> None:
        """Return once all that was asked has an answer or a broken connection."""
        self._asked.join()

    def close(self) -> None:
        """End the thread once all that was asked is done."""
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            again, patience_s = asked
            account = self.account
            repeat = again and account.posted > account.acknowledged
            courier = Courier(Target(self._port, PATH, CONTENT_TYPE, answer_timeout_s=patience_s))
            post_version(courier, account, account.posted + (not repeat), self._ledger)
            courier.close()
            self._asked.task_done()


class Player:
    """Does the steps of one sequence.

    Args:
        stage: With the service set up.
        corrected: The accounts of the sequence.
        rng: Chooses the worker that is killed.

    Attributes:
        corrected: As above.
        ledger: What was answered.
        books: What was seen to be undone while the sequence was played.
    """

    def __init__(self, stage: Stage, corrected: Sequence[Corrected], rng: random.Random) -> None:
        self.corrected = corrected
        self.ledger = Ledger([])
        self.books = Books()
        self._stage = stage
        self._rng = rng
        port = stage.service.meter_usage_port
        self._posters = [Poster(it, self.ledger, port) for it in corrected]
        self._starting: threading.Thread | None = None

    def do(self, step: str) -> None:
        """Do one step."""
        word, *rest = step.split()
        STEPS[word](self, *rest)

    def calm_down(self) -> None:
        """End every fault, and wait until nothing is on its way.

        Raises:
            RuntimeError: That takes too long.
        """
        self.await_questdb()
        self.lose_and_mend()
        self._stage.set_right()
        self.settle()
        self._stage.await_service()
        wait_calm(self._stage.service.operations_port, timeout_s=_CALM_S_MAX)

    def close(self) -> None:
        """End the threads."""
        for poster in self._posters:
            poster.close()
        self.await_questdb()

    def post(self, which: str, patience_s: str = str(_PATIENCE_S), *, again: bool = False) -> None:
        """Begin a post of one account, or of all."""
        chosen = self._posters if which == "all" else [self._posters[int(which)]]
        for poster in chosen:
            poster.ask(again=again, patience_s=float(patience_s))

    def settle(self) -> None:
        """Wait for the answers."""
        for poster in self._posters:
            poster.settle()

    def wait(self, seconds: str) -> None:
        """Let things happen."""
        threading.Event().wait(float(seconds))

    def insist(self) -> None:
        """Post version after version of all until one of each is acknowledged, for a while."""
        end_s = time.monotonic() + _INSIST_S_MAX
        waiting = {poster: poster.account.acknowledged for poster in self._posters}
        while waiting and time.monotonic() < end_s:
            for poster in waiting:
                poster.ask(again=False)
            self.settle()
            waiting = {it: last for it, last in waiting.items() if it.account.acknowledged == last}
            threading.Event().wait(_INSIST_PAUSE_S)

    def look(self) -> None:
        """Wait for the answers; what one called committed must be there, or a later version."""
        self.settle()
        if self._stage.questdb_runs:
            with self._stage.database as database:
                enter_committed(self.books, self.corrected, database)

    def end_questdb(self, end: Callable[[Stage], None]) -> None:
        """End QuestDB in this way, also one that is only starting."""
        self.await_questdb()
        end(self._stage)

    def begin_questdb(self) -> None:
        """Tell QuestDB to start and do not wait for it."""
        self._starting = threading.Thread(target=self._stage.start_questdb)
        self._starting.start()

    def await_questdb(self) -> None:
        """Wait for a QuestDB that was told to start."""
        if self._starting is not None:
            self._starting.join()
            self._starting = None

    def kill_worker(self) -> None:
        """End one worker of the stream with SIGKILL, if there is one just now."""
        workers = workers_of(self._stage.service)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._rng.choice(workers), signal.SIGKILL)

    def kill_supervisor(self) -> None:
        """End the supervisor with SIGKILL and start the service again."""
        self._stage.service.kill()
        self._stage.start_service_again(ready=False)

    def restart(self) -> None:
        """Stop the service as an operator does and start it again."""
        self._stage.service.stop()
        self._stage.start_service_again(ready=False)

    def reload(self) -> None:
        """Send SIGHUP."""
        os.kill(self._stage.service.pid, signal.SIGHUP)

    def go_away(self) -> None:
        """Refuse every connection to QuestDB."""
        self._stage.ilp.do(Proxy.refuse)
        self._stage.pgwire.do(Proxy.refuse)

    def silence(self) -> None:
        """Hold all that goes to QuestDB, and its answers."""
        self._stage.ilp.do(Proxy.hold)
        self._stage.pgwire.do(Proxy.hold)

    def lose_and_mend(self) -> None:
        """Break what is open, with all that the line holds, and mend the lines."""
        self._stage.ilp.do(Proxy.cut)
        self._stage.pgwire.do(Proxy.cut)
        self._stage.mend()

    def slow_ilp(self) -> None:
        """Pass ILP slower than its time-outs bear."""
        self._stage.ilp.do(lambda it: it.slow_down(rate_bytes_per_s=_SLOW_BYTES_PER_S))

    def with_ilp(self, fault: Callable[[Proxy], Awaitable[None] | None]) -> None:
        """Do something to the line of ILP."""
        self._stage.ilp.do(fault)

    def mend(self) -> None:
        """Mend the lines; what they hold passes on."""
        self._stage.mend()


STEPS: dict[str, Callable[..., None]] = {
    "post": Player.post,
    "repost": lambda player, *rest: player.post(*rest, again=True),
    "settle": Player.settle,
    "insist": Player.insist,
    "look": Player.look,
    "wait": Player.wait,
    "reload": Player.reload,
    "kill-worker": Player.kill_worker,
    "kill-supervisor": Player.kill_supervisor,
    "restart": Player.restart,
    "stop-questdb": lambda player: player.end_questdb(Stage.stop_questdb),
    "kill-questdb": lambda player: player.end_questdb(Stage.kill_questdb),
    "begin-questdb": Player.begin_questdb,
    "away": Player.go_away,
    "refuse-ilp": lambda player: player.with_ilp(Proxy.refuse),
    "cut-ilp": lambda player: player.with_ilp(Proxy.cut),
    "silence": Player.silence,
    "silence-ilp": lambda player: player.with_ilp(Proxy.hold),
    "slow-ilp": Player.slow_ilp,
    "mend": Player.mend,
    "lose-and-mend": Player.lose_and_mend,
}
"""The word of each step, and what it does with the words that follow it."""
