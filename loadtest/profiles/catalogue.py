"""The load profiles: what is sent, how often, for how long, what must hold; and the schedule."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a run; its books must balance in any case.

    Attributes:
        errors_share: Posts that ended without the right answer, of all, 0..1.
        turned_away_share: Answers 429 and 503, of all, 0..1.
        p99_ms: From when a post was due to its answer.
        arrivals_share_min: Posts made, of those planned, 0..1.
        worker_mb: Peak memory of any worker, MB (1e6 bytes).
        growth_mb: How much more a worker may have in the last quarter of a run than in the second
            one, medians, MB; None does not look.
    """

    p99_ms: float
    errors_share: float = 0.0
    turned_away_share: float = 0.0
    arrivals_share_min: float = 0.95
    worker_mb: float = 120.0
    growth_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of load.

    Attributes:
        name: As on the command line.
        text: Its description, one line.
        users: Connections, before any burst.
        rate: Bodies per second of all these users together; 0 posts one after the other.
        seconds: How long, unless told otherwise.
        rows: Right lines of one piece; a body is one piece or many.
        pieces: Of one body.
        stock: Different pieces made ahead. Each is sent again for the next interval.
        bad_every: Valid lines from one bad line to the next; 0 for none.
        duplicate_every: Lines from one repeated meter to the next; 0 for none.
        replay_every: Bodies from one that is posted twice to the next; 0 for none.
        chunk_bytes: Bodies go in chunks of this size; 0 sends Content-Length.
        burst: Users in the middle third of the run, as a multiple of those before and after; they
            all post at the same moments.
    """

    name: str
    text: str
    limits: Limits
    users: int
    rate: float
    seconds: int
    rows: int
    pieces: int = 1
    stock: int = 20
    bad_every: int = 0
    duplicate_every: int = 0
    replay_every: int = 0
    chunk_bytes: int = 0
    burst: int = 1


_ALL = (
    Profile(
        name="steady",
        text="a head-end's day: 5,000-row bodies at an even pace",
        limits=Limits(p99_ms=500),
        users=8,
        rate=16,
        seconds=60,
        rows=5_000,
    ),
    Profile(
        name="midnight",
        text="every meter at once: ten times the connections and posts for a third of the run",
        # Connections over the limit of a worker get 429: that is the purpose of this profile.
        limits=Limits(p99_ms=5_000, turned_away_share=0.5, arrivals_share_min=0.85),
        users=20,
        rate=20,
        seconds=60,
        rows=500,
        stock=200,
        burst=10,
    ),
    Profile(
        name="stream",
        text="chunked bodies of a million rows, one after the other on each connection",
        limits=Limits(p99_ms=60_000),
        users=2,
        rate=0,
        seconds=30,
        rows=5_000,
        pieces=200,
        stock=40,
        chunk_bytes=64 * 1024,
    ),
    Profile(
        name="trickle",
        text="many tiny posts: ten rows each, on many connections",
        limits=Limits(p99_ms=50),
        users=40,
        rate=200,
        seconds=30,
        rows=10,
        stock=500,
    ),
    Profile(
        name="dirty",
        text="5 % bad lines, 1 % duplicates within bodies, 1 % of the bodies posted twice",
        limits=Limits(p99_ms=500),
        users=8,
        rate=20,
        seconds=30,
        rows=1_900,
        stock=50,
        bad_every=19,
        duplicate_every=95,
        replay_every=100,
    ),
    Profile(
        name="soak",
        text="for hours (--seconds 14400): a quarter of steady, and memory must stay where it is",
        limits=Limits(p99_ms=500, growth_mb=10),
        users=4,
        rate=4,
        seconds=60,
        rows=5_000,
    ),
)

PROFILES = {profile.name: profile for profile in _ALL}


def planned_posts(profile: Profile, seconds: float) -> int:
    """Return how many posts fall due in a run; 0 without a schedule.

    Half a second is left out: users need a moment to begin.
    """
    return int(profile.rate * max(0.0, seconds - 0.5) * (2 + profile.burst) / 3)


def users_at(profile: Profile, elapsed_s: float, seconds: float) -> int:
    """Return how many users a run of `seconds` has after `elapsed_s`."""
    in_burst = seconds / 3 <= elapsed_s < seconds * 2 / 3
    return profile.users * (profile.burst if in_burst else 1)


@dataclass(slots=True)
class Schedule:
    """When each user posts, and which piece; shared by all users of a run.

    Arrivals do not wait for answers. A late user posts at once and stays due at its old times, so
    the time from due to answer has the wait that a slow answer causes for later posts (no
    coordinated omission).

    Attributes:
        profile: With the rate and the users of this run.
        started_s: Monotonic time of the start, seconds.
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
