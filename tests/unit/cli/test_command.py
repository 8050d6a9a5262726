"""A package that is not there is told with the extra that has it; a fault of ours is not hidden."""

import importlib

import pytest

from utility_ts_analytics.cli.command import extra_needed
from utility_ts_analytics.errors import OperatorError


def test_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(OperatorError) as refused, extra_needed("draw a report"):
        importlib.import_module("no_such_package")
    assert str(refused.value) == (
        "cannot draw a report: no_such_package is not installed; run pip install"
        " 'utility-ts-analytics[analysis]'"
    )


def test_missing_module_of_our_own_is_a_fault() -> None:
    with pytest.raises(ModuleNotFoundError), extra_needed("archive", "files"):
        importlib.import_module("utility_ts_analytics.no_such_module")
