"""Compiles `server/native/` when the package is installed or built: a hatch build hook.

Without a C compiler or Python's headers the package is built without the module: the plain Python
versions beside its callers then do the work, at about a third of the speed.
"""

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CompileError, LinkError

_NAME = "_native"
_FLAGS = ("-O3", "-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra")


def compile_native(root: Path, into: Path, *, flags: tuple[str, ...] = ()) -> Path:
    """Compile the module and return its path.

    Args:
        root: The project's folder.
        into: Folder for the module; an existing one is replaced atomically.
        flags: For the compiler, after the usual ones.

    Raises:
        BaseError, CompileError, LinkError: There is no compiler, no `Python.h`, or an error in the
            source.
    """
    sources = sorted((root / "server" / "native").glob("*.c"))
    headers = sorted((root / "server" / "native").glob("*.h"))
    extension = Extension(
        _NAME,
        [str(path) for path in sources],
        depends=[str(path) for path in headers],
        extra_compile_args=[*_FLAGS, *flags],
    )
    command = build_ext(Distribution({"name": _NAME, "ext_modules": [extension]}))
    with tempfile.TemporaryDirectory(dir=into, prefix=".native-") as folder:
        command.build_lib = command.build_temp = folder
        command.ensure_finalized()
        command.run()
        built = Path(command.get_ext_fullpath(_NAME))
        return built.replace(into / built.name)


class NativeBuild(BuildHookInterface[BuilderConfig]):
    """Adds the module to the wheel, or puts it beside the sources for an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files of the wheel are collected."""
        package = Path(self.root) / "server" / "utility_ts_analytics" / "records"
        try:
            module = compile_native(Path(self.root), package)
        except (BaseError, CompileError, LinkError) as error:
            self.app.display_warning(f"built without {_NAME}, at a third of the speed: {error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["artifacts"].append(str(module.relative_to(self.root)))
