"""The one door to the compiled module, which need not be there.

All its functions are None where the package was installed without a C compiler
(`scripts/build_native.py`). Their callers then use their plain versions; the tests hold them equal.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from utility_ts_analytics.records._native import Column
    from utility_ts_analytics.records.reading import Reading

column_lines: "Callable[[Sequence[Column], int, bytes, int], tuple[bytes, bytes]] | None"
derive_event_ids: "Callable[[Sequence[Reading], int], list[Reading]] | None"
array_part_end: "Callable[[bytes, int, int], int] | None"
needs_closer_look: "Callable[[bytes], bool] | None"
ilp_lines: "Callable[[Sequence[Reading], bytes], bytes] | None"

try:
    from utility_ts_analytics.records._native import (
        array_part_end,
        column_lines,
        derive_event_ids,
        ilp_lines,
        needs_closer_look,
    )
except ImportError:
    array_part_end = column_lines = derive_event_ids = ilp_lines = needs_closer_look = None
