"""Python packages that the examples need: skipped where one is missing, but not in CI.

`requirements/examples.txt` has them, and `scripts/test` installs it where `CI=true`: they are half
a gigabyte that nothing else needs.
"""

import importlib.util
import os
from pathlib import Path

import pytest


def package_folder(name: str) -> Path:
    """Return the folder of a package; without it, skip, or fail where `CI=true`."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing, which scripts/test installs")
    pytest.skip(f"{name} is not installed; run scripts/ensure-venv examples")
