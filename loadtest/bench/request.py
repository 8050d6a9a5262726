"""What the suite asks of a child process: one case of one bench."""

import msgspec


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """A running QuestDB, all its ports on 127.0.0.1."""

    http_port: int
    ilp_port: int
    pg_uri: str
    pid: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One case to measure.

    Attributes:
        bench: Name of the bench; its module in `loadtest.bench.questions`.
        case: One of its cases.
        rows: How many readings to work on, about.
        rounds: How many rounds count.
        seconds: How long a round with a pace of its own lasts.
        directory: For files of this case; exists, and is removed afterwards.
        database: Where the bench needs one.
    """

    bench: str
    case: str
    rows: int
    rounds: int
    seconds: float
    directory: str
    database: Database | None = None

    @property
    def needed_database(self) -> Database:
        """The QuestDB of a bench that needs one."""
        if self.database is None:
            raise ValueError(f"cannot run {self.bench}: it needs a QuestDB")
        return self.database
