"""Programs of the system that tests run: skipped where one is missing, but not in CI.

`.ci/packages` has the Debian packages with them, and `.ci/run` installs those.
"""

import os
import shutil

import pytest


def system_program(name: str) -> str:
    """Return the path of a program; without it, skip, or fail where `CI=true`."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing, which .ci/run installs")
    pytest.skip(f"{name} is not installed")
