import pytest

from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.values import BindAddress


def test_sections_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().metrics.bind_address_set = BindAddress("::1", 1)  # type: ignore[misc]  # the promise
