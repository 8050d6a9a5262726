"""The load profiles: what is sent, how often, for how long, and what must hold. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What fails a run, beside the books, which must always balance.

    Attributes:
        errors_share: Posts that ended without a right answer, of all, 0..1.
        turned_away_share: Answers that told the client to come back (429, 503), of all, 0..1.
        p99_ms: From when a post was due to its answer.
        arrivals_share_min: Posts made, of those planned, 0..1.
        worker_mb: The most memory any worker ever has, MB (1e6 bytes).
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
        text: What it stands for, one line.
        limits: What fails it.
        users: Connections, before any burst.
        rate: Bodies per second of all these users together; 0 posts one after the other.
        seconds: How long, unless told otherwise.
        rows: Right lines of one piece; a body is one piece or many.
        pieces: Of one body.
        stock: Different pieces made ahead. Each is sent again for the next interval.
        bad_every: One bad line after so many right ones; 0 for none.
        duplicate_every: One line for a meter that was there before after so many; 0 for none.
        replay_every: One body out of so many is posted a second time; 0 for none.
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
        # Connections past the limit of a worker are told to come back; that is what it is for.
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
    """Return how many posts fall due in a run of so many seconds; 0 where none are scheduled.

    Half a second is left out: users need a moment to begin.
    """
    return int(profile.rate * max(0.0, seconds - 0.5) * (2 + profile.burst) / 3)


def users_at(profile: Profile, elapsed_s: float, seconds: float) -> int:
    """Return how many users a run of so many seconds has after `elapsed_s`."""
    in_burst = seconds / 3 <= elapsed_s < seconds * 2 / 3
    return profile.users * (profile.burst if in_burst else 1)
