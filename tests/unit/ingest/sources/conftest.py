"""What these tests give back."""

import csv
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _cell_limit() -> Iterator[None]:
    """Give back the csv module's own limit, which belongs to the whole process."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)
