"""The compiled module: it builds without a warning, from the source that is here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools.errors import CompileError

from build_native import compile_native
from utility_ts_analytics.records import native

PROJECT = Path(__file__).parents[3]

needs_module = pytest.mark.skipif(
    native.ilp_lines is None and not os.environ.get("CI"),
    reason="installed without a C compiler or Python's headers",
)


@needs_module
def test_the_compiled_module_is_there() -> None:
    """Where CI is set a missing one is a failure: half the tests would hold the plain versions."""
    assert native.ilp_lines is not None
    assert native.derive_event_ids is not None


@needs_module
def test_source_compiles_without_a_warning_and_can_be_imported(tmp_path: Path) -> None:
    module = compile_native(PROJECT, tmp_path, flags=("-Werror", "-Wpedantic", "-Wshadow"))
    assert [path.name for path in tmp_path.iterdir()] == [module.name]
    listed = subprocess.run(
        [sys.executable, "-c", "import _native; print(*dir(_native))"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert {"column_lines", "derive_event_ids", "ilp_lines"} <= set(listed)


@needs_module
def test_an_error_in_the_source_leaves_what_was_there(tmp_path: Path) -> None:
    broken = tmp_path / "server" / "native"
    broken.mkdir(parents=True)
    (broken / "module.c").write_text("#error as intended\n")
    into = tmp_path / "package"
    into.mkdir()
    with pytest.raises(CompileError):
        compile_native(tmp_path, into)
    assert list(into.iterdir()) == []
