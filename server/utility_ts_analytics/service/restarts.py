"""When to start a dead server again, and when to give up. Pure policy, no processes."""

from dataclasses import dataclass

_WAIT_FIRST_S = 0.2
_WAIT_MAX_S = 10.0
_DEATHS_BEFORE_SERVING_MAX = 5


@dataclass(frozen=True, slots=True)
class RestartAfter:
    """Start it again after a wait.

    Attributes:
        wait_s: Seconds.
    """

    wait_s: float


@dataclass(frozen=True, slots=True)
class CrashLoop:
    """It died again and again before it served: starting it once more would not help."""

    deaths: int


class RestartPolicy:
    """Decides for one server; waits double from 0.2 s to 10 s and start over once it served.

    Only deaths before serving count as a crash loop: a server that served and died is always
    started again.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._deaths_before_serving = 0

    def died(self, *, served: bool) -> RestartAfter | CrashLoop:
        """Decide after a death.

        Args:
            served: Whether it was serving at any time since it was last started.
        """
        self._deaths_before_serving = 0 if served else self._deaths_before_serving + 1
        if self._deaths_before_serving >= _DEATHS_BEFORE_SERVING_MAX:
            return CrashLoop(self._deaths_before_serving)
        self.restarts += 1
        return RestartAfter(min(_WAIT_MAX_S, _WAIT_FIRST_S * 2**self._deaths_before_serving))
