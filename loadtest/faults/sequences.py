"""Sequences of posts and faults, each a row of words: played, calmed down, and balanced.

A step is a word and what belongs to it, such as `post 0`, `reload` or `wait 0.5`; `STEPS` has them
all. Posts are made by a thread for each account, one after the other, so that they go on while the
next steps happen.
"""

import contextlib
import os
import queue
import random
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loadtest.faults.books import Books
from loadtest.faults.calm import wait_calm
from loadtest.faults.courier import Courier
from loadtest.faults.ledger import Ledger
from loadtest.faults.process_faults import workers_of
from loadtest.faults.proxy import Proxy
from loadtest.faults.stage import Setup, Stage
from loadtest.faults.version_books import behind, enter_versions, within
from loadtest.faults.version_producers import post_version
from loadtest.faults.versions import Corrected
from loadtest.meter_posts import CONTENT_TYPE, PATH
from loadtest.posting import Target

_PATIENCE_S = 10.0
_CALM_S_MAX = 40.0
_SLOW_BYTES_PER_S = 4_000


@dataclass(frozen=True, slots=True)
class Play:
    """A sequence of steps, and the service it is done to.

    Attributes:
        name: For reports.
        setup: Of the service; proxied.
        steps: One after the other.
        accounts: How many groups of readings are corrected.
        rows: Readings of each.
        seed: Of what a step draws: which worker is killed.
    """

    name: str
    setup: Setup
    steps: tuple[str, ...]
    accounts: int = 2
    rows: int = 100
    seed: int = 1

    def __str__(self) -> str:
        sink = dict(self.setup.sink)
        return (
            f"{self.name}: workers {self.setup.workers}, connections {sink.get('workers', 1)},"
            f" {'spool' if self.setup.spool else 'no spool'}: {'; '.join(self.steps)}"
        )


@dataclass(slots=True)
class Outcome:
    """What came of a sequence.

    Attributes:
        play: What was played.
        books: Of its versions.
        answers: How often each status came, or each error in place of an answer.
        failures: Everything that must not be, in words; empty if all is well.
    """

    play: Play
    books: Books = field(default_factory=Books)
    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


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
        play: The sequence.
    """

    def __init__(self, stage: Stage, play: Play) -> None:
        self.stage = stage
        self.rng = random.Random(play.seed)
        self.ledger = Ledger([])
        self.found: list[str] = []
        port = stage.service.meter_usage_port
        self._accounts = [stage.versions.open(play.rows) for _ in range(play.accounts)]
        self._posters = [Poster(it, self.ledger, port) for it in self._accounts]
        self._starting: threading.Thread | None = None

    @property
    def corrected(self) -> Sequence[Corrected]:
        """The accounts of this sequence."""
        return self._accounts

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

    def look(self) -> None:
        """Wait for the answers; what one called committed must be there, or a later version."""
        self.settle()
        if self.stage.questdb_runs:
            with self.stage.database as database:
                self.found += behind(self.corrected, database)

    def begin_questdb(self) -> None:
        """Tell QuestDB to start and do not wait for it."""
        self._starting = threading.Thread(target=self.stage.start_questdb)
        self._starting.start()

    def await_questdb(self) -> None:
        """Wait for a QuestDB that was told to start."""
        if self._starting is not None:
            self._starting.join()
            self._starting = None

    def kill_worker(self) -> None:
        """End one worker of the stream with SIGKILL, if there is one just now."""
        workers = workers_of(self.stage.service)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.rng.choice(workers), signal.SIGKILL)

    def kill_supervisor(self) -> None:
        """End the supervisor with SIGKILL and start the service again."""
        self.stage.service.kill()
        self.stage.start_service_again(ready=False)

    def restart(self) -> None:
        """Stop the service as an operator does and start it again."""
        self.stage.service.stop()
        self.stage.start_service_again(ready=False)

    def reload(self) -> None:
        """Send SIGHUP."""
        os.kill(self.stage.service.pid, signal.SIGHUP)

    def go_away(self) -> None:
        """Refuse every connection to QuestDB."""
        self.stage.ilp.do(Proxy.refuse)
        self.stage.pgwire.do(Proxy.refuse)

    def lose_and_mend(self) -> None:
        """Break what is open, with all that the line holds, and mend the lines."""
        self.stage.ilp.do(Proxy.cut)
        self.stage.mend()


def _slow(player: Player) -> None:
    player.stage.ilp.do(lambda it: it.slow_down(rate_bytes_per_s=_SLOW_BYTES_PER_S))


STEPS: dict[str, Callable[..., None]] = {
    "post": Player.post,
    "repost": lambda player, *rest: player.post(*rest, again=True),
    "settle": Player.settle,
    "look": Player.look,
    "wait": lambda _, seconds: threading.Event().wait(float(seconds)),
    "reload": Player.reload,
    "kill-worker": Player.kill_worker,
    "kill-supervisor": Player.kill_supervisor,
    "restart": Player.restart,
    "stop-questdb": lambda player: player.stage.stop_questdb(),
    "kill-questdb": lambda player: player.stage.kill_questdb(),
    "begin-questdb": Player.begin_questdb,
    "start-questdb": lambda player: player.stage.set_right(),
    "away": Player.go_away,
    "refuse-ilp": lambda player: player.stage.ilp.do(Proxy.refuse),
    "cut-ilp": lambda player: player.stage.ilp.do(Proxy.cut),
    "silence-ilp": lambda player: player.stage.ilp.do(Proxy.hold),
    "slow-ilp": _slow,
    "mend": lambda player: player.stage.mend(),
    "lose-and-mend": Player.lose_and_mend,
}
"""Word of a step to what it does."""


def play_sequence(stage: Stage, play: Play) -> Outcome:
    """Play one sequence, calm down, and balance its books. Leaves the stage for the next one."""
    outcome = Outcome(play)
    stage.set_up(play.setup)
    stage.await_service()
    player = Player(stage, play)
    try:
        for step in play.steps:
            player.do(step)
        player.calm_down()
    except (RuntimeError, OSError) as error:
        outcome.failures.append(str(error))
    finally:
        player.close()
    try:
        with stage.database as database:
            start, end = within(player.corrected)
            enter_versions(outcome.books, player.corrected, database, start=start, end=end)
    except (RuntimeError, OSError) as error:
        outcome.failures.append(str(error))
    outcome.answers = dict(player.ledger.answers)
    outcome.failures += player.found + player.ledger.wrong + outcome.books.findings
    return outcome
