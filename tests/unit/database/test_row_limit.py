import pytest

from utility_ts_analytics.database.row_limit import check_row_count
from utility_ts_analytics.errors import OperatorError


def test_limit_itself_is_allowed() -> None:
    check_row_count(10, 10)


def test_more_than_the_limit_is_refused_with_what_to_do() -> None:
    with pytest.raises(OperatorError, match="more than 10 rows; stream it"):
        check_row_count(11, 10)
