"""One fault under load, from warm-up to balanced books."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from loadtest.books import Books, balance
from loadtest.database import QuestDBRest
from loadtest.faults.producers import Load
from loadtest.faults.proxy import ProxyThread
from loadtest.faults.scale import Scale
from loadtest.faults.stage import Setup, Stage
from loadtest.ledger import Ledger
from loadtest.processes import wait_until
from loadtest.stored import COUNT_SQL, TABLE

_WARM_UP_S_MAX = 60.0
_WARM_BODIES = 4
_FINISH_S_MAX = 60.0
_AFTERMATH_S = 0.5
"""Load goes on for so long after the first acknowledgement: delayed bytes arrive now."""


Span = tuple[float, float]
"""Begin and end of a fault, monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault and its expected result.

    Attributes:
        name: In the table and on the command line.
        act: Does the fault; marks each occurrence with `Scene.fault`.
        setup: The service it is done to.
        through_front: Whether the producers post through the proxy before the service.
        may_lose: Whether lost rows, and readings undone by a lost correction, are no failure: the
            fault destroys stored rows.
    """

    name: str
    act: Callable[["Scene"], None]
    setup: Setup = field(default_factory=Setup)
    through_front: bool = False
    may_lose: bool = False


@dataclass(slots=True)
class Scene:
    """What a scenario acts on.

    Attributes:
        stage: QuestDB, proxies and the service.
        ledger: The accounts of the clients.
        rng: Seeded, so that a run can be repeated.
        spans_s: Of the faults so far.
    """

    stage: Stage
    ledger: Ledger
    rng: random.Random
    spans_s: list[Span] = field(default_factory=list)

    @property
    def scale(self) -> Scale:
        """How long and how hard."""
        return self.stage.scale

    @contextlib.contextmanager
    def fault(self) -> Iterator[None]:
        """Mark the block as one fault; it ends with the block."""
        began_s = time.monotonic()
        yield
        self.spans_s.append((began_s, time.monotonic()))

    def wait(self, seconds: float) -> None:
        """Let things happen."""
        threading.Event().wait(seconds)

    def wait_recovered(self) -> None:
        """Return once a body was acknowledged after the end of the last fault.

        Raises:
            RuntimeError: None was, for too long.
        """
        self._wait_acknowledged(self.spans_s[-1][1], "after the fault")

    def wait_answered(self) -> None:
        """Return once a body was acknowledged from now on: the service bears the fault.

        Raises:
            RuntimeError: None was, for too long.
        """
        self._wait_acknowledged(time.monotonic(), "while the fault lasts")

    def wait_answer_of(self, line: ProxyThread) -> None:
        """Return once the server behind a proxy has answered from now on: the line is in use.

        Raises:
            RuntimeError: It has not, for too long.
        """
        before_bytes = line.answered_bytes
        wait_until(
            lambda: line.answered_bytes > before_bytes,
            "the service uses the mended line again",
            timeout_s=self.scale.recovery_s_max,
        )

    def _wait_acknowledged(self, after_s: float, when: str) -> None:
        wait_until(
            lambda: self.ledger.first_acknowledged_s(after_s) is not None,
            f"a body is acknowledged {when}",
            timeout_s=self.scale.recovery_s_max,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one scenario or sequence.

    Attributes:
        name: Of it.
        books: None where the run ended before.
        retries: Bodies sent again.
        answers: How often each status came, or each error in place of an answer.
        answered_in_fault: Bodies acknowledged while a fault lasted.
        slowest_s: Longest time from a body's first byte to its answer.
        recovery_s: From the end of a fault to the first acknowledgement, the longest; None if none.
        failures: Everything that must not be, in words; empty if all is well.
    """

    name: str
    books: Books | None
    retries: int
    answers: dict[str, int]
    answered_in_fault: int
    slowest_s: float
    recovery_s: float | None
    failures: list[str]

    @classmethod
    def of(
        cls,
        name: str,
        ledger: Ledger,
        books: Books | None,
        failures: list[str],
        spans_s: Sequence[Span] = (),
    ) -> "Report":
        """Return the report of a run with faults in these spans."""
        return cls(
            name=name,
            books=books,
            retries=ledger.retries,
            answers=dict(ledger.answers),
            answered_in_fault=answered_in_fault(ledger, spans_s),
            slowest_s=ledger.slowest_s,
            recovery_s=longest_recovery_s(ledger, spans_s),
            failures=failures,
        )


def play(stage: Stage, scenario: Scenario, *, seed: int = 1) -> Report:
    """Play one scenario and balance its books. Leaves the stage ready for the next."""
    ledger = Ledger()
    scene = Scene(stage, ledger, random.Random(seed))
    failures: list[str] = []
    books = None
    try:
        stage.set_up(scenario.setup)
        with stage.database as database:
            database.truncate(TABLE)
        stage.opened = 0
        _act(scene, scenario)
    except (RuntimeError, OSError) as error:
        failures.append(str(error))
    try:
        # After an aborted run too: its acknowledged rows must be there.
        stage.set_right()
        with stage.database as database:
            try:
                _await_spooled(scene, database)
            except RuntimeError as error:
                failures.append(str(error))
            books = balance(Books(), ledger.accounts, database)
    except (RuntimeError, OSError) as error:
        failures.append(str(error))
    failures += failures_of(scenario, ledger, books)
    return Report.of(scenario.name, ledger, books, failures, scene.spans_s)


def _await_spooled(scene: Scene, database: QuestDBRest) -> None:
    """Wait until as many rows as were promised are there, and nothing more is on its way.

    Raises:
        RuntimeError: Something is on its way for too long.
    """
    if scene.ledger.answers["202"]:
        promised = sum(it.promised_rows for it in scene.ledger.accounts)
        with contextlib.suppress(RuntimeError):  # then they are lost, and the books say how many
            wait_until(
                lambda: database.count(COUNT_SQL) >= promised,
                "spooled rows are stored",
                timeout_s=scene.scale.recovery_s_max,
            )
    scene.stage.await_drained()


def answered_in_fault(ledger: Ledger, spans_s: Sequence[Span]) -> int:
    """Count bodies acknowledged in the later half of each fault: sooner, they were under way."""
    return sum(
        ledger.acknowledged_between((start_s + end_s) / 2, end_s) for start_s, end_s in spans_s
    )


def longest_recovery_s(ledger: Ledger, spans_s: Sequence[Span]) -> float | None:
    """Return the longest time from the end of a fault to the next acknowledgement; None if none."""
    firsts_s = ((end_s, ledger.first_acknowledged_s(end_s)) for _, end_s in spans_s)
    return max((it - end_s for end_s, it in firsts_s if it is not None), default=None)


def failures_of(scenario: Scenario, ledger: Ledger, books: Books | None) -> list[str]:
    """Return everything about a run that must not be, in words."""
    found = [f"wrong answer: {reason}" for reason in ledger.wrong]
    bodies = [it for it in ledger.accounts if it.sent_rows == it.rows and not it.corrected]
    open_bodies = sum(it.acknowledgements == 0 for it in bodies) - ledger.wrong_count
    if open_bodies > 0:
        found.append(f"{open_bodies} bodies were sent whole and never acknowledged")
    if books is None or books.balanced:
        return found
    if books.doubled or books.wrong or books.unsent or not scenario.may_lose:
        found += ["the books do not balance", *books.findings]
    return found


def _act(scene: Scene, scenario: Scenario) -> None:
    stage, ledger = scene.stage, scene.ledger
    port = stage.front.port if scenario.through_front else stage.service.meter_usage_port
    began_s = time.monotonic()
    with Load(ledger, port, scene.scale.pace) as load:
        wait_until(
            lambda: ledger.acknowledged_between(began_s, time.monotonic()) >= _WARM_BODIES,
            "the first bodies are acknowledged",
            timeout_s=_WARM_UP_S_MAX,
        )
        scenario.act(scene)
        stage.mend()
        scene.wait_recovered()
        scene.wait(_AFTERMATH_S)
        load.stop(timeout_s=_FINISH_S_MAX)
