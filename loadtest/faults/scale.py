"""How long and how hard faults are."""

from dataclasses import dataclass, field

from loadtest.faults.producers import Pace


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how hard.

    Attributes:
        seconds: Length of one fault that lasts, such as QuestDB away.
        repetitions: How often a fault that has no length strikes, such as a kill.
        slow_connections: Connections that send next to nothing.
        pace: Of the producers.
        recovery_s_max: A run that takes longer to its first acknowledgement has failed.
    """

    seconds: float = 30.0
    repetitions: int = 3
    slow_connections: int = 2_000
    pace: Pace = field(default_factory=Pace)
    recovery_s_max: float = 90.0
