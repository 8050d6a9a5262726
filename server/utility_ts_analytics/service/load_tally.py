"""How far a load has come, for whoever shows it."""

from dataclasses import dataclass, field

from utility_ts_analytics.ingest.account import Account
from utility_ts_analytics.ingest.pieces import PieceSource


@dataclass(slots=True)
class Tally:
    """Changed by the load, read by its progress line.

    Attributes:
        file_count: All inputs.
        bytes_total: Of all inputs on disk; None where one has no size.
        file_number: Of the input being loaded, from 1.
        account: Its account.
        source: It, while it is open.
        resumed_rows: Rows stored and refused by interrupted runs, of all inputs so far.
    """

    file_count: int
    bytes_total: int | None
    file_number: int = 0
    account: Account = field(default_factory=Account)
    source: PieceSource | None = None
    resumed_rows: int = 0
    _bytes_before: int = 0
    _stored_before: int = 0
    _refused_before: int = 0

    @property
    def bytes_read(self) -> int:
        """Of all inputs, so far."""
        return self._bytes_before + (self.source.bytes_read if self.source else 0)

    @property
    def stored_rows(self) -> int:
        """Of all inputs, so far."""
        return self._stored_before + self.account.stored_rows

    @property
    def refused_rows(self) -> int:
        """Of all inputs, so far."""
        return self._refused_before + self.account.refused_rows

    def begin(self) -> None:
        """Go on to the next input."""
        self.file_number += 1

    def resume(self, account: Account) -> None:
        """Show this account, which has the rows of interrupted runs."""
        self.account = account
        self.resumed_rows += account.lines

    def end(self, size_bytes: int | None) -> None:
        """Count the input as one of those before."""
        self._bytes_before += size_bytes or 0
        self._stored_before += self.account.stored_rows
        self._refused_before += self.account.refused_rows
        self.account, self.source = Account(), None
