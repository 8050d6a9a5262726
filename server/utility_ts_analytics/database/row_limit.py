"""How many rows an answer may have that is held as a whole."""

from utility_ts_analytics.errors import OperatorError

ROWS_MAX = 1_000_000
"""As structs: 0.5 GB."""
COLUMN_ROWS_MAX = 20_000_000
"""As columns: 2 GB where a row has nine of them."""


def check_row_count(row_count: int, rows_max: int) -> None:
    """Return if an answer may have so many rows.

    Raises:
        OperatorError: It has more than `rows_max`.
    """
    if row_count > rows_max:
        raise OperatorError(
            f"cannot hold the answer: it has more than {rows_max} rows;"
            " stream it, ask for less, or raise rows_max"
        )
