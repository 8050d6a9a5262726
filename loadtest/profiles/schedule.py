"""When each user posts, and which piece: arrivals that do not wait for answers.

A user that is late posts at once and is still due at its old times, so the time from due to
answer holds the wait that a slow answer causes to those behind it (no coordinated omission).
"""

from dataclasses import dataclass, field

from loadtest.profiles.catalogue import Profile


@dataclass(slots=True)
class Schedule:
    """Shared by all users of a run.

    Attributes:
        profile: With the rate and the number of users that are asked for.
        started_s: Monotonic time of the run's begin, seconds.
    """

    profile: Profile
    started_s: float
    _users: int = field(default=0, init=False)
    _pieces: int = field(default=0, init=False)
    _bodies: int = field(default=0, init=False)

    @property
    def period_s(self) -> float:
        """Between two posts of one user; 0 posts one after the other."""
        return self.profile.users / self.profile.rate if self.profile.rate else 0.0

    def first_due_s(self, now_s: float) -> float:
        """Return when a user that begins now is due for the first time.

        The first users are spread evenly over the period. Those of a burst begin together and
        stay together.
        """
        index, self._users = self._users, self._users + 1
        period_s = self.period_s
        if period_s == 0:
            return now_s
        phase_s = period_s * index / self.profile.users if index < self.profile.users else 0.0
        periods = max(0, -((self.started_s + phase_s - now_s) // period_s))
        return self.started_s + phase_s + periods * period_s

    def next_due_s(self, due_s: float, now_s: float) -> float:
        """Return when a user is due after it was due at `due_s`; it may be past."""
        return due_s + self.period_s if self.period_s else now_s

    def take_body(self) -> tuple[int, bool]:
        """Return the number of the first piece of a new body, and whether to post it twice."""
        first = self._pieces
        self._pieces += self.profile.pieces
        self._bodies += 1
        every = self.profile.replay_every
        return first, bool(every) and self._bodies % every == 0
