"""Plays a sequence step by step, waits until it is calm, and balances its versions."""

import contextlib
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from loadtest.books import Books, balance, balance_committed
from loadtest.client import Connection, Target
from loadtest.faults.producers import post_version
from loadtest.faults.proxy import Proxy
from loadtest.faults.scenario import Report
from loadtest.faults.sequences import FaultSequence
from loadtest.faults.stage import Stage
from loadtest.ledger import Account, Ledger
from loadtest.service_counts import wait_calm
from loadtest.stored import TABLE

_PATIENCE_S = 10.0
_CALM_S_MAX = 40.0
_INSIST_S_MAX = 5.0
_INSIST_PAUSE_S = 0.05
_SLOW_BYTES_PER_S = 4_000


def play_sequence(stage: Stage, sequence: FaultSequence) -> Report:
    """Play a sequence, calm down, and balance its books. Leaves the stage for the next one."""
    ledger, books, failures = Ledger(first=stage.opened), Books(), list[str]()
    try:
        stage.set_up(sequence.setup)
        stage.await_service()
        if not stage.opened:  # rows of scenarios would count as not sent
            with stage.database as database:
                database.truncate(TABLE)
        for _ in range(sequence.accounts):
            ledger.open(sequence.rows, corrected=True)
        stage.opened += sequence.accounts
        player = Player(stage, ledger, books, random.Random(sequence.seed))
        try:
            for step in sequence.steps:
                player.do(step)
            player.calm_down()
        finally:
            player.close()
    except (RuntimeError, OSError) as error:
        failures.append(str(error))
    try:
        if ledger.accounts:
            with stage.database as database:
                balance(books, ledger.accounts, database, whole_table=False)
    except (RuntimeError, OSError) as error:
        failures.append(str(error))
    failures += ledger.wrong + books.findings
    if failures:
        failures.insert(0, f"steps: {'; '.join(sequence.steps)}")
    return Report.of(sequence.name, ledger, books, failures)


class Poster:
    """Posts versions of one account in a thread of its own, in order, while other steps happen.

    Every post has a connection of its own, so any worker may get it.
    """

    def __init__(self, account: Account, ledger: Ledger, port: int) -> None:
        self.account = account
        self._ledger = ledger
        self._port = port
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def ask(self, *, again: bool, patience_s: float = _PATIENCE_S) -> None:
        """Post the next version, or with `again` the last one unless it is acknowledged.

        The connection is closed after `patience_s` seconds without an answer.
        """
        self._last = self._thread.submit(self._post, again, patience_s)

    def settle(self) -> None:
        """Return once each post has an answer or a broken connection."""
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """End the thread once all posts are done."""
        self._thread.shutdown()

    def _post(self, again: bool, patience_s: float) -> None:
        account = self.account
        version = account.posted + (not again or account.posted == account.acknowledged)
        target = Target(self._port, answer_timeout_s=patience_s)
        with contextlib.closing(Connection(target)) as connection:
            post_version(connection, account, version, self._ledger)


class Player:
    """Does the steps of one sequence.

    Attributes:
        books: Grow by readings that are seen to be undone during the sequence.
    """

    def __init__(self, stage: Stage, ledger: Ledger, books: Books, rng: random.Random) -> None:
        self.books = books
        self.stage = stage
        self.rng = rng
        self._accounts = ledger.accounts
        port = stage.service.meter_usage_port
        self._posters = [Poster(it, ledger, port) for it in ledger.accounts]
        self._starting: threading.Thread | None = None

    def do(self, step: str) -> None:
        """Do one step."""
        word, *rest = step.split()
        STEPS[word](self, *rest)

    def calm_down(self) -> None:
        """End every fault, and wait until no row is in flight.

        Raises:
            RuntimeError: That takes too long.
        """
        self.await_questdb()
        self.lose_and_mend()
        self.stage.set_right()
        self.settle()
        self.stage.await_service()
        wait_calm(self.stage.service.operations_port, timeout_s=_CALM_S_MAX)

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
        """Wait for the answers; a version called committed must be there, or a later one."""
        self.settle()
        if self.stage.questdb_runs:
            with self.stage.database as database:
                balance_committed(self.books, self._accounts, database)

    def end_questdb(self, end: Callable[[Stage], None]) -> None:
        """End QuestDB in this way, even while it is starting."""
        self.await_questdb()
        end(self.stage)

    def begin_questdb(self) -> None:
        """Start QuestDB and do not wait for it."""
        self._starting = threading.Thread(target=self.stage.start_questdb)
        self._starting.start()

    def await_questdb(self) -> None:
        """Wait for a QuestDB that is starting."""
        if self._starting is not None:
            self._starting.join()
            self._starting = None

    def lose_and_mend(self) -> None:
        """Break open connections, with all bytes that are held, and mend the lines."""
        self.stage.ilp.do(Proxy.cut)
        self.stage.pgwire.do(Proxy.cut)
        self.stage.mend()

    def silence(self) -> None:
        """Hold all bytes to and from QuestDB."""
        self.stage.ilp.do(Proxy.hold)
        self.stage.pgwire.do(Proxy.hold)


def _slow_down(proxy: Proxy) -> None:
    """Pass bytes too slowly for the timeouts."""
    proxy.slow_down(rate_bytes_per_s=_SLOW_BYTES_PER_S)


STEPS: dict[str, Callable[..., object]] = {
    "post": Player.post,
    "repost": lambda player, *rest: player.post(*rest, again=True),
    "settle": Player.settle,
    "insist": Player.insist,
    "look": Player.look,
    "wait": lambda _player, seconds: threading.Event().wait(float(seconds)),
    "reload": lambda player: player.stage.reload_service(),
    "kill-worker": lambda player: player.stage.kill_workers(player.rng),
    "kill-supervisor": lambda player: player.stage.kill_supervisor(),
    "restart": lambda player: player.stage.restart_service(),
    "stop-questdb": lambda player: player.end_questdb(Stage.stop_questdb),
    "kill-questdb": lambda player: player.end_questdb(Stage.kill_questdb),
    "begin-questdb": Player.begin_questdb,
    "away": lambda player: player.stage.refuse_questdb(),
    "refuse-ilp": lambda player: player.stage.ilp.do(Proxy.refuse),
    "cut-ilp": lambda player: player.stage.ilp.do(Proxy.cut),
    "silence": Player.silence,
    "silence-ilp": lambda player: player.stage.ilp.do(Proxy.hold),
    "slow-ilp": lambda player: player.stage.ilp.do(_slow_down),
    "mend": lambda player: player.stage.mend(),
    "lose-and-mend": Player.lose_and_mend,
}
"""The word of each step, and what it does with the words that follow it."""
