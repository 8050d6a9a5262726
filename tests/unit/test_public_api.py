"""The names that `import utility_ts_analytics` offers, and that offering them costs nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

import utility_ts_analytics

PAGE = Path(__file__).parents[2] / "docs" / "PYTHON.md"
HEAVY = {"duckdb", "matplotlib", "polars", "pyarrow"}


@pytest.mark.parametrize("name", utility_ts_analytics.__all__)
def test_every_public_name_is_there_and_on_the_page(name: str) -> None:
    assert getattr(utility_ts_analytics, name).__name__ == name
    assert f"`{name}" in PAGE.read_text()


def test_names_are_sorted_and_listed_by_dir() -> None:
    assert utility_ts_analytics.__all__ == sorted(utility_ts_analytics.__all__)
    assert set(utility_ts_analytics.__all__) <= set(dir(utility_ts_analytics))


def test_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'fetch_pandas'"):
        utility_ts_analytics.fetch_pandas  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import utility_ts_analytics",
        "from utility_ts_analytics import TimeRange, connected, fetch_polars, load_profile",
        "import utility_ts_analytics.service.stream_worker",
    ],
)
def test_import_loads_no_analytical_library(statement: str) -> None:
    """A server worker has none of them in memory; a reader has them once it asks for a frame."""
    told = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True
    )
    assert HEAVY & set(done.stdout.split()) == set()
