"""What a process that reads columns does without."""

import gc
import importlib.abc
import sys

import pyarrow as pa


def slim_process() -> None:
    """Spare this process pandas, and the garbage collector the modules that stay anyway.

    pyarrow imports pandas at the first array that it makes, to know what pandas' own arrays look
    like: half a second and 35 MB, for nothing. Here it finds that there is none, and does not ask
    again. An explicit import of pandas still works. The collector would go through all modules
    again and again, which takes a twentieth of a load.
    """
    blocker = _NoPandas()
    sys.meta_path.insert(0, blocker)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(blocker)
    gc.collect()
    gc.freeze()


class _NoPandas(importlib.abc.MetaPathFinder):
    """Finds that there is no pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)
